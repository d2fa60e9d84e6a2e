package channel

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine replaces control characters, line breaks among them, and runs of white
// space by single spaces, so that a text fits into a header or a title.
func OneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
}

// Shorten returns a text, cut to most characters (Unicode code points) if it has more. A
// cut text ends with …, which counts. most must be at least 1.
func Shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	n := 0
	for i := range text {
		if n++; n == most {
			return text[:i] + "…"
		}
	}
	return text
}

// ShortenBytes is [Shorten] with a limit in bytes, which must be at least 3.
func ShortenBytes(text string, most int) string {
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
