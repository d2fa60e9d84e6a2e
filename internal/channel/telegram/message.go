package telegram

import (
	"fmt"
	"net/url"

	"alertd/internal/channel"
	"alertd/internal/incident"
)

// The limits of a message and its parts in UTF-16 code units. Telegram takes 4096. The
// parts before the details are shorter than that together.
const (
	mostMessage  = 4096
	mostHeadline = 300
	mostText     = 1600
	mostNote     = 500
	mostFact     = 100
	mostDetail   = 120
	mostItem     = 160
	mostError    = 200
	mostName     = 60
	mostDetails  = 20 // Telegram reads at most 100 tags of a message
	mostLink     = 2000
	forEnd       = 300 // what comes after the details
)

// compose returns a message in HTML. moved, if not "", is the new id of the chat.
func compose(n channel.Notification, moved string) string {
	p := &page{left: mostMessage - forEnd}
	p.write("b", "["+n.Label+"]")
	p.write("", " ")
	p.outside(n.Headline, mostHeadline)
	if n.Worded.Title != "" {
		p.write("", "\n")
		p.outside(n.Title, mostHeadline)
	}
	p.write("", "\n")
	p.write("pre", cut(n.Body, mostText))
	for _, fact := range n.Facts {
		p.line(fact.Name, fact.Value, mostFact)
	}
	if n.Note != "" {
		p.line("Note", n.Note, mostNote)
	}
	for _, item := range n.Items {
		p.item(item)
	}
	if n.TemplateError != "" {
		p.line("Template failed", n.TemplateError, mostError)
	}
	shown := 0
	if len(n.Details) > 0 {
		p.write("", "\n")
	}
	for _, detail := range n.Details {
		if shown == mostDetails || !p.detail(detail) {
			break
		}
		shown++
	}
	p.left += forEnd
	if left := len(n.Details) - shown; left > 0 {
		p.write("", fmt.Sprintf("\n%d more details", left))
	}
	if n.Cut {
		p.write("", "\nThe context is longer than this")
	}
	if moved != "" {
		p.write("", "\nThis group has become a supergroup: chat_id should now be ")
		p.write("code", moved)
	}
	p.link("\n\n", n.URL, "Open in alertd")
	return p.html.String()
}

// detail adds a member of the event's context, if it fits. Its name is from outside,
// too.
func (p *page) detail(d channel.Fact) bool {
	name, value := cut(d.Name, mostName), cut(d.Value, mostDetail)
	if width("\n"+name+": ")+width(value) > p.left {
		return false
	}
	return p.write("", "\n") && p.outside(name, mostName) && p.write("", ": ") && p.outside(value, mostDetail)
}

// item adds an incident that a digest names, if it fits.
func (p *page) item(i channel.Item) {
	text := cut(i.Text, mostItem)
	if width("\n"+i.Name+": ")+width(text) > p.left {
		return
	}
	if !p.link("\n", i.URL, i.Name) {
		p.write("", "\n"+i.Name)
	}
	p.write("", ": ")
	p.outside(text, mostItem)
}

// link adds a link after a text, and reports whether: its address must be http or https.
func (p *page) link(after, address, label string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || len(u.String()) > mostLink {
		return false
	}
	p.write("", after)
	p.left -= width(label)
	p.html.WriteString(`<a href="` + control.Replace(u.String()) + `">` + control.Replace(label) + "</a>")
	return true
}

// silent reports whether a message comes without a sound.
func silent(r incident.Reason) bool {
	switch r {
	case incident.Updated, incident.WasAcknowledged, incident.WasResolved, incident.Digested:
		return true
	case incident.Opened, incident.SeverityRaised, incident.Test:
	}
	return false
}
