package slack

import (
	"net/url"
	"strings"

	api "github.com/slack-go/slack"
)

// control escapes Slack's control characters.
var control = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// width returns the length of an escaped character. Slack does not document whether its
// limits count characters or UTF-16 code units; these are code units, which are more.
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

// plain returns a text from outside, in which Slack looks for no marks.
func plain(text string, most int) *api.TextBlockObject {
	return api.NewTextBlockObject(api.PlainTextType, fit(text, most), false, false)
}

// marked returns a text with marks of ours. Parts of it that come from outside must have
// been through fit. Slack makes no links of its own in it.
func marked(text string) *api.TextBlockObject {
	return api.NewTextBlockObject(api.MarkdownType, text, false, true)
}

// mostLink is how long a link may be to be shown.
const mostLink = 2000

// link returns a link, or "" if the address is not http or https.
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

// mention returns the mark for an entry of [Config.Mention].
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
