// Package plaintext makes a text from outside inert where people read it: on a terminal,
// in a message, in a file that somebody looks at.
//
// It shows each character that is neither visible nor a space as an escape: control
// characters, and so every sequence that commands a terminal; characters that change the
// direction of writing; and those that nobody sees, by which two names can look alike.
// Bytes that are not UTF-8 become U+FFFD.
package plaintext

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// visible reports whether people see a character, or the space that it takes.
func visible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

// Lines returns a text of any number of lines with escapes such as \x1b and \u202e. Line
// breaks stay, as \n, and so do tabs.
func Lines(text string) string {
	return escape(strings.ReplaceAll(text, "\r\n", "\n"), func(r rune) bool { return visible(r) || r == '\n' || r == '\t' })
}

// Line returns a text as one line: line breaks and tabs too are escapes.
func Line(text string) string { return escape(text, visible) }

func escape(text string, plain func(rune) bool) string {
	if utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if plain(r) {
			out.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		out.WriteString(quoted[1 : len(quoted)-1])
	}
	return out.String()
}

// JSON returns a JSON text of the same value on one line, in which the characters that
// are not visible are \u escapes. Numbers keep their digits. The error says that the text
// is not JSON.
func JSON(text []byte) (string, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, text); err != nil {
		return "", err
	}
	return EscapeJSON(line.String()), nil
}

// EscapeJSON is [JSON] for a text that is known to be JSON, whose white space stays as it
// is. A text that needs no escapes is returned itself.
func EscapeJSON(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= 0x7f && !visible(r) }) < 0 {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if r < 0x7f || visible(r) { // JSON has escaped other control characters, or they are between its parts
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}
