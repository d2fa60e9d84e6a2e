package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// hostileContent is a text from outside that some way out could obey instead of showing it.
type hostileContent struct {
	name string
	// what it attacks.
	what string
	// text has the word of the content early on, by which it is found in an output.
	text string
}

// word is found nowhere but in the content.
func (c hostileContent) word() string { return "zz" + strings.ReplaceAll(c.name, " ", "") }

// fit returns the text for a place that takes at most most characters.
func (c hostileContent) fit(most int) string {
	runes := []rune(c.text)
	return string(runes[:min(len(runes), most)])
}

// evaluated is what a template engine makes of 7919*7919.
const evaluated = "62710561"

// hostileVariable is a variable of the environment that only an expansion would show.
const hostileVariable, hostileValue = "ALERTD_HOSTILE", "zzexpanded"

// forged begins lines that a content tries to add to an output.
const forged = "forged"

// hostileContents are the contents that go through every way out.
var hostileContents = []hostileContent{
	{"html", "pages, HTML mail, Telegram", `<script>alert("zzhtml")</script><img src=x onerror=alert(1)>"'><b>&lt;&#60;</pre></title>`},
	{"ansi", "terminals: colours, the window's title, an erased screen", "\x1b[31mzzansi\x1b[0m\x1b]0;title\x07\x1b[2J\x1b]8;;https://evil.example.com\x1b\\link\b\b"},
	{"c1", "terminals that take control characters of one byte", "\u009b31mzzc1\u009d0;title\u009c\u0090q\u009c\x7f\u0085next"},
	{"template", "template engines, the shell, format strings", "{{7919*7919}}zztemplate${7919*7919}#{7919*7919}<%= 7919*7919 %>{{.}}${" + hostileVariable + "}$(echo $((7919*7919)))`id`%s%n%d%!"},
	{"slack", "Slack: mentions, links, formats", "<!channel> zzslack <!here> <@U012ABCDEF> <!subteam^S012ABCDE> <https://evil.example.com|alertd> *bold* ```code @channel"},
	{"links", "Telegram and mail programs: mentions, commands, links", "@everyone zzlinks /stop #tag $USD https://evil.example.com [alertd](https://evil.example.com) tg://resolve?domain=x"},
	{"crlf", "headers of mail and HTTP, the SMTP conversation", "zzcrlf\r\nBcc: everybody@example.com\r\nX-Injected: 1\r\n\r\n.\r\nMAIL FROM:<x@example.com>\r\n"},
	{"lines", "logs, streams and lists: a forged entry", "zzlines\n" + forged + " [CRITICAL] all is well\n\ndata: " + forged + "\r" + forged + "\u2028" + forged + "\u2029" + forged + "\v\f\n{\"level\":\"ERROR\",\"msg\":\"" + forged + "\"}"},
	{"formula", "spreadsheets", `=HYPERLINK("https://evil.example.com?zzformula","open")`},
	{"signs", "spreadsheets that trim or translate", "＠SUM(zzsigns)\t=1+1"},
	{"bidi", "readers: the order of writing", "\u202ezzbidi\u202c \u2066gpj.exe\u2069 \u200e\u200f\u061c\u202a\u202d"},
	{"zero width", "readers: names that look alike", "zzzerowidth\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u3164\U000e0041"},
	{"quotes", "JSON, SQL, CSV, logfmt", `zzquotes","seq":0,"x":{"'; DROP TABLE events; --` + "\\\" msg=\"" + forged + `" ]]>,"`},
	{"mime", "mail: encoded words, boundaries, a signature", "=?utf-8?q?zzmime=0d=0aBcc:_x@example.com?= --alertd-1 \n-- \nFrom here"},
	{"emoji", "limits that count bytes, characters or code units", "zzemoji" + strings.Repeat("😀", 2048)},
}

// alert returns the content as an alert that has it in every text.
func (c hostileContent) alert(tb testing.TB) string {
	tb.Helper()
	body, err := json.Marshal(map[string]any{
		"severity": "error", "category": "risk_limit", "source": c.fit(255), "message": c.fit(8192), "dedup_key": c.fit(255),
		"context": map[string]any{c.fit(100): c.fit(2000), "nested": map[string]any{c.fit(100): []string{c.fit(100)}}},
	})
	require.NoError(tb, err)
	return string(body)
}

func TestHostileContentsHaveTheirWord(t *testing.T) {
	for _, c := range hostileContents {
		require.Contains(t, c.fit(60), c.word())
	}
}

// The tests of the dashboard send the same contents. They read them from a file.
func TestHostileContentsAreThoseOfTheDashboard(t *testing.T) {
	const file = "../../e2e/hostile.json"
	type content struct {
		Name string `json:"name"`
		Word string `json:"word"`
		Text string `json:"text"`
	}
	var contents []content
	for _, c := range hostileContents {
		contents = append(contents, content{c.name, c.word(), c.text})
	}
	want, err := json.MarshalIndent(contents, "", "  ")
	require.NoError(t, err)
	want = append(regexp.MustCompile(`[^\x00-\x7e]`).ReplaceAllFunc(want, func(r []byte) []byte { // no editor shall obey them
		var escaped []byte
		for _, unit := range utf16.Encode([]rune(string(r))) {
			escaped = fmt.Appendf(escaped, `\u%04x`, unit)
		}
		return escaped
	}), '\n')
	if *updateFlag {
		require.NoError(t, os.WriteFile(file, want, 0o600))
	}
	got, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "if this is meant: go test ./cmd/alertd -run HostileContents -update")
}
