package slack_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/incident"
)

// pieces are what hostile texts are made of.
var pieces = []string{
	"<!channel>", "<!here>", "<@U0123456>", "<https://evil.example.com|here>", "&lt;!channel&gt;", "&", "<", ">", "|", "```", "*", "_", "~", "`", ":x:",
	"@channel", "#general", "https://evil.example.com", "\x00", "\x1b[31m", "\r\n", "\n", "\t", "\u2028", "\u202e", "\u200b", "\ufffe", "\xff", "\xc3",
	"😀", "👩‍👩‍👧", "é", "e\u0301", "中", "\"", "\\", "{", "}", "…", " ", "a", strings.Repeat("long ", 100), strings.Repeat("😀", 80), strings.Repeat("<", 150),
}

func hostileText(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 10).Draw(t, "parts")
		text := strings.Join(parts, "")
		if strings.TrimSpace(text) == "" {
			text = "x"
		}
		return channel.Shorten(strings.Repeat(text, rapid.IntRange(1, 30).Draw(t, "times")), most)
	})
}

func hostile() *rapid.Generator[channel.Notification] {
	return rapid.Custom(func(t *rapid.T) channel.Notification {
		n := channeltest.Notification(rapid.SampledFrom(channeltest.Reasons()).Draw(t, "reason"))
		i := &n.Notice.Incident
		i.Severity = rapid.SampledFrom(alerting.Severities()).Draw(t, "severity")
		i.Status = rapid.SampledFrom(incident.Statuses()).Draw(t, "status")
		i.Message, i.Source = hostileText(alerting.MaxMessageLength).Draw(t, "message"), hostileText(alerting.MaxSourceLength).Draw(t, "source")
		i.AcknowledgedBy, n.Notice.By = hostileText(255).Draw(t, "acknowledged by"), hostileText(255).Draw(t, "by")
		n.Notice.Note, n.Notice.Why = hostileText(8192).Draw(t, "note"), hostileText(500).Draw(t, "why")
		n.Notice.Context = incident.Context{Cut: rapid.Bool().Draw(t, "cut")}
		for range rapid.IntRange(0, 25).Draw(t, "details") {
			value, err := json.Marshal(hostileText(400).Draw(t, "value"))
			if err != nil {
				t.Fatal(err)
			}
			n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: hostileText(100).Draw(t, "name"), Value: value})
		}
		return channeltest.Rendered(n)
	})
}

func TestHostileTextsArePosted(t *testing.T) {
	server := slacktest.New(workspace())
	address := serve(t, server)
	hook, bot := open(t, byWebhook(address)), open(t, byBot(address))
	thread := tell(t, bot, incident.Opened, "")
	rapid.Check(t, func(rt *rapid.T) {
		n := hostile().Draw(rt, "notification")
		seen := len(server.Messages())
		want := 0
		if r := n.Notice.Reason; n.Notice.Incident.Severity == alerting.SeverityCritical && (r == incident.Opened || r == incident.SeverityRaised) {
			want = 1
		}
		for _, send := range []struct {
			ch     channel.Channel
			thread string
		}{{hook, ""}, {bot, ""}, {bot, thread}} {
			n.Thread = send.thread
			if result := send.ch.Send(t.Context(), n); result.Outcome != channel.Delivered {
				rt.Fatalf("%+v, refused %v", result, server.Refused())
			}
		}
		if refused := server.Refused(); len(refused) > 0 {
			rt.Fatalf("refused: %v", refused)
		}
		messages := server.Messages()
		for _, m := range append(messages[seen:], messages[0]) {
			mentions, links := m.Mentions(), m.Links()
			if m.TS == messages[0].TS {
				want = 0
			}
			if len(mentions) != want {
				rt.Fatalf("somebody else is mentioned: %v", mentions)
			}
			if len(links) > 1+len(n.Items) {
				rt.Fatalf("there are links from outside: %v", links)
			}
		}
	})
}

func TestTheLongestTextsArePosted(t *testing.T) {
	server := slacktest.New(workspace())
	ch := open(t, byBot(serve(t, server)))
	thread := ""
	for _, piece := range []string{"x", "é", "😀", "<", "&", "*", "\u202e", "\x01", "\"", "a ", "\n"} {
		for _, reason := range channeltest.Reasons() {
			n := channeltest.Notification(reason)
			n.Thread = thread
			i := &n.Notice.Incident
			i.Message, i.Source = "m"+strings.Repeat(piece, alerting.MaxMessageLength-1), "s"+strings.Repeat(piece, alerting.MaxSourceLength-1)
			i.AcknowledgedBy, n.Notice.By, n.Notice.Note = strings.Repeat(piece, 255), strings.Repeat(piece, 255), strings.Repeat(piece, 8192)
			value, err := json.Marshal(strings.Repeat(piece, 1000))
			require.NoError(t, err)
			for range 30 {
				n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: strings.Repeat(piece, 100), Value: value})
			}
			result := ch.Send(t.Context(), channeltest.Rendered(n))
			assert.Equal(t, channel.Delivered, result.Outcome, "%s of %q: %s", reason, piece, result.Error)
			thread = result.Thread
		}
	}
	assert.Empty(t, server.Refused())
}
