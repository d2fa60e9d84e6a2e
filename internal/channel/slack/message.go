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

// The limits of the parts of a message, in characters. Slack documents limits for each
// block. It also refuses messages whose blocks have more than about 13,000 together, as
// msg_blocks_too_long, which it does not document. These stay below both.
const (
	mostHeader   = 150
	mostHeadline = 600
	mostText     = 3000
	mostNote     = 1500
	mostFact     = 250
	mostDetail   = 150
	mostDetails  = 20
	perSection   = 10 // fields
	mostItem     = 300
	mostError    = 300
	mostFallback = 1000
)

// message is one message for Slack, by webhook or by bot.
type message struct {
	text        string // for notifications, where blocks are not shown
	blocks      []api.Block
	attachments []api.Attachment
}

// whole returns a message that stands alone, with all parts.
func (c *Channel) whole(n channel.Notification) message {
	return compose(n, n.Label, c.mentions(n), true)
}

// reply returns a message below the first one. When the incident was acknowledged or
// resolved it leaves out the facts, which the first message shows.
func (c *Channel) reply(n channel.Notification) message {
	if r := n.Notice.Reason; r == incident.WasAcknowledged || r == incident.WasResolved {
		return compose(n, n.Label, "", false)
	}
	return c.whole(n)
}

// root returns the first message about an incident in its present state. It mentions
// nobody, and its label is the incident's status.
func root(n channel.Notification) message {
	label := strings.ToUpper(n.Notice.Incident.Severity.String())
	if status := n.Notice.Incident.Status; status != incident.Triggered {
		label = strings.ToUpper(status.String())
	}
	return compose(n, label, "", true)
}

// mentions returns the mentions of a message and a space; "" if there are none.
func (c *Channel) mentions(n channel.Notification) string {
	r := n.Notice.Reason
	if n.Notice.Incident.Severity != alerting.SeverityCritical || r != incident.Opened && r != incident.SeverityRaised {
		return ""
	}
	return c.mention
}

// compose makes a message: a header and the headline, and beside a bar of the incident's
// colour the note, then facts and details if everything is asked for, and a footer.
func compose(n channel.Notification, label, mentions string, everything bool) message {
	title := "[" + label + "] " + n.Title
	var blocks []api.Block
	if everything && (fit(title, mostHeader) != fit(title, math.MaxInt) || !strings.HasSuffix(n.Title, n.Body)) {
		blocks = append(blocks, api.NewSectionBlock(plain(n.Body, mostText), nil, nil)) // the header does not show it whole
	}
	blocks = append(append(blocks, note(n)...), items(n)...)
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

// facts returns the facts of the incident as fields.
func facts(n channel.Notification) []*api.TextBlockObject {
	fields := make([]*api.TextBlockObject, 0, len(n.Facts))
	for _, fact := range n.Facts {
		fields = append(fields, marked("*"+fact.Name+"*\n"+fit(fact.Value, mostFact)))
	}
	return fields
}

// details returns the first members of the event's context as fields.
func details(n channel.Notification) []*api.TextBlockObject {
	fields := make([]*api.TextBlockObject, 0, mostDetails)
	for _, detail := range n.Details[:min(len(n.Details), mostDetails)] {
		fields = append(fields, plain(detail.Name+": "+detail.Value, mostDetail))
	}
	return fields
}

// sections returns the fields in as many blocks as they need.
func sections(fields []*api.TextBlockObject) []api.Block {
	var blocks []api.Block
	for some := range slices.Chunk(fields, perSection) {
		blocks = append(blocks, api.NewSectionBlock(nil, some, nil))
	}
	return blocks
}

// items returns the blocks of the incidents that a digest names.
func items(n channel.Notification) (blocks []api.Block) {
	for _, item := range n.Items {
		name := link(item.URL, item.Name)
		if name == "" {
			name = item.Name
		}
		blocks = append(blocks, api.NewSectionBlock(marked("*"+name+"*\n"+fit(item.Text, mostItem)), nil, nil))
	}
	return blocks
}

// note returns the block of the note, if there is one.
func note(n channel.Notification) []api.Block {
	if n.Note == "" {
		return nil
	}
	return []api.Block{api.NewSectionBlock(plain("Note: "+n.Note, mostNote), nil, nil)}
}

// footer says what was left out and links to alertd. Its id has the delivery's, by which
// a repeated message can be recognised.
func footer(n channel.Notification) *api.ContextBlock {
	var says []string
	if left := len(n.Details) - mostDetails; left > 0 {
		says = append(says, fmt.Sprintf("%d more details", left))
	}
	if n.Cut {
		says = append(says, "the context is longer than this")
	}
	if n.TemplateError != "" {
		says = append(says, "template failed: "+fit(n.TemplateError, mostError))
	}
	if open := link(n.URL, "Open in alertd"); open != "" {
		says = append(says, open)
	}
	says = append(says, "alertd")
	return api.NewContextBlock("delivery-"+n.Key, marked(strings.Join(says, " · ")))
}
