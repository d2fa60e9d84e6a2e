package incident

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
)

// identity is a member of a context that identifies what an event is about.
type identity struct{ name, value string }

// identityOf returns the members of a context's first level that have one of the names and
// are strings or integers, sorted by name. It runs for every event, so it reads as little
// of the JSON as possible: BenchmarkKeyOf.
func identityOf(c alerting.Context, names []string) []identity {
	text := c.String()
	if len(names) == 0 {
		return nil
	}
	var found []identity
	for at := 1; ; { // after the opening brace
		start := strings.IndexByte(text[at:], '"')
		if start < 0 {
			break
		}
		start += at
		end := afterString(text, start)
		at = afterSpace(text, end)
		value := afterSpace(text, at+1) // after the colon
		at = afterValue(text, value)
		i := slices.Index(names, unquoted(text[start:end]))
		if i < 0 {
			continue
		}
		if value := identityText(text[value:at]); value != "" {
			found = append(found, identity{names[i], value})
		}
	}
	slices.SortFunc(found, func(a, b identity) int { return cmp.Compare(a.name, b.name) })
	return found
}

// identityText returns a string in NFC with its white space folded, or an integer as it was
// written. It returns "" for any other value.
func identityText(value string) string {
	switch {
	case value == "":
		return ""
	case value[0] == '"':
		return normalize(unquoted(value))
	case value[0] == '-' || isDigit(rune(value[0])):
		if strings.ContainsAny(value, ".eE") {
			return ""
		}
		return value
	default:
		return ""
	}
}

// unquoted returns the text of a JSON string.
func unquoted(quoted string) string {
	if len(quoted) < 2 {
		return ""
	}
	if strings.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return ""
	}
	return string(text)
}

// The functions below scan JSON that was validated when the alert arrived. They stay within
// bounds in any other text, too.

// afterString returns the end of the string at at.
func afterString(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// afterSpace skips white space at at.
func afterSpace(text string, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return min(at, len(text))
}

// afterValue returns the end of the value at at.
func afterValue(text string, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = afterString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 { // the end of the enclosing object
				return at
			}
			depth--
			at++
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return len(text)
}

// maxShown is the most characters of a value in a pattern.
const maxShown = 100

// patternOf shows a message and the identities of its context, such as
// VaR # > # {account="7", position="BTC-EUR"}.
func patternOf(message string, named []identity) string {
	text := append([]byte(message), " {"...)
	for i, n := range named {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(append(text, n.name...), '=')
		text = strconv.AppendQuote(text, cut(n.value, maxShown))
	}
	return cut(string(append(text, '}')), alerting.MaxMessageLength)
}

// cut returns a text of at most the given number of characters; a longer one ends in ….
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	runes := 0
	for at := range text {
		if runes++; runes == most {
			return text[:at] + "…"
		}
	}
	return text
}
