package channeltest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
)

// fragments are texts that services stumble over: markup of all kinds, some of it
// unfinished, the ends of lines and messages in some protocol, mentions, and texts that
// are not what they look like.
var fragments = []string{
	"<b>", "</b>", "<", ">", "&", "&amp;", "&#0;", "<script>alert(1)</script>", "<!channel>", "<@U012ABCDEF>", "<https://example.com|here>", "<img src=x>",
	"*", "_", "~", "`", "```", "**bold", "[link](", "](https://example.com)", "\\", "\\*", "|", "||", "#", "@everyone", "@here",
	"{{.Message}}", "{{", "}}", "%s%n%d", "${HOME}", "$(id)", "'; DROP TABLE incidents; --", "]]>", "<![CDATA[",
	"\r\nBcc: everybody@example.com", "\r\n.\r\n", "\n.\n", "\r", "\n", "\t", "\v", "\u0085", "\u2028", "\u2029", "\x01", "\x1b[31m", "\x7f", "\u0080",
	"\u202e", "\u200b", "\u200d", "\ufeff", "\ufffd", "\ufffe", "e\u0301", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "中文", "עברית", "=?utf-8?q?x?=", "--boundary",
	"\"", "'", " ", "  ", "0", "null", "-", "…", strings.Repeat("long", 300), strings.Repeat("😀", 200), strings.Repeat("word ", 100),
}

// HostileText draws a text of 1 to most characters, not all of them white space, as an
// alert may have.
func HostileText(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		part := rapid.OneOf(rapid.SampledFrom(fragments), rapid.String(), rapid.StringMatching(`[a-z]{1,8} `))
		text := strings.Join(rapid.SliceOfN(part, 1, 12).Draw(t, "parts"), "")
		text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\x01")
		if runes := []rune(text); len(runes) > most {
			text = string(runes[:most])
		}
		if text = strings.TrimSpace(text); text == "" {
			return "."
		}
		return text
	})
}

// HostileNotification draws a message for any reason with hostile texts.
func HostileNotification() *rapid.Generator[channel.Notification] {
	return rapid.Custom(func(t *rapid.T) channel.Notification {
		context, err := json.Marshal(rapid.MapOfN(HostileText(300), HostileText(5000), 0, 6).Draw(t, "context"))
		if err != nil {
			t.Fatalf("the context: %v", err)
		}
		n := Opened(
			rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"), HostileText(255).Draw(t, "source"),
			HostileText(8192).Draw(t, "message"), string(context),
		)
		reason := rapid.SampledFrom(Reasons()).Draw(t, "reason")
		n = as(n, reason, HostileText(255).Draw(t, "by"), HostileText(8192).Draw(t, "note"))
		if rapid.Bool().Draw(t, "templates") { // such as quote what an alert says
			n.Title = plaintext.Lines(channel.OneLine(HostileText(2000).Draw(t, "title")))
			n.Body = plaintext.Lines(HostileText(8192).Draw(t, "body"))
			n.Worded.Title, n.Worded.Body = n.Title, n.Body
			n.TemplateError = plaintext.Lines(channel.OneLine(HostileText(300).Draw(t, "template error")))
		}
		return n
	})
}

// longest returns a message whose texts are as long as they may be.
func longest(reason incident.Reason, text string) channel.Notification {
	full := func(most int) string {
		return "." + strings.Repeat(text, (most-2)/utf8.RuneCountInString(text)) + "."
	}
	value, err := json.Marshal(full(2000))
	if err != nil {
		panic(err)
	}
	name, err := json.Marshal(full(100))
	if err != nil {
		panic(err)
	}
	var context strings.Builder
	for i := range 30 {
		_, _ = fmt.Fprintf(&context, `,"%d%s:%s`, i, name[1:], value)
	}
	n := Opened(alerting.SeverityCritical, full(255), full(8192), "{"+context.String()[1:]+"}")
	return as(n, reason, full(255), full(8192))
}

// as returns the message for another reason. by and note are those of an action.
func as(n channel.Notification, reason incident.Reason, by, note string) channel.Notification {
	notice := &n.Notice
	notice.Reason = reason
	switch reason {
	case incident.WasAcknowledged:
		notice.By, notice.Note, notice.Why = by, note, "acknowledged by "+by
		notice.Incident.Status, notice.Incident.AcknowledgedBy, notice.Incident.AcknowledgedAt = incident.Acknowledged, by, notice.At
	case incident.WasResolved:
		notice.By, notice.Note, notice.Why = by, note, "resolved by "+by
		notice.Incident.Status, notice.Incident.ResolvedBy, notice.Incident.ResolvedAt = incident.Resolved, by, notice.At
	case incident.Digested:
		i, until := notice.Incident, notice.At
		held := make([]incident.Held, incident.MaxSources+2)
		for at := range held {
			of := i
			of.Source = channel.Shorten(fmt.Sprintf("%d%s", at, i.Source), alerting.MaxSourceLength)
			held[at] = incident.Held{Incident: &of, Events: 1}
		}
		*notice = digestOf(until, until, held, by)
	case incident.Opened, incident.SeverityRaised, incident.Updated, incident.Test:
	}
	return Rendered(n)
}
