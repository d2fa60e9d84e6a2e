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

// identity is a member of a context that says what an event is about.
type identity struct{ name, value string }

// identityOf returns the members of a context, at its first level, that have one of the
// names and are strings or integers, sorted by name. It runs for every event, so it reads
// no more of the JSON than it must: BenchmarkKeyOf.
func identityOf(c alerting.Context, names []string) []identity {
	text := c.String()
	if len(names) == 0 {
		return nil
	}
	var found []identity
	for at := 1; ; { // behind the opening brace
		start := strings.IndexByte(text[at:], '"')
		if start < 0 {
			break
		}
		start += at
		end := afterString(text, start)
		at = afterSpace(text, end)
		value := afterSpace(text, at+1) // behind the colon
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

// identityText returns a string, its white space folded and in NFC, or an integer as it is
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

// The functions below go through JSON that was checked when the alert came in. They stay
// within any other text, too.

// afterString returns where the string ends that begins at a place.
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

// afterSpace returns where the white space ends that may begin at a place.
func afterSpace(text string, at int) int {
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return min(at, len(text))
}

// afterValue returns where the value ends that begins at a place.
func afterValue(text string, at int) int {
	for depth := 0; at < len(text); {
		switch text[at] {
		case '"':
			at = afterString(text, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 { // of the object that the value is in
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

// maxShown is how many characters of a value a pattern shows.
const maxShown = 100

// patternOf shows a message and what its context names, such as
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

// cut returns at most so many characters of a text, the last of them … if there are more.
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
