package template

import (
	"strings"

	"alertd/internal/channel"
	"alertd/internal/plaintext"
)

// Spec is the source of templates. "" is none: then the text is the built-in one.
type Spec struct {
	// Title is one line.
	Title string
	// Body is a text of any number of lines.
	Body string
	// HTML is the HTML part of an e-mail, as a whole.
	HTML string
}

// Template is parsed templates. The zero value words nothing. Safe for concurrent use.
type Template struct{ title, body, html *part }

// New parses the templates and executes each against samples of every reason. The error is
// an [*alerting.Error] with [alerting.CodeInvalid]: its fields are title, body and html,
// and each message names the line.
func New(spec Spec) (*Template, error) {
	var problems []channel.Problem
	read := func(name, source string, html bool) *part {
		if source == "" {
			return nil
		}
		p, err := parsePart(name, source, html)
		if err == nil {
			err = p.check()
		}
		if err != nil {
			problems = append(problems, channel.Problem{Field: name, Message: err.Error()})
		}
		return p
	}
	t := &Template{title: read("title", spec.Title, false), body: read("body", spec.Body, false), html: read("html", spec.HTML, true)}
	if err := channel.Invalid(problems...); err != nil {
		return nil, err
	}
	return t, nil
}

// Over returns the templates of t and, for what t has none for, those of other, which may
// be nil.
func (t *Template) Over(other *Template) *Template {
	if other == nil {
		return t
	}
	merged := *other
	if t.title != nil {
		merged.title = t.title
	}
	if t.body != nil {
		merged.body = t.body
	}
	if t.html != nil {
		merged.html = t.html
	}
	return &merged
}

// maxError is how many characters a message says of a template that has failed.
const maxError = 300

// Apply returns a message in the words of the templates. A template that makes nothing but
// white space leaves the built-in text. If one fails, all texts are the built-in ones, and
// [channel.Notification.TemplateError] says why.
func (t *Template) Apply(n channel.Notification) channel.Notification {
	data, worded := DataOf(n), n
	for _, p := range []struct {
		*part
		put func(text string)
	}{
		{t.title, func(text string) { worded.Title, worded.Worded.Title = line(text), line(text) }},
		{t.body, func(text string) { worded.Body, worded.Worded.Body = plaintext.Lines(text), plaintext.Lines(text) }},
		{t.html, func(text string) { worded.HTML = plaintext.Lines(text) }},
	} {
		if p.part == nil {
			continue
		}
		text, err := p.execute(data)
		if err != nil {
			n.TemplateError = channel.Shorten(line(p.name+": "+err.Error()), maxError)
			return n
		}
		if strings.TrimSpace(text) != "" {
			p.put(strings.TrimRight(text, "\n"))
		}
	}
	return worded
}
