package slacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Message is one message as it is now.
type Message struct {
	// Channel is the id of its channel, TS what identifies it there.
	Channel, TS string
	// Thread is the TS of the message that it replies to; "" if it is in the channel
	// itself. Broadcast says that it is shown in the channel all the same.
	Thread    string
	Broadcast bool
	// Webhook says that it came by the webhook.
	Webhook bool
	// Updates counts how often it was changed.
	Updates int
	Deleted bool

	// Text is for notifications. Blocks and Attachments are JSON arrays, or nil.
	Text        string
	Blocks      json.RawMessage
	Attachments json.RawMessage
}

// Texts returns every text that is shown, as it was sent: escaped.
func (m Message) Texts() []string {
	var texts []string
	for _, raw := range []json.RawMessage{m.Blocks, m.Attachments} {
		var value any
		if json.Unmarshal(raw, &value) == nil {
			texts = append(texts, textsIn(value)...)
		}
	}
	return texts
}

// textsIn finds the text objects in a JSON value, in the order of arrays.
func textsIn(value any) []string {
	var texts []string
	switch value := value.(type) {
	case []any:
		for _, v := range value {
			texts = append(texts, textsIn(v)...)
		}
	case map[string]any:
		if text, ok := value["text"].(string); ok && (value["type"] == mrkdwn || value["type"] == plainText) {
			return []string{text}
		}
		for _, key := range []string{"text", "fields", "elements", "blocks"} {
			texts = append(texts, textsIn(value[key])...)
		}
	}
	return texts
}

// String returns the texts as they are read, a line each.
func (m Message) String() string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(strings.Join(m.Texts(), "\n"))
}

// Header returns the text of the first header as it was sent, "" if there is none.
func (m Message) Header() string {
	var blocks []struct {
		Type string `json:"type"`
		Text struct {
			Text string `json:"text"`
		} `json:"text"`
	}
	_ = json.Unmarshal(m.Blocks, &blocks) // it was checked; other blocks may look otherwise
	for _, b := range blocks {
		if b.Type == "header" {
			return b.Text.Text
		}
	}
	return ""
}

// Color returns the colour of the first attachment, "" if there is none.
func (m Message) Color() string {
	var attachments []struct {
		Color string `json:"color"`
	}
	if json.Unmarshal(m.Attachments, &attachments) != nil || len(attachments) == 0 {
		return ""
	}
	return attachments[0].Color
}

var marks = regexp.MustCompile(`<[^<>]*>`)

// Mentions returns the mentions of the message as they were sent, such as <!channel>.
func (m Message) Mentions() []string {
	return m.find(func(mark string) bool { return strings.ContainsRune("!@#", rune(mark[1])) })
}

// Links returns the links of the message as they were sent, such as <https://…|here>.
func (m Message) Links() []string {
	return m.find(func(mark string) bool { return strings.Contains(mark, ":") })
}

func (m Message) find(is func(mark string) bool) []string {
	var found []string
	for _, text := range append(m.Texts(), m.Text) {
		for _, mark := range marks.FindAllString(text, -1) {
			if len(mark) > 2 && is(mark) {
				found = append(found, mark)
			}
		}
	}
	return found
}

// find returns a message that is there. The caller holds the lock.
func (s *Server) find(channel, ts string) *Message {
	for _, m := range s.messages {
		if m.Channel == channel && m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

// add keeps a message and gives it its ts. The caller holds the lock.
func (s *Server) add(m Message) *Message {
	s.posted++
	m.TS = fmt.Sprintf("%d.%06d", s.workspace.Now().Unix(), s.posted%1_000_000)
	s.messages = append(s.messages, &m)
	return &m
}
