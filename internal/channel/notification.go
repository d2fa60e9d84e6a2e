package channel

import (
	"alertd/internal/incident"
)

// Notification is one message to one channel. [Render] makes it; what it says is the
// same for all kinds, which only lay it out and escape it for their target.
type Notification struct {
	// Key is the delivery's id, a UUID. A message that is sent again has the same.
	Key string
	// Target is the recipient that the message is for, one of [Targeted.Targets]; "" is
	// the whole channel.
	Target string
	// Channel is the channel's name. [Render] leaves it to the caller.
	Channel string
	// Thread is the [Result.Thread] of the first message about the incident that this
	// channel has delivered; "" if there was none, or it had none. A digest joins no thread.
	Thread string
	// Notice is the message as data, for receivers that are programs. A test
	// ([incident.Test]) has an incident with an id that is in no list.
	Notice incident.Notice

	// The texts below are for people. They are as package plaintext makes them, of any length, and not
	// escaped for any target.

	// Color shows severity or status.
	Color Color
	// Label is the severity, or what has changed, in capitals, such as CRITICAL or
	// RESOLVED.
	Label string
	// Title is one line: source and message, such as "kill_switch: Kill switch activated".
	Title string
	// Headline says in one line what has happened, such as "Incident 12 opened".
	Headline string
	// Body is the incident's latest message. It may have several lines.
	Body string
	// Why is the reason for the message in one line; "" if the headline has it, or a fact.
	Why string
	// Facts are what is known of the incident, in the order in which to show them.
	Facts []Fact
	// Items are the incidents that a digest names.
	Items []Item
	// Note is what the person who acknowledged or resolved had to say; "" if nothing.
	// It may have several lines.
	Note string
	// Details are the members of the latest event's context, and Cut says that it has
	// more than these.
	Details []Fact
	Cut     bool
	// URL is where the incident can be seen; "" if alertd does not know its address.
	URL string

	// Worded is what templates have made of title and body, for receivers that are
	// programs; "": the text is the built-in one.
	Worded struct{ Title, Body string }
	// HTML is what a template has made of the HTML part of an e-mail; "": it is the built-in
	// one. It is safe to show.
	HTML string
	// TemplateError says in one line why templates were to word the message, and did not; "":
	// they did, or there are none.
	TemplateError string
}

// Subject returns label and title in one line of at most most characters, such as
// "[CRITICAL] kill_switch: Kill switch activated".
func (n Notification) Subject(most int) string {
	return Shorten("["+n.Label+"] "+n.Title, most)
}

// Fact is a name and a value to show beside a message. The value may have several
// lines.
type Fact struct{ Name, Value string }

// Item is an incident that a message names.
type Item struct {
	// Name is the incident's, such as "Incident 12".
	Name string
	// Text is severity, source and message in one line, and the status if it is not
	// triggered, such as "CRITICAL kill_switch: Kill switch activated (resolved)".
	Text string
	// URL is where the incident can be seen; "" if alertd does not know its address.
	URL string
}

// Color is that of a message, as #rrggbb.
type Color string

// The colours of messages.
const (
	Red    Color = "#d00000"
	Orange Color = "#e8770c"
	Yellow Color = "#e3b505"
	Blue   Color = "#2f6fde"
	Green  Color = "#2e9d48"
	Grey   Color = "#8a8f98"
)
