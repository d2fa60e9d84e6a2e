package channel_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

func TestEachReasonHasItsWordsAndColor(t *testing.T) {
	for reason, want := range map[incident.Reason]channel.Notification{
		incident.Opened:          {Color: channel.Orange, Label: "ERROR", Headline: "Incident 12 opened", Why: "opened by event 40: error from var_gate"},
		incident.SeverityRaised:  {Color: channel.Red, Label: "CRITICAL", Headline: "Incident 12: severity rose from error to critical by event 41"},
		incident.Updated:         {Color: channel.Red, Label: "CRITICAL", Headline: "Incident 12: 39 more events, still open", Why: "still open: 39 events since 2025-12-27T10:32:00.123456Z, 41 in all"},
		incident.WasAcknowledged: {Color: channel.Blue, Label: "ACKNOWLEDGED", Headline: "Incident 12 acknowledged by ada", Note: "Looking at the hedge"},
		incident.WasResolved:     {Color: channel.Green, Label: "RESOLVED", Headline: "Incident 12 resolved by grace", Note: "Hedged, limit holds again"},
		incident.Test:            {Color: channel.Grey, Label: "TEST", Headline: "A test of this channel, nothing has happened", Why: "a test that ada asked for"},
	} {
		n := channeltest.Notification(reason)
		got := channel.Notification{Color: n.Color, Label: n.Label, Headline: n.Headline, Why: n.Why, Note: n.Note}
		assert.Equal(t, want, got, reason)
	}
}

func TestAMessageHasFactsDetailsAndALink(t *testing.T) {
	n := channel.Render("key", channeltest.Notification(incident.WasResolved).Notice, "https://alertd.example.com")
	assert.Equal(t, "var_gate: VaR limit breached: 0.0512 > 0.0300", n.Title)
	assert.Equal(t, "[RESOLVED] var_gate: VaR…", n.Subject(25))
	assert.Equal(t, "VaR limit breached: 0.0512 > 0.0300", n.Body)
	assert.Equal(t, []channel.Fact{
		{"Severity", "critical"},
		{"Category", "risk_limit"},
		{"Source", "var_gate"},
		{"Status", "resolved"},
		{"Events", "41"},
		{"First seen", "2025-12-27 10:30:00 UTC"},
		{"Last seen", "2025-12-27 10:48:00 UTC"},
		{"Acknowledged by", "ada"},
	}, n.Facts)
	require.Len(t, n.Details, 8)
	assert.Equal(t, channel.Fact{"limit", "0.0300"}, n.Details[2], "numbers keep their digits")
	assert.Equal(t, "https://alertd.example.com/incidents/"+channeltest.IncidentID, n.URL)
	assert.Empty(t, channel.Render("key", n.Notice, "").URL)
	assert.Empty(t, channel.Render("key", channeltest.Notification(incident.Test).Notice, "https://alertd.example.com").URL, "its incident is nowhere to be seen")
}

func TestTextsFromOutsideArePrintable(t *testing.T) {
	const evil = "a\x1b[2J\r\nb\u202e\xff"
	n := channeltest.Opened(alerting.SeverityError, "feed", "stale", `{}`)
	i := &n.Notice.Incident
	i.Source, i.Message, i.AcknowledgedBy = evil, evil, evil
	n.Notice.Why, n.Notice.By, n.Notice.Note = evil, evil, evil
	n.Notice.Context.Fields = []incident.Field{{Name: evil, Value: []byte(`"a\u001b[2J\r\nb\u202e"`)}}
	for _, reason := range channeltest.Reasons() {
		if reason == incident.Digested {
			continue
		}
		n.Notice.Reason = reason
		n = channeltest.Rendered(n)
		for _, line := range []string{n.Title, n.Headline, n.Why, n.Facts[2].Value, n.Details[0].Name} {
			assert.NotContains(t, line, "\n")
		}
		texts := []string{n.Title, n.Headline, n.Body, n.Why, n.Note, n.Subject(100)}
		for _, f := range append(n.Facts, n.Details...) {
			texts = append(texts, f.Name, f.Value)
		}
		for _, text := range texts {
			assert.Equal(t, plaintext.Lines(text), text)
			assert.NotContains(t, strings.ReplaceAll(text, "\n", ""), "\x1b")
		}
		assert.Equal(t, "a\\x1b[2J\nb\\u202e\ufffd", n.Body)
	}
}

func TestANoteOfWhiteSpaceIsNone(t *testing.T) {
	n := channeltest.Notification(incident.WasResolved)
	n.Notice.Note = " \r\n\t"
	assert.Empty(t, channeltest.Rendered(n).Note)
}

func TestADigestSaysWhatWasHeldBack(t *testing.T) {
	n := channeltest.Notification(incident.Digested)
	assert.Equal(t, channel.Red, n.Color, "as the worst")
	assert.Equal(t, "[DIGEST] 17 incidents held back: 1 critical, 6 error, 10 warning", n.Subject(100))
	assert.Equal(t, "17 incidents held back since 12:03 UTC", n.Headline)
	assert.Equal(t, "By severity: 1 critical, 6 error, 10 warning\nBy category: 10 data_quality, 6 execution_error, 1 risk_limit\n"+
		"By source: 10 feed, 6 router, 1 var_gate", n.Body)
	assert.Equal(t, []channel.Fact{
		{"Incidents", "17"},
		{"Events", "73"},
		{"Held back since", "2025-12-27 12:03:00 UTC"},
		{"Until", "2025-12-27 12:33:00 UTC"},
		{"Why", "channel ops takes 30 messages an hour"},
	}, n.Facts)
	require.Len(t, n.Items, incident.MaxWorst)
	assert.Equal(t, channel.Item{
		Name: "Incident 12", Text: "CRITICAL var_gate: VaR limit breached: 0.0512 > 0.0300 (resolved)",
		URL: "https://alerts.example.com/incidents/" + channeltest.IncidentID,
	}, n.Items[0])
	assert.Equal(t, "https://alerts.example.com/incidents", n.URL)

	d := *n.Notice.Digest
	d.Incidents, d.Since = 1, d.Since.AddDate(0, 0, -1)
	n.Notice.Digest = &d
	n = channel.Render("key", n.Notice, "")
	assert.Equal(t, "1 incident held back since 2025-12-26 12:03 UTC", n.Headline)
	assert.Empty(t, n.URL+n.Items[0].URL)
}

func TestTextsOfADigestFromOutsideArePrintable(t *testing.T) {
	const evil = "a\x1b[2J\r\nb\u202e\xff"
	i := channeltest.Notification(incident.Opened).Notice.Incident
	i.Source, i.Message, i.Status = evil, evil, evil
	d := incident.NewDigest(i.FirstSeen, i.LastSeen, []incident.Held{{Incident: &i}})
	d.Why = evil
	n := channeltest.Rendered(channel.Notification{Notice: incident.Notice{Reason: incident.Digested, Digest: &d}})
	for _, text := range []string{n.Title, n.Headline, n.Body, n.Facts[4].Value, n.Items[0].Text} {
		assert.Equal(t, plaintext.Lines(text), text)
		assert.NotContains(t, text, "\x1b")
	}
	assert.NotContains(t, n.Items[0].Text, "\n")
	assert.Equal(t, `By source: 1 a [2J b\u202e`+"\ufffd", strings.Split(n.Body, "\n")[2])
}
