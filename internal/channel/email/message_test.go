package email_test

import (
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/email"
	"alertd/internal/channel/email/smtptest"
	"alertd/internal/incident"
)

func TestAMessageHasItsHeaders(t *testing.T) {
	n := channeltest.Notification(incident.SeverityRaised)
	got := sent(t, n)
	assert.Equal(t, "[CRITICAL] var_gate: VaR limit breached: 0.0733 > 0.0300", got.subject(t))
	for header, want := range map[string]string{
		"From":                     `"alertd" <alertd@example.com>`,
		"To":                       `"Ada" <ada@example.com>`,
		"Message-Id":               "<" + n.Key + "@example.com>",
		"Mime-Version":             "1.0",
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
		"X-Priority":               "1",
		"Importance":               "high",
		"X-Alertd-Incident":        channeltest.IncidentID,
		"X-Alertd-Severity":        "critical",
		"X-Alertd-Reason":          "severity_raised",
		"User-Agent":               "alertd",
		"Precedence":               "",
		"Bcc":                      "",
	} {
		assert.Equal(t, want, got.Get(header), header)
	}
	date, err := got.Date()
	require.NoError(t, err)
	assert.True(t, n.Notice.At.Truncate(time.Second).Equal(date), "%s", date)
	for name, values := range got.Header {
		assert.Len(t, values, 1, name)
	}
	assert.Equal(t, []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"}, got.types, "the last one is shown")
}

func TestOnlyOpenCriticalIsImportant(t *testing.T) {
	for reason, want := range map[incident.Reason]string{
		incident.Opened: "", incident.Updated: "1", incident.WasAcknowledged: "", incident.WasResolved: "", incident.Test: "",
	} {
		assert.Equal(t, want, sent(t, channeltest.Notification(reason)).Get("X-Priority"), "%s", reason)
	}
}

func TestBothPartsAreComplete(t *testing.T) {
	got := sent(t, channeltest.Notification(incident.WasResolved))
	tags := regexp.MustCompile(`<[^>]*>`)
	for name, part := range map[string]string{"text": got.text, "html": tags.ReplaceAllString(strings.ReplaceAll(got.html, "</th><td>", ": "), "")} {
		for _, want := range []string{
			"[RESOLVED] Incident 12 resolved by grace", "Severity: critical", "Category: risk_limit", "Source: var_gate", "Status: resolved",
			"Events: 41", "First seen: 2025-12-27 10:3", "Acknowledged by: ada", "Note: Hedged, limit holds again", "portfolio: EQ-LS-1", "limit: 0.0300",
			channeltest.Notification(incident.WasResolved).Key,
		} {
			assert.Contains(t, regexp.MustCompile(`: +`).ReplaceAllString(part, ": "), want, name)
		}
	}
	assert.Contains(t, got.text, "\nhttps://alerts.example.com/incidents/"+channeltest.IncidentID+"\n")
	assert.Contains(t, got.html, `<a href="https://alerts.example.com/incidents/`+channeltest.IncidentID+`">`)
	assert.Contains(t, got.html, `R&amp;D &lt;desk&gt; said &#34;hold&#34;`)
	assert.Contains(t, got.html, `background: #2e9d48;" bgcolor="#2e9d48"`, "resolved is green")
	assert.NotContains(t, got.html, "ZgotmplZ", "the template found a value unsafe")
}

func TestMessagesOfAnIncidentAreOneThread(t *testing.T) {
	server := serve(t, smtptest.Config{})
	c := open(t, settings(server))
	thread := ""
	for _, reason := range channeltest.Reasons() {
		n := channeltest.Notification(reason)
		n.Thread = thread
		result := deliver(t, c, n)
		if thread == "" {
			thread = result.Thread
		}
		if reason != incident.Test && reason != incident.Digested {
			assert.Equal(t, thread, result.Thread, "it stays that of the first")
		}
	}
	root := "<" + channeltest.IncidentID + "@example.com>"
	var first letter
	for at, message := range server.Messages() {
		got := read(t, message.Data)
		reason := channeltest.Reasons()[at]
		assert.Equal(t, "<"+channeltest.Notification(reason).Key+"@example.com>", got.Get("Message-Id"))
		switch {
		case reason == incident.Test, reason == incident.Digested:
			assert.Empty(t, got.Get("References"), "it belongs to nothing")
			assert.Empty(t, got.Get("In-Reply-To"))
			assert.Empty(t, got.Get("X-Alertd-Incident"))
			continue
		case at == 0:
			first = got
			assert.Equal(t, root, got.Get("References"))
			assert.Equal(t, root, got.Get("In-Reply-To"))
		default:
			assert.Equal(t, root+" "+first.Get("Message-Id"), got.Get("References"))
			assert.Equal(t, first.Get("Message-Id"), got.Get("In-Reply-To"))
		}
		_, subject, _ := strings.Cut(got.subject(t), "] ")
		assert.Equal(t, "var_gate: VaR limit breached: 0.0512 > 0.0300", subject, "whatever the later events say")
	}
}

func TestForeignThreadIsIgnored(t *testing.T) {
	for _, thread := range []string{"1714561.000200", "<a@b>", "<a@b> ", "a b", "<a b> c"} {
		n := channeltest.Notification(incident.WasResolved)
		n.Thread = thread
		got := sent(t, n)
		assert.Equal(t, "<"+channeltest.IncidentID+"@example.com>", got.Get("References"), thread)
	}
	n := channeltest.Notification(incident.WasResolved)
	n.Thread = "<a@b> c\r\nBcc: mallory@example.com"
	got := sent(t, n)
	assert.Equal(t, "[RESOLVED] c Bcc: mallory@example.com", got.subject(t))
	assert.Empty(t, got.Get("Bcc"))
}

func TestRepeatIsTheSame(t *testing.T) {
	server := serve(t, smtptest.Config{})
	c := open(t, settings(server))
	for range 2 {
		deliver(t, c, channeltest.Notification(incident.Opened))
	}
	messages := server.Messages()
	require.Len(t, messages, 2)
	assert.Equal(t, string(messages[0].Data), string(messages[1].Data))
}

func TestTextsFromOutsideStayTexts(t *testing.T) {
	n := channeltest.Opened(alerting.SeverityCritical, "feed\r\nBcc: mallory@example.com", "stale\r\n\r\n.\r\nQUIT\r\n<script>alert(1)</script>\x1b[2J", `{"a":"b\r\n--alertd-x--\u0007"}`)
	n.URL = "javascript:alert(1)"
	got := sent(t, n)
	assert.Empty(t, got.Get("Bcc"))
	assert.Equal(t, "[CRITICAL] feed Bcc: mallory@example.com: stale . QUIT <script>alert(1)</script> [2J", got.subject(t))
	assert.Contains(t, got.text, "stale\n\n.\nQUIT\n<script>alert(1)</script>\\x1b[2J")
	assert.Contains(t, got.text, "\n   --alertd-x--\\a\n", "inside the text, not at its end")
	assert.NotContains(t, got.html, "<script>")
	assert.NotContains(t, got.html, "javascript:")
}

func TestDotsAndLongLinesArrive(t *testing.T) {
	long := strings.Repeat("0123456789", 700)
	message := ".\n..\n.hidden\n" + long + "\nFrom here on\n. "
	got := sent(t, channeltest.Opened(alerting.SeverityError, "feed", message, `{"dots":"\n.\n..\n"}`))
	assert.Contains(t, got.text, "\n\n"+message+"\n\n")
	assert.Contains(t, got.html, message)
	assert.Len(t, []rune(got.subject(t)), 200)
}

func TestEveryScriptArrives(t *testing.T) {
	server := serve(t, smtptest.Config{})
	config := settings(server)
	config.From, config.To = `"Überwachung, Nacht" <alertd@example.com>`, []string{`"損失 管理" <ada@example.com>`, "Łukasz <lukasz@example.com>", "k@example.com"}
	n := channeltest.Opened(alerting.SeverityError, "größe", strings.Repeat("損失が限度を超えた 🚨 ", 15), `{"ключ":"значение"}`)
	deliver(t, open(t, config), n)
	require.Len(t, server.Messages(), 3)
	message := server.Messages()[0]
	got := read(t, message.Data)
	assert.Equal(t, "[ERROR] größe: "+strings.TrimSpace(strings.Repeat("損失が限度を超えた 🚨 ", 15)), got.subject(t))
	from, err := got.AddressList("From")
	require.NoError(t, err)
	assert.Equal(t, []*mail.Address{{Name: "Überwachung, Nacht", Address: "alertd@example.com"}}, from)
	to, err := got.AddressList("To")
	require.NoError(t, err)
	assert.Equal(t, []*mail.Address{{Name: "損失 管理", Address: "ada@example.com"}, {Name: "Łukasz", Address: "lukasz@example.com"}, {Address: "k@example.com"}}, to)
	assert.Contains(t, got.text, "ключ: значение\n")
}

func TestALargeContextIsCutAndMarked(t *testing.T) {
	var context strings.Builder
	for i := range 250 {
		fmt.Fprintf(&context, `,"key%d":%d`, i, i)
	}
	n := channeltest.Opened(alerting.SeverityError, "feed", "stale", "{"+context.String()[1:]+"}")
	got := sent(t, n)
	for name, part := range map[string]string{"text": got.text, "html": got.html} {
		assert.Contains(t, part, "key99", name)
		assert.NotContains(t, part, "key100", name)
		assert.Contains(t, part, "and 150 more: the event has all of them", name)
	}
	assert.Less(t, len(got.html), 100<<10)

	n = channeltest.Opened(alerting.SeverityError, "feed", "stale", `{"a":"`+strings.Repeat("x", incident.MaxContext)+`"}`)
	got = sent(t, n)
	assert.Contains(t, got.text, "and more: the event has all of them")
	assert.Contains(t, got.html, "and more: the event has all of them")
}

func TestNonASCIISenderHasMessageIDs(t *testing.T) {
	server := serve(t, smtptest.Config{UTF8: true})
	config := settings(server)
	config.From = "alertd@bücher.example"
	c := open(t, config)
	n := channeltest.Notification(incident.Opened)
	result := deliver(t, c, n)
	assert.Equal(t, "<"+n.Key+"@alertd.invalid> var_gate: VaR limit breached: 0.0512 > 0.0300", result.Thread)
	assert.True(t, server.Messages()[0].UTF8)
}

func TestSMTPUTF8IsForAddressesOnly(t *testing.T) {
	server := serve(t, smtptest.Config{UTF8: true})
	n := channeltest.Opened(alerting.SeverityError, "größe", "zu groß", "{}")
	deliver(t, open(t, settings(server)), n)
	assert.False(t, server.Messages()[0].UTF8)
}

func TestEncodedWordArrivesAsSent(t *testing.T) {
	for _, text := range []string{
		"=?utf-8?q?x?=", "limit =?UTF-8?B?aGk=?= breached", "=?", "a=?b", "=?utf-8?q?x?= größe", strings.Repeat("=?utf-8?q?é?= ", 20),
	} {
		text = strings.TrimSpace(text)
		got := sent(t, channeltest.Opened(alerting.SeverityError, "feed", text, "{}"))
		assert.Equal(t, channel.Shorten("[ERROR] feed: "+text, 200), got.subject(t))
		assert.Contains(t, got.text, "\n"+text+"\n")
	}
}

func TestTemplatesWordTheMessage(t *testing.T) {
	n := channeltest.Worded()
	n.Thread = "<first@example.com> the subject of the first"
	got := sent(t, n)
	assert.Equal(t, "[ERROR] "+channeltest.Title, got.subject(t), "also within a conversation")
	assert.Contains(t, got.Get("References"), "<first@example.com>")
	assert.Contains(t, got.text, "\n\n"+channeltest.Body+"\n\n")
	assert.Equal(t, channeltest.HTML, strings.TrimSpace(got.html))

	failed := sent(t, channeltest.Unworded())
	assert.Regexp(t, `\nTemplate failed: +`+regexp.QuoteMeta(channeltest.TemplateError)+"\n", failed.text)
	assert.Contains(t, failed.html, channeltest.TemplateError)
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	server := serve(t, smtptest.Config{})
	config := settings(server)
	c := open(t, config)
	for at, reason := range channeltest.Reasons() {
		n := channeltest.Notification(reason)
		deliver(t, c, n)
		shown, err := config.Preview(n)
		require.NoError(t, err)
		assert.Equal(t, string(server.Messages()[at].Data), string(shown), reason)
	}
	_, err := email.Config{}.Preview(channeltest.Notification(incident.Opened))
	require.ErrorContains(t, err, "smtp_host")
}
