package config

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

// condition reads the tables match and not.
func (t *table) condition() matcher.Condition {
	match, not := t.inner("match"), t.inner("not")
	c := matcher.Condition{Match: match.spec(), Not: not.spec()}
	match.done()
	not.done()
	_, err := c.Compile()
	t.report("", err)
	return c
}

// conditionIn reads a condition that is a table: the keys of match, and the table not.
func (t *table) conditionIn(name string) matcher.Condition {
	inner := t.inner(name)
	not := inner.inner("not")
	c := matcher.Condition{Match: inner.spec(), Not: not.spec()}
	inner.done()
	not.done()
	_, err := c.Compile()
	inner.report("match.", err)
	return c
}

func (t *table) spec() (s matcher.Spec) {
	t.severity("min_severity", &s.MinSeverity)
	t.severity("max_severity", &s.MaxSeverity)
	s.Category = categories(t, "category")
	t.strings("source", &s.Source)
	t.string("message", &s.Message)
	if context := readTexts(t, "context"); len(context) > 0 {
		s.Context = context
	}
	return s
}

// report reports what a package finds wrong with what was read from a table, except for keys
// with a problem that is already reported. The names of its fields lack a prefix in the file.
// What came from the environment may be a secret, and a message may quote a part of it.
func (t *table) report(prefix string, err error) {
	invalid, ok := errors.AsType[*alerting.Error](err)
	if !ok {
		return
	}
	for _, field := range invalid.Fields {
		key, message := fieldKey(t.key, strings.TrimPrefix(field.Field, prefix)), field.Message
		if t.r.origins[key].env {
			message = notShown + " is not allowed"
		}
		if !t.r.reported(key) {
			t.r.problem(key, "%s", message)
		}
	}
}

// fieldKey returns the key of a field within a table. What follows the name of a table whose
// keys are the user's own is one of them, dots included.
func fieldKey(table, field string) string {
	for _, own := range []string{"context", "half_days"} {
		if before, name, ok := strings.Cut(field, own+"."); ok {
			return join(table+"."+before+own, name)
		}
	}
	return table + "." + field
}

// showCondition adds a condition to what is shown of an entry.
func showCondition(shown map[string]any, c matcher.Condition) map[string]any {
	if !c.Match.IsZero() {
		shown["match"] = showSpec(c.Match)
	}
	if !c.Not.IsZero() {
		shown["not"] = showSpec(c.Not)
	}
	return shown
}

// showConditionIn returns a condition as the table that conditionIn reads.
func showConditionIn(c matcher.Condition) map[string]any {
	shown := showSpec(c.Match)
	if !c.Not.IsZero() {
		shown["not"] = showSpec(c.Not)
	}
	return shown
}

// showSpec returns a spec as a table. Its keys are the same in JSON.
func showSpec(s matcher.Spec) map[string]any {
	shown := map[string]any{}
	text, err := json.Marshal(s)
	if err == nil {
		err = json.Unmarshal(text, &shown)
	}
	if err != nil { // what was read can be written
		return map[string]any{"error": err.Error()}
	}
	return shown
}
