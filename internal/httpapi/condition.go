package httpapi

import (
	"fmt"
	"maps"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

// object returns the members of a member that is an object, none if it is absent or null.
// What is wrong with them is told under its name once [bodyReader.join] is called.
func (b *bodyReader) object(name string, known ...string) *bodyReader {
	part := newBodyReader(known...)
	switch value := b.values[name]; {
	case len(value) == 0 || value.Kind() == 'n':
	case value.Kind() != '{':
		b.problem(name, "must be an object")
	default:
		_ = part.decode(value) // the whole body was read already
	}
	return part
}

// join adds what is wrong with a member's own members.
func (b *bodyReader) join(name string, part *bodyReader) {
	for _, p := range part.problems {
		b.problem(name+"."+p.Field, "%s", p.Message)
	}
}

// texts returns the texts of a member that is a list of them.
func (b *bodyReader) texts(name string) []string {
	value := b.values[name]
	if len(value) == 0 || value.Kind() == 'n' {
		return nil
	}
	var values []jsontext.Value
	if err := json.Unmarshal(value, &values); err != nil {
		b.problem(name, "must be a list of strings")
		return nil
	}
	texts := make([]string, 0, len(values))
	for i, one := range values {
		if one.Kind() != '"' {
			b.problem(fmt.Sprintf("%s[%d]", name, i), "must be a string")
			continue
		}
		texts = append(texts, unquote(one))
	}
	return texts
}

// conditionFields are the members of match and not.
var conditionFields = []string{"min_severity", "max_severity", "category", "source", "message", "context"}

// condition reads what a silence is about. The values are checked once it is compiled.
func (b *bodyReader) condition() matcher.Condition {
	return matcher.Condition{Match: b.spec("match"), Not: b.spec("not")}
}

func (b *bodyReader) spec(name string) (s matcher.Spec) {
	part := b.object(name, conditionFields...)
	severity := func(name string) (severity alerting.Severity) {
		if text, given := part.given(name); given {
			var err error
			severity, err = alerting.ParseSeverity(text)
			part.take(name, err)
		}
		return severity
	}
	s.MinSeverity, s.MaxSeverity = severity("min_severity"), severity("max_severity")
	for i, text := range part.texts("category") {
		category, err := alerting.ParseCategory(text)
		part.take(fmt.Sprintf("category[%d]", i), err)
		s.Category = append(s.Category, category)
	}
	s.Source, s.Message, s.Context = part.texts("source"), part.text("message"), part.members("context")
	b.join(name, part)
	return s
}

// members returns the texts of a member that is an object of texts, by their names.
func (b *bodyReader) members(name string) map[string]string {
	value := b.values[name]
	if len(value) == 0 || value.Kind() == 'n' {
		return nil
	}
	var values map[string]jsontext.Value
	if err := json.Unmarshal(value, &values); err != nil {
		b.problem(name, "must be an object of strings")
		return nil
	}
	texts := make(map[string]string, len(values))
	for _, member := range slices.Sorted(maps.Keys(values)) {
		if one := values[member]; one.Kind() == '"' {
			texts[member] = unquote(one)
		} else {
			b.problem(name+"."+member, "must be a string; numbers and booleans are matched as they are written")
		}
	}
	return texts
}
