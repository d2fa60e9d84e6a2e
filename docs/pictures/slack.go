package main

import (
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"os"
	"regexp"
	"strings"
)

// message is a message as the stand-in for Slack keeps it, and a golden file has it.
type message struct {
	Thread      string       `json:"Thread"`
	Broadcast   bool         `json:"Broadcast"`
	Updates     int          `json:"Updates"`
	Blocks      []slackBlock `json:"Blocks"`
	Attachments []attachment `json:"Attachments"`
}

// attachment is what is shown beside a bar.
type attachment struct {
	Color  string       `json:"color"`
	Blocks []slackBlock `json:"blocks"`
}

// slackBlock is a block of Block Kit, of the kinds that alertd sends.
type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackText  `json:"text"`
	Fields   []slackText `json:"fields"`
	Elements []slackText `json:"elements"`
}

// slackText is a text object.
type slackText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

// page is what is seen: a channel, or a thread of it.
type page struct {
	Thread   bool
	Root     message
	Replies  int // below it, all of them
	Messages []message
}

// slackPage reads a golden file. Of a thread the page has the first message and the last
// reply; of the channel what is seen in it.
func slackPage(golden string, thread bool) (page, error) {
	data, err := os.ReadFile(golden) //nolint:gosec // a file of the repository
	if err != nil {
		return page{}, err
	}
	var messages []message
	if err := json.Unmarshal(data, &messages); err != nil {
		return page{}, fmt.Errorf("%s: %w", golden, err)
	}
	root, replies := messages[0], messages[1:]
	p := page{Thread: thread, Root: root, Replies: len(replies)}
	if thread {
		p.Messages = replies[len(replies)-1:]
		return p, nil
	}
	for _, m := range replies {
		if m.Broadcast {
			p.Messages = append(p.Messages, m)
		}
	}
	return p, nil
}

// Header returns the text of a message's header.
func (m message) Header() template.HTML {
	for _, b := range m.Blocks {
		if b.Type == "header" {
			return b.Text.HTML()
		}
	}
	return ""
}

// mark finds what mrkdwn has marked: a link, a mention, or bold text.
var mark = regexp.MustCompile(`<[^<>]+>|\*[^*\n]+\*`)

// HTML returns the text as a browser shows it. Slack's texts have & < > escaped, as
// HTML has them; all else is escaped here.
func (t slackText) HTML() template.HTML {
	var out strings.Builder
	plain := func(text string) {
		out.WriteString(strings.ReplaceAll(html.EscapeString(html.UnescapeString(text)), "\n", "<br>"))
	}
	rest := t.Text
	for at := mark.FindStringIndex(rest); at != nil && t.Type == "mrkdwn"; at = mark.FindStringIndex(rest) {
		plain(rest[:at[0]])
		marked := rest[at[0]+1 : at[1]-1]
		_, label, hasLabel := strings.Cut(marked, "|")
		switch {
		case rest[at[0]] == '*':
			out.WriteString("<b>")
			plain(marked)
			out.WriteString("</b>")
		case marked[0] == '!':
			out.WriteString(`<span class="mention">@`)
			plain(marked[1:])
			out.WriteString("</span>")
		case hasLabel:
			out.WriteString(`<a href="#">`)
			plain(label)
			out.WriteString("</a>")
		default:
			plain(marked)
		}
		rest = rest[at[1]:]
	}
	plain(rest)
	return template.HTML(out.String()) //nolint:gosec // every part of it is escaped
}
