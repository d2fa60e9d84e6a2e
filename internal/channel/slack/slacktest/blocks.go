package slacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
)

// The documented limits, in characters unless a name says otherwise.
const (
	mostText        = 40_000
	mostBlocks      = 50 // blocks of a message
	mostAttachments = 100
	mostBlockID     = 255
	mostHeader      = 150
	mostSection     = 3000
	mostFields      = 10 // fields of a section
	mostField       = 2000
	mostElements    = 10 // elements of a context
	mostActions     = 25 // elements of actions
	mostButton      = 75
	mostURL         = 3000
	mostValue       = 2000
	mostAltText     = 2000
)

// mostTotal is not documented: with more in all blocks together Slack answers
// msg_blocks_too_long.
const mostTotal = 13_000

// The types of a text.
const (
	mrkdwn    = "mrkdwn"
	plainText = "plain_text"
)

// length counts UTF-16 code units.
func length(text string) int { return len(utf16.Encode([]rune(text))) }

// checker collects the problems of one message's blocks, in Slack's words.
type checker struct {
	problems []string
	count    int             // of blocks
	total    int             // characters in them
	ids      map[string]bool // of blocks
}

func (c *checker) wrong(at, format string, values ...any) {
	c.problems = append(c.problems, "[ERROR] "+fmt.Sprintf(format, values...)+" [json-pointer:"+at+"]")
}

func (c *checker) most(at, text string, most int) {
	if length(text) > most {
		c.wrong(at, "must be less than %d characters", most+1)
	}
}

// object reads an object with these keys. The first of them are required.
func (c *checker) object(at string, raw json.RawMessage, required int, keys ...string) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || object == nil {
		c.wrong(at, "must be an object")
		return nil
	}
	known := map[string]bool{}
	for n, key := range keys {
		known[key] = true
		if _, ok := object[key]; !ok && n < required {
			c.wrong(at, "missing required field: %s", key)
		}
	}
	for key := range object {
		if !known[key] {
			c.wrong(at, "unknown field: %s", key)
		}
	}
	return object
}

func (c *checker) array(at string, raw json.RawMessage, least, most int) []json.RawMessage {
	var array []json.RawMessage
	if json.Unmarshal(raw, &array) != nil {
		c.wrong(at, "must be an array")
		return nil
	}
	if len(array) < least || len(array) > most {
		c.wrong(at, "must have %d to %d items, has %d", least, most, len(array))
	}
	return array
}

// str reads a string; "" if there is none.
func (c *checker) str(at string, raw json.RawMessage) string {
	var text string
	if raw != nil && json.Unmarshal(raw, &text) != nil {
		c.wrong(at, "must be a string")
	}
	return text
}

func kind(raw json.RawMessage) string {
	var object struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(raw, &object) // what is no object has no type
	return object.Type
}

// text checks a text object.
func (c *checker) text(at string, raw json.RawMessage, most int, types ...string) {
	object := c.object(at, raw, 2, "type", "text", "emoji", "verbatim")
	text, is := c.str(at+"/text", object["text"]), c.str(at+"/type", object["type"])
	if !strings.Contains(" "+strings.Join(types, " ")+" ", " "+is+" ") {
		c.wrong(at+"/type", "must be one of %s", strings.Join(types, ", "))
	}
	for key, belongs := range map[string]string{"emoji": plainText, "verbatim": mrkdwn} {
		var set bool
		if value, ok := object[key]; ok && (is != belongs || json.Unmarshal(value, &set) != nil) {
			c.wrong(at+"/"+key, "must be a boolean of a text of type %s", belongs)
		}
	}
	if strings.TrimSpace(text) == "" {
		c.wrong(at+"/text", "must be more than 0 characters")
	}
	c.most(at+"/text", text, most)
	c.total += length(text)
	for _, problem := range checkMarks(text, is == mrkdwn) {
		c.wrong(at+"/text", "%s", problem)
	}
}

// blocks checks an array of blocks.
func (c *checker) blocks(at string, raw json.RawMessage) {
	for n, block := range c.array(at, raw, 1, mostBlocks) {
		c.count++
		c.block(fmt.Sprintf("%s/%d", at, n), block)
	}
}

func (c *checker) block(at string, raw json.RawMessage) {
	var object map[string]json.RawMessage
	switch is := kind(raw); is {
	case "header":
		object = c.object(at, raw, 2, "type", "text", "block_id")
		c.text(at+"/text", object["text"], mostHeader, plainText)
	case "section":
		object = c.object(at, raw, 1, "type", "text", "fields", "block_id", "expand")
		c.section(at, object)
	case "context":
		object = c.object(at, raw, 2, "type", "elements", "block_id")
		for n, element := range c.array(at+"/elements", object["elements"], 1, mostElements) {
			at := fmt.Sprintf("%s/elements/%d", at, n)
			if kind(element) == "image" {
				c.image(at, c.object(at, element, 3, "type", "alt_text", "image_url"))
			} else {
				c.text(at, element, mostSection, mrkdwn, plainText)
			}
		}
	case "actions":
		object = c.object(at, raw, 2, "type", "elements", "block_id")
		for n, element := range c.array(at+"/elements", object["elements"], 1, mostActions) {
			c.button(fmt.Sprintf("%s/elements/%d", at, n), element)
		}
	case "divider":
		object = c.object(at, raw, 1, "type", "block_id")
	case "image":
		object = c.object(at, raw, 3, "type", "alt_text", "image_url", "title", "block_id")
		c.image(at, object)
	default:
		c.wrong(at, "unsupported type: %s", is)
		return
	}
	id := c.str(at+"/block_id", object["block_id"])
	c.most(at+"/block_id", id, mostBlockID)
	if id != "" && c.ids[id] {
		c.wrong(at+"/block_id", "must be unique")
	}
	c.ids[id] = true
}

func (c *checker) section(at string, object map[string]json.RawMessage) {
	if object["text"] == nil && object["fields"] == nil {
		c.wrong(at, "missing required field: text or fields")
	}
	if text := object["text"]; text != nil {
		c.text(at+"/text", text, mostSection, mrkdwn, plainText)
	}
	if fields := object["fields"]; fields != nil {
		for n, field := range c.array(at+"/fields", fields, 1, mostFields) {
			c.text(fmt.Sprintf("%s/fields/%d", at, n), field, mostField, mrkdwn, plainText)
		}
	}
}

func (c *checker) image(at string, object map[string]json.RawMessage) {
	c.most(at+"/alt_text", c.str(at+"/alt_text", object["alt_text"]), mostAltText)
	c.url(at+"/image_url", c.str(at+"/image_url", object["image_url"]))
	if title := object["title"]; title != nil {
		c.text(at+"/title", title, mostAltText, plainText)
	}
}

func (c *checker) button(at string, raw json.RawMessage) {
	if is := kind(raw); is != "button" {
		c.wrong(at, "unsupported type: %s", is)
		return
	}
	object := c.object(at, raw, 2, "type", "text", "action_id", "url", "value", "style", "accessibility_label")
	c.text(at+"/text", object["text"], mostButton, plainText)
	c.most(at+"/action_id", c.str(at+"/action_id", object["action_id"]), mostBlockID)
	c.most(at+"/value", c.str(at+"/value", object["value"]), mostValue)
	c.most(at+"/accessibility_label", c.str(at+"/accessibility_label", object["accessibility_label"]), mostButton)
	if style := c.str(at+"/style", object["style"]); style != "" && style != "primary" && style != "danger" {
		c.wrong(at+"/style", "must be primary or danger")
	}
	if object["url"] != nil {
		c.url(at+"/url", c.str(at+"/url", object["url"]))
	}
}

func (c *checker) url(at, url string) {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		c.wrong(at, "must be a URL")
	}
	c.most(at, url, mostURL)
}

var isColor = regexp.MustCompile(`^(?:#[0-9A-Fa-f]{6}|good|warning|danger)$`)

// attachments checks an array of attachments. Of their older fields it knows none.
func (c *checker) attachments(at string, raw json.RawMessage) {
	for n, attachment := range c.array(at, raw, 0, mostAttachments) {
		at := fmt.Sprintf("%s/%d", at, n)
		object := c.object(at, attachment, 1, "blocks", "color", "fallback")
		if color := c.str(at+"/color", object["color"]); object["color"] != nil && !isColor.MatchString(color) {
			c.wrong(at+"/color", "must be #RRGGBB, good, warning or danger")
		}
		for _, problem := range checkMarks(c.str(at+"/fallback", object["fallback"]), false) {
			c.wrong(at+"/fallback", "%s", problem)
		}
		c.blocks(at+"/blocks", object["blocks"])
	}
}
