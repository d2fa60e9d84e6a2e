package incident

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"alertd/internal/alerting"
)

// identity is a member of a context that identifies what an event is about.
type identity struct{ name, value string }

// identityOf returns the members of a context's first level that have one of the names and
// are strings or integers, sorted by name. It runs for every event: BenchmarkKeyOf.
func identityOf(c alerting.Context, names []string) []identity {
	if len(names) == 0 {
		return nil
	}
	var found []identity
	for name, value := range c.Members() {
		i := slices.Index(names, name)
		if i < 0 {
			continue
		}
		if value := identityText(value); value != "" {
			found = append(found, identity{names[i], value})
		}
	}
	slices.SortFunc(found, func(a, b identity) int { return cmp.Compare(a.name, b.name) })
	return found
}

// identityText returns a string in NFC with its white space folded, or an integer as it was
// written. It returns "" for any other value.
func identityText(value alerting.Value) string {
	if text, ok := value.Text(); ok {
		return normalize(text)
	}
	if value == "" || value[0] != '-' && !isDigit(rune(value[0])) || strings.ContainsAny(string(value), ".eE") {
		return ""
	}
	return string(value)
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
