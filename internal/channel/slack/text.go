package slack

import (
	"net/url"
	"strings"

	api "github.com/slack-go/slack"
)

// control are the characters by which texts command Slack.
var control = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// width is how much of a limit a character takes once it is escaped. Whether Slack
// counts characters or UTF-16 code units it does not say; this is the larger.
func width(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<', r == '>':
		return len("&lt;")
	case r > 0xFFFF:
		return 2
	default:
		return 1
	}
}

// fit returns a printable text escaped for Slack, of at most most characters with the
// escapes. A cut is marked, and splits no escape.
func fit(text string, most int) string {
	end, size := 0, 0
	for at, r := range text {
		if size <= most-1 { // one is for the mark
			end = at
		}
		size += width(r)
	}
	if size > most {
		text = text[:end] + "…"
	}
	return control.Replace(text)
}

// plain is text from outside in which Slack looks for nothing.
func plain(text string, most int) *api.TextBlockObject {
	return api.NewTextBlockObject(api.PlainTextType, fit(text, most), false, false)
}

// marked is text of ours, in which what comes from outside was made to fit. Slack
// looks for marks of ours in it, and makes no links of its own.
func marked(text string) *api.TextBlockObject {
	return api.NewTextBlockObject(api.MarkdownType, text, false, true)
}

// mostLink is how long a link may be to be shown.
const mostLink = 2000

// link returns a link, or "" for what is none that a browser opens.
func link(address, label string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	address = strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", " ", "%20", "&", "&amp;").Replace(u.String())
	if len(address) > mostLink {
		return ""
	}
	return "<" + address + "|" + label + ">"
}

// mention returns what mentions somebody of [Config.Mention].
func mention(who string) string {
	switch who {
	case "here", "channel", "everyone":
		return "<!" + who + ">"
	}
	if strings.HasPrefix(who, "S") {
		return "<!subteam^" + who + ">"
	}
	return "<@" + who + ">"
}
