package telegramtest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
)

const (
	mostText     = 4096 // UTF-16 code units
	mostEntities = 100
)

func length(text string) int { return len(utf16.Encode([]rune(text))) }

// Entity is a part of a message that is more than text.
type Entity struct {
	// Type is bold, code, pre, text_link and so on for tags; mention, hashtag, cashtag,
	// bot_command, email or url for what Telegram found in the text.
	Type string
	Text string
	URL  string // of a text_link
}

// types are the tags that Telegram reads.
var types = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "tg-spoiler": "spoiler",
	"code": "code", "pre": "pre", "blockquote": "blockquote", "a": "text_link",
}

var (
	isTag    = regexp.MustCompile(`^<(/?)([a-z][a-z0-9-]*)((?: [a-z]+="[^"<>]*")?)>`)
	isEntity = regexp.MustCompile(`^&(?:lt|gt|amp|quot|#\d{1,7}|#x[0-9a-fA-F]{1,6});`)
	isHref   = regexp.MustCompile(`^ href="((?:https?://|tg://|mailto:)[^"]+)"$`)
)

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "&quot;", `"`)

// opened is a tag that is not closed yet.
type opened struct {
	tag, url string
	at       int // where its text begins
}

// read reads HTML as Telegram does. The error says where it is not valid.
func read(html string) (text string, entities []Entity, err error) {
	var out strings.Builder
	var stack []opened
	var free strings.Builder // the text in which Telegram looks for more
	write := func(part string) {
		out.WriteString(part)
		for _, o := range stack {
			if o.tag == "code" || o.tag == "pre" || o.tag == "a" {
				part = "\x00" // nothing goes on beyond it
			}
		}
		free.WriteString(part)
	}
	for at := 0; at < len(html); {
		rest := html[at:]
		switch rest[0] {
		case '<':
			tag := isTag.FindStringSubmatch(rest)
			switch {
			case tag == nil:
				return "", nil, fmt.Errorf("unsupported start tag at byte offset %d", at)
			case tag[1] == "/" && (len(stack) == 0 || stack[len(stack)-1].tag != tag[2]):
				return "", nil, fmt.Errorf("unmatched end tag at byte offset %d, found %q", at, tag[0])
			case tag[1] == "/":
				last := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				entities = append(entities, Entity{types[last.tag], out.String()[last.at:], last.url})
			case types[tag[2]] == "":
				return "", nil, fmt.Errorf("unsupported start tag %q at byte offset %d", tag[2], at)
			default:
				href := isHref.FindStringSubmatch(tag[3])
				if (tag[2] == "a") != (href != nil) || href == nil && tag[3] != "" {
					return "", nil, fmt.Errorf("tag %q has the wrong attribute at byte offset %d", tag[2], at)
				}
				o := opened{tag: tag[2], at: out.Len()}
				if href != nil {
					o.url = unescape.Replace(href[1])
				}
				stack = append(stack, o)
			}
			at += len(tag[0])
		case '&':
			entity := isEntity.FindString(rest)
			if entity == "" || strings.HasPrefix(entity, "&#") {
				return "", nil, fmt.Errorf("an & that is not escaped at byte offset %d", at)
			}
			write(unescape.Replace(entity))
			at += len(entity)
		case '>':
			return "", nil, fmt.Errorf("a > that is not escaped at byte offset %d", at)
		default:
			end := strings.IndexAny(rest, "<>&")
			if end < 0 {
				end = len(rest)
			}
			write(rest[:end])
			at += end
		}
	}
	if len(stack) > 0 {
		return "", nil, fmt.Errorf("can't find end tag corresponding to start tag %q", stack[len(stack)-1].tag)
	}
	if len(entities) > mostEntities {
		return "", nil, errors.New("there are more than 100 tags: Telegram does not read the others")
	}
	if at := strings.IndexFunc(out.String(), func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); at >= 0 {
		return "", nil, fmt.Errorf("a control character at %d", at)
	}
	return out.String(), append(entities, found(free.String())...), nil
}

// finds match what Telegram finds in a text that is not code.
var finds = []struct {
	is   string
	what *regexp.Regexp
}{
	{"email", regexp.MustCompile(`[\w.+-]+@[\w-]+\.\w+`)},
	{"url", regexp.MustCompile(`(?:\w+://\S+|\b[\p{L}\d-]+(?:\.[\p{L}\d-]+)*\.\p{L}{2,}\b)`)},
	{"mention", regexp.MustCompile(`@\w{3,}`)},
	{"hashtag", regexp.MustCompile(`#[\p{L}\d_]+`)},
	{"cashtag", regexp.MustCompile(`\$[A-Z]{1,8}\b`)},
	{"bot_command", regexp.MustCompile(`/\w+`)},
	{"phone_number", regexp.MustCompile(`\+\d[\d -]{6,}`)},
}

func found(text string) []Entity {
	var entities []Entity
	for _, find := range finds {
		for _, hit := range find.what.FindAllString(text, -1) {
			entities = append(entities, Entity{Type: find.is, Text: hit})
		}
	}
	return entities
}
