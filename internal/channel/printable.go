package channel

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable replaces each character that is neither visible nor a space by its escape,
// such as \x1b or \u202e, so that a text from outside cannot command a terminal or change
// the direction of writing. Line breaks stay, as \n, and so do tabs. Bytes that are not
// UTF-8 become U+FFFD.
func Printable(text string) string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	plain := func(r rune) bool { return unicode.IsPrint(r) || r == '\n' || r == '\t' }
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if plain(r) {
			out.WriteRune(r)
			continue
		}
		escape := strconv.QuoteRuneToASCII(r)
		out.WriteString(escape[1 : len(escape)-1])
	}
	return out.String()
}
