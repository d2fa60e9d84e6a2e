package matcher

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"alertd/internal/alerting"
)

// The limits of a condition. Lengths are in characters.
const (
	// MaxListed is the most values in a list.
	MaxListed = 100
	// MaxGlobLength is the most of a glob, and of the name of a context's member.
	MaxGlobLength = 255
	// MaxMessageLength is the most of a regular expression.
	MaxMessageLength = 1024
	// MaxMembers is the most members of a context.
	MaxMembers = 32
)

// Spec says what an event has, by the keys that users write. The zero value says nothing.
type Spec struct {
	// MinSeverity and MaxSeverity are the least and the greatest severity; 0: any.
	MinSeverity alerting.Severity `json:"min_severity,omitzero"`
	MaxSeverity alerting.Severity `json:"max_severity,omitzero"`
	// Category: any of them; none: any.
	Category []alerting.Category `json:"category,omitempty"`
	// Source has globs: any of them; none: any.
	Source []string `json:"source,omitempty"`
	// Message is a regular expression that is looked for in the message; "": any.
	Message string `json:"message,omitzero"`
	// Context has a glob for each named member.
	Context map[string]string `json:"context,omitempty"`
}

// IsZero reports whether it says nothing.
func (s Spec) IsZero() bool {
	return s.MinSeverity == 0 && s.MaxSeverity == 0 && len(s.Category) == 0 && len(s.Source) == 0 && s.Message == "" && len(s.Context) == 0
}

// Condition says which events match. The zero value matches everything.
type Condition struct {
	// Match: all of it must be so.
	Match Spec `json:"match,omitzero"`
	// Not: none of it may be so, each key and each member of the context by itself.
	Not Spec `json:"not,omitzero"`
}

// Compile checks a condition and makes a matcher of it, which shares no memory with it. The
// error is an [*alerting.Error] with [alerting.CodeInvalid] that has every problem; its
// fields are named as match.source[0] and not.context.position.
func (c Condition) Compile() (*Matcher, error) {
	var check checker
	m := &Matcher{
		severities: check.severities(c),
		categories: check.categories(c),
		match:      check.texts("match", c.Match),
		not:        check.texts("not", c.Not),
		words:      c.words(),
	}
	if len(check.problems) > 0 {
		return nil, &alerting.Error{Code: alerting.CodeInvalid, Fields: check.problems}
	}
	return m, nil
}

// checker gathers what is wrong with a condition.
type checker struct{ problems []alerting.FieldError }

func (c *checker) problem(field, format string, args ...any) {
	c.problems = append(c.problems, alerting.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// texts compiles what a spec says about texts.
func (c *checker) texts(of string, s Spec) texts {
	var t texts
	field := of + ".source"
	if len(s.Source) > MaxListed {
		c.problem(field, "has %d entries, may have at most %d", len(s.Source), MaxListed)
	} else {
		for i, source := range s.Source {
			t.sources = append(t.sources, c.source(fmt.Sprintf("%s[%d]", field, i), source))
		}
	}
	t.message = c.expression(of+".message", s.Message)
	field = of + ".context"
	if len(s.Context) > MaxMembers {
		c.problem(field, "has %d members, may have at most %d", len(s.Context), MaxMembers)
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(s.Context)) {
		if c.text(field, name, 1, MaxGlobLength) {
			t.context = append(t.context, member{name, c.glob(field+"."+name, s.Context[name], 0)})
		}
	}
	return t
}

// text reports whether a text is UTF-8 without NUL of at least and at most so many characters.
func (c *checker) text(field, text string, least, most int) bool {
	switch n := utf8.RuneCountInString(text); {
	case n == 0 && least > 0:
		c.problem(field, "has an empty text, must have %d to %d characters", least, most)
	case n > most:
		c.problem(field, "has a text of %d characters, may have at most %d", n, most)
	case !utf8.ValidString(text):
		c.problem(field, "is not valid UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		c.problem(field, "contains a NUL character, which is not allowed")
	default:
		return true
	}
	return false
}

func (c *checker) source(field, pattern string) glob {
	if pattern != strings.TrimSpace(pattern) {
		c.problem(field, "%q begins or ends with a space, which no source does", pattern)
		return glob{}
	}
	return c.glob(field, pattern, 1)
}

func (c *checker) glob(field, pattern string, least int) glob {
	if !c.text(field, pattern, least, MaxGlobLength) {
		return glob{}
	}
	g, err := newGlob(pattern)
	if err != nil {
		c.problem(field, "%q %s", pattern, err)
	}
	return g
}

func (c *checker) expression(field, expression string) *regexp.Regexp {
	if !c.text(field, expression, 0, MaxMessageLength) || expression == "" {
		return nil
	}
	compiled, err := newExpression(expression)
	if err != nil {
		c.problem(field, "%q %s", expression, err)
	}
	return compiled
}
