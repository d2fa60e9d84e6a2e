package email

import (
	_ "embed" // the HTML's template
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode/utf8"

	"alertd/internal/channel"
)

// view is the content of both parts of a message.
type view struct {
	Color           channel.Color
	Subject         string
	Label, Headline string
	Message, Why    string
	// About is what the facts are about.
	About          string
	Facts, Details []channel.Fact
	Items          []channel.Item
	// More says which details are left out; "": none.
	More string
	URL  string
	Key  string
}

func viewOf(n channel.Notification, t thread) view {
	v := view{
		Color: n.Color, Subject: "[" + n.Label + "] " + t.subject, Label: n.Label, Headline: n.Headline,
		Message: n.Body, Why: n.Why, About: "Incident", Facts: n.Facts, Details: n.Details, Items: n.Items, URL: n.URL, Key: n.Key,
	}
	if n.Worded.Title != "" { // a template's own words, also in a conversation
		v.Subject = n.Subject(maxSubject)
	}
	if n.Notice.Digest != nil {
		v.About = "Held back"
	}
	if n.TemplateError != "" {
		v.Facts = append(slices.Clone(v.Facts), channel.Fact{Name: "Template failed", Value: n.TemplateError})
	}
	if n.Note != "" {
		v.Facts = append(slices.Clone(v.Facts), channel.Fact{Name: "Note", Value: n.Note})
	}
	more := len(v.Details) - maxDetails
	switch {
	case more > 0:
		v.Details = v.Details[:maxDetails]
		v.More = fmt.Sprintf("and %d more: the event has all of them", more)
	case n.Cut:
		v.More = "and more: the event has all of them"
	}
	return v
}

// text returns the plain part, for programs that show no HTML and for previews.
func (v view) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[%s] %s\n\n%s\n\n", v.Label, v.Headline, v.Message)
	if v.Why != "" {
		fmt.Fprintf(&b, "%s\n\n", v.Why)
	}
	writeFacts(&b, v.Facts)
	for _, item := range v.Items {
		fmt.Fprintf(&b, "\n%s: %s\n", item.Name, item.Text)
		if item.URL != "" {
			b.WriteString(item.URL + "\n")
		}
	}
	if len(v.Details) > 0 || v.More != "" {
		b.WriteString("\nDetails\n\n")
		writeFacts(&b, v.Details)
		if v.More != "" {
			b.WriteString(v.More + "\n")
		}
	}
	if v.URL != "" {
		b.WriteString("\n" + v.URL + "\n")
	}
	// A line of two dashes and a space begins a signature (RFC 3676).
	fmt.Fprintf(&b, "\n-- \nalertd, message %s\n", v.Key)
	return b.String()
}

// maxName is how many characters the column of names has at most.
const maxName = 20

func writeFacts(b *strings.Builder, facts []channel.Fact) {
	width := 0
	for _, f := range facts {
		width = max(width, min(utf8.RuneCountInString(f.Name), maxName))
	}
	for _, f := range facts {
		value := strings.ReplaceAll(f.Value, "\n", "\n"+strings.Repeat(" ", width+2))
		fmt.Fprintf(b, "%-*s %s\n", width+1, f.Name+":", value)
	}
}

//go:embed message.html.tmpl
var htmlSource string

var page = template.Must(template.New("message").Parse(htmlSource))

// html returns the HTML part.
func (v view) html() (string, error) {
	var b strings.Builder
	err := page.Execute(&b, v)
	return b.String(), err
}
