package email

import (
	"strings"

	gomail "github.com/wneessen/go-mail"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// maxDetails is how many members of a context a message shows: mail programs hide
// what comes after the first 100 KB.
const maxDetails = 100

// compose returns the message. A notification that is sent again makes the same one,
// byte by byte.
func (c *Channel) compose(n channel.Notification, t thread) (*gomail.Msg, error) {
	i := n.Notice.Incident
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(c.from)
	m.ToMailAddress(c.to...)
	m.Subject("[" + n.Label + "] " + t.subject)
	m.SetDateWithValue(n.Notice.At.UTC())
	m.SetMessageIDWithValue(strings.Trim(c.messageID(n.Key), "<>"))
	root, own := c.messageID(i.ID.String()), c.messageID(n.Key)
	if n.Notice.Reason != incident.Test {
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
	m.SetGenHeader("X-Alertd-Severity", i.Severity.String())
	m.SetGenHeader("X-Alertd-Reason", n.Notice.Reason.String())
	if i.Severity == alerting.SeverityCritical && i.Status == incident.Triggered {
		m.SetGenHeader(gomail.HeaderImportance, "high")
		m.SetGenHeader(gomail.HeaderXPriority, "1")
	}
	m.SetBoundary("alertd-" + n.Key)
	v := viewOf(n, t)
	html, err := v.html()
	if err != nil {
		return nil, err
	}
	m.SetBodyString(gomail.TypeTextPlain, v.text())
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, nil
}
