package slack

import (
	"fmt"
	"math"
	"slices"
	"strings"

	api "github.com/slack-go/slack"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

// How long the parts of a message may be, in characters. Slack documents limits for
// each block, and refuses messages whose blocks have more than about 13,000 together
// as msg_blocks_too_long, which it does not document. These stay below both.
const (
	mostHeader   = 150
	mostHeadline = 600
	mostText     = 3000
	mostNote     = 1500
	mostFact     = 250
	mostDetail   = 150
	mostDetails  = 20
	perSection   = 10 // fields
	mostFallback = 1000
)

// message is one message of Slack's, whatever way it goes.
type message struct {
	text        string // for notifications, where blocks are not shown
	blocks      []api.Block
	attachments []api.Attachment
}

// whole returns a message that stands alone: all that is to be told.
func (c *Channel) whole(n channel.Notification) message {
	return compose(n, n.Label, c.mentions(n), true)
}

// reply returns a message below another one that shows how the incident is: what is
// said there already is left out when an incident is taken or over.
func (c *Channel) reply(n channel.Notification) message {
	if r := n.Notice.Reason; r == incident.WasAcknowledged || r == incident.WasResolved {
		return compose(n, n.Label, "", false)
	}
	return c.whole(n)
}

// root returns the first message about an incident, brought up to date: it mentions
// nobody, and its label is the incident's status.
func root(n channel.Notification) message {
	label := strings.ToUpper(n.Notice.Incident.Severity.String())
	if status := n.Notice.Incident.Status; status != incident.Triggered {
		label = strings.ToUpper(status.String())
	}
	return compose(n, label, "", true)
}

// mentions returns what mentions whoever must hear of it now, and a space; "" if
// nobody must.
func (c *Channel) mentions(n channel.Notification) string {
	r := n.Notice.Reason
	if n.Notice.Incident.Severity != alerting.SeverityCritical || r != incident.Opened && r != incident.SeverityRaised {
		return ""
	}
	return c.mention
}

// compose puts a message together: a header and what has happened, and below, beside
// a bar of the incident's colour, a note, all that there is to know if that is asked
// for, and where there is more.
func compose(n channel.Notification, label, mentions string, everything bool) message {
	title := "[" + label + "] " + n.Title
	var blocks []api.Block
	if everything && (fit(title, mostHeader) != fit(title, math.MaxInt) || !strings.HasSuffix(n.Title, n.Body)) {
		blocks = append(blocks, api.NewSectionBlock(plain(n.Body, mostText), nil, nil)) // the header does not show it whole
	}
	blocks = append(blocks, note(n)...)
	if everything {
		blocks = append(append(blocks, sections(facts(n))...), sections(details(n))...)
	}
	return message{
		text: fit(title+" ("+n.Headline+")", mostFallback),
		blocks: []api.Block{
			api.NewHeaderBlock(plain(title, mostHeader)),
			api.NewSectionBlock(marked(mentions+"*"+fit(n.Headline, mostHeadline)+"*"), nil, nil),
		},
		attachments: []api.Attachment{{
			Color: string(n.Color), Blocks: api.Blocks{BlockSet: append(blocks, footer(n))},
		}},
	}
}

// facts returns what there is to know of the incident.
func facts(n channel.Notification) []*api.TextBlockObject {
	fields := make([]*api.TextBlockObject, 0, len(n.Facts))
	for _, fact := range n.Facts {
		fields = append(fields, marked("*"+fact.Name+"*\n"+fit(fact.Value, mostFact)))
	}
	return fields
}

// details returns the first members of the event's context.
func details(n channel.Notification) []*api.TextBlockObject {
	fields := make([]*api.TextBlockObject, 0, mostDetails)
	for _, detail := range n.Details[:min(len(n.Details), mostDetails)] {
		fields = append(fields, plain(detail.Name+": "+detail.Value, mostDetail))
	}
	return fields
}

// sections returns blocks of fields, as many as they need.
func sections(fields []*api.TextBlockObject) []api.Block {
	var blocks []api.Block
	for some := range slices.Chunk(fields, perSection) {
		blocks = append(blocks, api.NewSectionBlock(nil, some, nil))
	}
	return blocks
}

// note returns the block of what somebody had to say, if there is something.
func note(n channel.Notification) []api.Block {
	if n.Note == "" {
		return nil
	}
	return []api.Block{api.NewSectionBlock(plain("Note: "+n.Note, mostNote), nil, nil)}
}

// footer says where there is more. Its id is the delivery's, so that a message that
// was sent twice can be told.
func footer(n channel.Notification) *api.ContextBlock {
	var says []string
	if left := len(n.Details) - mostDetails; left > 0 {
		says = append(says, fmt.Sprintf("%d more details", left))
	}
	if n.Cut {
		says = append(says, "the context is longer than this")
	}
	if open := link(n.URL, "Open in alertd"); open != "" {
		says = append(says, open)
	}
	says = append(says, "alertd")
	return api.NewContextBlock("delivery-"+n.Key, marked(strings.Join(says, " · ")))
}
