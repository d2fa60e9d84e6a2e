package incident

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
)

// identity is a member of a context that says what an event is about.
type identity struct{ name, value string }

// identityOf returns the members of a context, at its first level, that have one of the
// names and are strings or integers. They are sorted by name.
func identityOf(c alerting.Context, names []string) []identity {
	text := c.String()
	if len(names) == 0 || text == "{}" {
		return nil
	}
	var found []identity
	dec := jsontext.NewDecoder(strings.NewReader(text), jsontext.AllowDuplicateNames(true)) // it has none
	if _, err := dec.ReadToken(); err != nil {
		return nil // an alert with such a context is refused
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		at := slices.Index(names, token.String())
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if at < 0 {
			continue
		}
		if text := identityText(value); text != "" {
			found = append(found, identity{names[at], text})
		}
	}
	slices.SortFunc(found, func(a, b identity) int { return cmp.Compare(a.name, b.name) })
	return found
}

// identityText returns a string without white space around it, or an integer as it is
// written. It returns "" for any other value.
func identityText(value jsontext.Value) string {
	switch value.Kind() {
	case '"':
		text, err := jsontext.AppendUnquote(nil, value)
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(text))
	case '0':
		if strings.ContainsAny(string(value), ".eE") {
			return ""
		}
		return string(value)
	default:
		return ""
	}
}

// patternOf shows what a context names, such as {account="7", position="BTC-EUR"}.
func patternOf(named []identity) string {
	text := []byte{'{'}
	for i, n := range named {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(text, n.name...)
		text = append(text, '=')
		text = strconv.AppendQuote(text, n.value)
	}
	return string(append(text, '}'))
}
