package matcher

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"alertd/internal/plaintext"
)

// words describes a condition for people, on one line.
func (c Condition) words() string {
	said := append(c.Match.words(" is ", " matches "), c.Not.negated()...)
	if len(said) == 0 {
		return "anything"
	}
	return strings.Join(said, ", ")
}

// words has what each key says, with verbs between it and its values.
func (s Spec) words(is, matches string) []string {
	var said []string
	switch least, greatest := s.MinSeverity, s.MaxSeverity; {
	case least != 0 && least == greatest:
		said = append(said, "severity"+is+least.String())
	case least != 0 && greatest != 0:
		said = append(said, "severity"+is+least.String()+" to "+greatest.String())
	case least != 0:
		said = append(said, "severity"+is+"at least "+least.String())
	case greatest != 0:
		said = append(said, "severity"+is+"at most "+greatest.String())
	}
	if len(s.Category) > 0 {
		said = append(said, "category"+is+joined(s.Category, " or "))
	}
	if len(s.Source) > 0 {
		shown := make([]string, len(s.Source))
		for i, source := range s.Source {
			shown[i] = quoted(source)
		}
		said = append(said, "source"+is+strings.Join(shown, " or "))
	}
	if s.Message != "" {
		said = append(said, "message"+matches+strconv.Quote(s.Message))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Context)) {
		said = append(said, "context."+plaintext.Line(name)+is+quoted(s.Context[name]))
	}
	return said
}

// negated has what each key of not says: its severities are each negated by itself.
func (s Spec) negated() []string {
	var said []string
	if s.MinSeverity != 0 {
		greatest := Spec{MaxSeverity: s.MaxSeverity}
		said = greatest.negated()
		s.MaxSeverity = 0
	}
	for _, words := range s.words(" ", " ") {
		said = append(said, "not "+words)
	}
	return said
}

// quoted returns a pattern with quotes, if it would not be understood without them.
func quoted(pattern string) string {
	if pattern == "" || strings.ContainsAny(pattern, " ,\"'") || pattern != plaintext.Line(pattern) {
		return strconv.Quote(pattern)
	}
	return pattern
}
