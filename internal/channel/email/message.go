package email

import (
	"encoding/base64"
	"net/mail"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// maxDetails is how many members of a context a message shows. Mail programs hide all
// after the first 100 KB.
const maxDetails = 100

// compose returns the message, with to in its header. The same notification makes the
// same message, byte by byte.
func (c *Channel) compose(n channel.Notification, t thread, to []*mail.Address) (*gomail.Msg, error) {
	i := n.Notice.Incident
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(c.from)
	m.ToMailAddress(to...)
	v := viewOf(n, t)
	m.Subject(header(v.Subject))
	m.SetDateWithValue(n.Notice.At.UTC())
	m.SetMessageIDWithValue(strings.Trim(c.messageID(n.Key), "<>"))
	root, own := c.messageID(i.ID.String()), c.messageID(n.Key)
	severity, open := i.Severity, i.Status == incident.Triggered
	if n.Notice.Digest != nil {
		severity, open = n.Notice.Digest.Severity(), true
	} else if n.Notice.Reason != incident.Test {
		references := []string{root}
		if t.first != own {
			references = append(references, t.first)
		}
		m.SetGenHeader(gomail.HeaderInReplyTo, references[len(references)-1])
		m.SetGenHeader(gomail.HeaderReferences, strings.Join(references, " "))
		m.SetGenHeader("X-Alertd-Incident", i.ID.String())
	}
	// RFC 3834: vacation programs must not answer; Exchange wants a header of its own.
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader(gomail.HeaderXAutoResponseSuppress, "All")
	m.SetUserAgent("alertd")
	m.SetGenHeader("X-Alertd-Severity", severity.String())
	m.SetGenHeader("X-Alertd-Reason", n.Notice.Reason.String())
	if severity == alerting.SeverityCritical && open {
		m.SetGenHeader(gomail.HeaderImportance, "high")
		m.SetGenHeader(gomail.HeaderXPriority, "1")
	}
	m.SetBoundary("alertd-" + n.Key)
	html := n.HTML
	if html == "" {
		var err error
		if html, err = v.html(); err != nil {
			return nil, err
		}
	}
	m.SetBodyString(gomail.TypeTextPlain, v.text())
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, nil
}

// header returns a text for a header. The library encodes what is not ASCII, but leaves
// alone what already looks like an encoded word (RFC 2047), which mail programs would
// decode; such a text is encoded here.
func header(text string) string {
	if !strings.Contains(text, "=?") {
		return text
	}
	const most = 45 // bytes, which are 60 in base64: a word has at most 75 characters
	var words []string
	for len(text) > 0 {
		end := min(len(text), most)
		for end < len(text) && !utf8.RuneStart(text[end]) {
			end--
		}
		words = append(words, "=?UTF-8?B?"+base64.StdEncoding.EncodeToString([]byte(text[:end]))+"?=")
		text = text[end:]
	}
	return strings.Join(words, " ")
}
