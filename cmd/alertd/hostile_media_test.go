package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// medium is what an output is read by.
type medium string

// The media.
const (
	onTerminal   medium = "text"         // for people, also on a terminal
	asTextLog    medium = "text log"     // one record a line
	asLines      medium = "JSON lines"   // one value a line, also on a terminal
	asJSON       medium = "JSON"         // for programs
	asPeopleJSON medium = "JSON, read"   // JSON whose texts a service shows to people
	asStream     medium = "event stream" // Server-Sent Events
	asHTML       medium = "HTML"
	asCSV        medium = "CSV"
	inHeaders    medium = "headers"   // of HTTP and of mail, one a line
	inMail       medium = "mail text" // the part without HTML
	inSlack      medium = "Slack"
	inTelegram   medium = "Telegram"
	withoutAny   medium = "fixed" // an output that has nothing of an alert
)

var mediaInOrder = []medium{onTerminal, asTextLog, asLines, asCSV, inMail, asHTML, inSlack, inTelegram, inHeaders, asPeopleJSON, asJSON, asStream, withoutAny}

// media says for each medium what makes an output inert there, and finds what does not.
var media = map[medium]struct {
	rule  string
	judge func(output string) error
}{
	onTerminal: {
		"every character is visible, a space, a tab or a line break; no text from outside begins a line", judgeText,
	},
	asTextLog: {
		"as text, and each line is a record with time, level and msg", judgeTextLog,
	},
	asLines: {
		"each line is one JSON object, and every character is visible or a space", judgeLines,
	},
	asJSON: {
		"one JSON value, which keeps texts as they are: no reader takes a text for anything else", judgeJSON,
	},
	asPeopleJSON: {
		"one JSON value; every character of its texts is visible, a space, a tab or a line break", judgePeopleJSON,
	},
	asStream: {
		"each line is a field of Server-Sent Events, and data is one JSON value", judgeStream,
	},
	asHTML: {
		"no element, attribute or comment but those of the page itself; every character as in text", judgeHTML,
	},
	asCSV: {
		"each row has as many cells as the first; no cell begins a formula; every character as in text", judgeCSV,
	},
	inHeaders: {
		"visible ASCII only, and none that a text from outside has added", judgeHeaders,
	},
	inMail: {
		"every character as in text", judgeVisible,
	},
	inSlack: {
		"no mention, link or other markup from outside; every character as in text", judgeSlack,
	},
	inTelegram: {
		"nothing is a tag, a mention, a command or a link but alertd's own tags; every character as in text", judgeTelegram,
	},
	withoutAny: {
		"has no text from outside", judgeFixed,
	},
}

// inert returns why an output is not inert, or nil.
func (m medium) inert(output string) error {
	for what, trace := range map[string]string{"a template was evaluated": evaluated, "a variable was expanded": hostileValue, "a format was evaluated": "%!"} {
		if at := strings.Index(strings.ReplaceAll(output, "%d%!", ""), trace); at >= 0 {
			return fmt.Errorf("%s: …%q", what, output[max(0, min(at, len(output))-40):min(len(output), at+40)])
		}
	}
	return media[m].judge(output)
}

// invisible reports whether a character could command a terminal, change the order of
// writing or hide.
func invisible(r rune) bool {
	return r != '\n' && r != '\t' && (!unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r))
}

func judgeVisible(output string) error {
	if at := strings.IndexFunc(output, invisible); at >= 0 {
		return fmt.Errorf("a character that nobody sees: %q", output[at:min(len(output), at+60)])
	}
	return nil
}

func judgeText(output string) error {
	for line := range strings.Lines(output) {
		if strings.HasPrefix(line, forged) {
			return fmt.Errorf("a text from outside begins a line: %q", line)
		}
	}
	return judgeVisible(output)
}

var textRecord = regexp.MustCompile(`^time=\S+ level=(DEBUG|INFO|WARN|ERROR) msg=\S`)

func judgeTextLog(output string) error {
	for line := range strings.Lines(output) {
		if !textRecord.MatchString(line) {
			return fmt.Errorf("a line that is no record: %q", line)
		}
	}
	return judgeVisible(output)
}

func judgeLines(output string) error {
	for line := range strings.Lines(output) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			return fmt.Errorf("a line that is no object: %q", line)
		}
	}
	return judgeVisible(strings.ReplaceAll(output, "\t", "\x00")) // JSON escapes tabs
}

func judgeJSON(output string) error {
	var value any
	return json.Unmarshal([]byte(output), &value)
}

func judgePeopleJSON(output string) error {
	decoder := json.NewDecoder(strings.NewReader(output))
	for {
		token, err := decoder.Token()
		if err != nil {
			return judgeJSON(output)
		}
		if text, ok := token.(string); ok {
			if err := judgeVisible(text); err != nil {
				return err
			}
		}
	}
}

var streamField = regexp.MustCompile(`^(id: \d+|retry: \d+|event: [a-z.]+|data: .*|:.*|)\n$`)

func judgeStream(output string) error {
	if strings.Contains(output, "\r") {
		return fmt.Errorf("a carriage return, which ends a line: %q", output[strings.Index(output, "\r"):])
	}
	for line := range strings.Lines(output) {
		if !streamField.MatchString(line) {
			return fmt.Errorf("a line that is no field: %q", line)
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if err := judgeJSON(data); err != nil {
				return fmt.Errorf("%w: %q", err, data)
			}
		}
	}
	return nil
}

// pageElements are those of the pages and mails of alertd. Scripts and the files of a page are
// by address alone, and attributes are not handlers.
var pageElements = strings.Fields("html head meta title style link body main header footer nav section div p h1 h2 h3 ul ol li dl dt dd " +
	"table thead tbody tr th td a form label input button strong em code pre span br noscript script redoc")

func judgeHTML(output string) error {
	for page := html.NewTokenizer(strings.NewReader(output)); ; {
		kind := page.Next()
		if kind == html.ErrorToken {
			break
		}
		token := page.Token()
		switch kind {
		case html.TextToken:
			if err := judgeVisible(strings.ReplaceAll(token.Data, "\u00a0", " ")); err != nil {
				return err
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			if !slices.Contains(pageElements, token.Data) {
				return fmt.Errorf("an element that is not the page's own: %s", token)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Key, "on") || strings.Contains(a.Key+a.Val, "evil.example.com") || strings.HasPrefix(a.Val, "javascript:") {
					return fmt.Errorf("an attribute from outside: %s", token)
				}
			}
			if token.Data == "script" {
				if page.Next() == html.TextToken && strings.TrimSpace(page.Token().Data) != "" {
					return fmt.Errorf("a script in the page: %s", token)
				}
			}
		case html.CommentToken, html.EndTagToken, html.DoctypeToken, html.ErrorToken:
		}
	}
	return nil
}

// formula matches the beginning of a cell that a spreadsheet may take for a formula, after the
// white space that it may trim.
var formula = regexp.MustCompile(`^[\s\x{3000}]*[=+\-@＝＋－＠]|^\s*[\t\r\n]`)

func judgeCSV(output string) error {
	rows, err := csv.NewReader(strings.NewReader(output)).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows {
		for _, cell := range row {
			if formula.MatchString(cell) {
				return fmt.Errorf("a cell that begins a formula: %q", cell)
			}
		}
	}
	return judgeVisible(output)
}

func judgeHeaders(output string) error {
	for line := range strings.Lines(output) {
		name, _, found := strings.Cut(strings.ToLower(line), ":")
		if !found || slices.Contains([]string{"bcc", "x-injected", "mail from"}, name) || strings.HasPrefix(name, forged) {
			return fmt.Errorf("a header from outside: %q", line)
		}
	}
	if at := strings.IndexFunc(output, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); at >= 0 {
		return fmt.Errorf("not visible ASCII: %q", output[at:])
	}
	return nil
}

var slackMark = regexp.MustCompile(`[<>]|&([^alg]|$)`)

// judgeSlack judges texts as they are sent to Slack, escaped. alertd's own marks are mentions
// and links, and none is configured.
func judgeSlack(output string) error {
	if mark := slackMark.FindStringIndex(output); mark != nil {
		return fmt.Errorf("markup from outside: %q", output[mark[0]:])
	}
	return judgeVisible(output)
}

var telegramEntity = regexp.MustCompile(`^(text|bold|code|pre): |^    `)

// judgeTelegram judges what Telegram makes of a message, a line an entity.
func judgeTelegram(output string) error {
	for line := range strings.Lines(output) {
		if !telegramEntity.MatchString(line) {
			return fmt.Errorf("an entity from outside: %q", line)
		}
	}
	return judgeVisible(output)
}

func judgeFixed(output string) error {
	for _, c := range hostileContents {
		if strings.Contains(output, c.word()) {
			return fmt.Errorf("it has the content %q", c.name)
		}
	}
	return nil
}

// A rule that lets everything pass would hold for every output.
func TestRulesOfMediaFindWhatIsNotInert(t *testing.T) {
	require.ElementsMatch(t, slices.Collect(maps.Keys(media)), mediaInOrder)
	left := slices.Clone(mediaInOrder)
	for m, outputs := range map[medium][]string{
		onTerminal:   {"\x1b[31m", "\u009b", "\r", "\u202e", "\u200b", "\u3164", "a\nforged", "{{" + "7919*7919}}=" + evaluated, hostileValue, "%!s(MISSING)"},
		asTextLog:    {"forged\n", "time=1 level=INFO msg=\x1b\n", "level=INFO\n"},
		asLines:      {"{}\nforged\n", "{} {}\n", "{\"a\":\"\u202e\"}\n", "{\"a\":\"\u009b\"}\n"},
		asJSON:       {`{"a":"b","}`, "{\"a\":\"\n\"}", "{} {}"},
		asPeopleJSON: {`{"a":"\u202e"}`, `["\u001b"]`, `{"\u200b":1}`, `{`},
		asStream:     {"forged\n", "data: {\n", "data: {}\rdata: {}\n", "event: a b\n"},
		asHTML:       {"<img src=x>", "<p onclick=x>", "<script>alert(1)</script>", "<a href=https://evil.example.com>", "<a href=javascript:x>", "<p>\u202e</p>", "<iframe>"},
		asCSV:        {"=1", "a, =1", "a\nb,c", "\t=1", "a\n\"\r\n=\"", "@x", "＝1", "\x1b"},
		inHeaders:    {"Subject: a\nBcc: b", "Subject: é", "Subject: \x1b", "Subject: a\nforged", "X-Injected: 1"},
		inMail:       {"\u200b"},
		inSlack:      {"\u202e", "<!channel>", "a & b"},
		inTelegram:   {"text: \u200b", "mention: @everyone"},
		withoutAny:   {"a " + hostileContents[0].word()},
	} {
		for _, output := range outputs {
			require.Error(t, m.inert(output), "%s %q", m, output)
		}
		left = slices.DeleteFunc(left, func(other medium) bool { return other == m })
	}
	require.Empty(t, left, "no output shows that these rules can fail")
}
