package matcher

import (
	"regexp"

	"alertd/internal/alerting"
)

// Subject is what is matched: an event, or what an incident is about.
type Subject struct {
	// Severity and Category are valid ones.
	Severity alerting.Severity
	Category alerting.Category
	Source   string
	Message  string
	// Context returns the text of a member of the context, and whether there is one: see
	// [Members]. nil: there is none.
	Context func(name string) (text string, ok bool)
}

// Matcher is a compiled [Condition]: see [Condition.Compile]. It is immutable.
type Matcher struct {
	severities, categories set
	match, not             texts
	words                  string
}

// texts is what a [Spec] says about texts.
type texts struct {
	sources []glob
	message *regexp.Regexp
	context []member
}

// member is a condition on a member of the context.
type member struct {
	name string
	glob glob
}

// Matches reports whether a subject fits the condition.
func (m *Matcher) Matches(s *Subject) bool {
	switch {
	case !m.severities.has(uint8(s.Severity)), !m.categories.has(uint8(s.Category)):
		return false
	case len(m.match.sources) > 0 && !anyOf(m.match.sources, s.Source), anyOf(m.not.sources, s.Source):
		return false
	}
	for i := range m.match.context {
		if !m.match.context[i].matches(s) {
			return false
		}
	}
	for i := range m.not.context {
		if m.not.context[i].matches(s) {
			return false
		}
	}
	if m.match.message != nil && !m.match.message.MatchString(s.Message) {
		return false
	}
	return m.not.message == nil || !m.not.message.MatchString(s.Message)
}

// UsesContext reports whether it asks for a member of the context.
func (m *Matcher) UsesContext() bool { return len(m.match.context)+len(m.not.context) > 0 }

// String returns the condition in words, such as: category is risk_limit, source is var_*,
// not source var_test. That of the empty one is "anything".
func (m *Matcher) String() string { return m.words }

func (m *member) matches(s *Subject) bool {
	if s.Context == nil {
		return false
	}
	text, ok := s.Context(m.name)
	return ok && m.glob.matches(text)
}

func anyOf(globs []glob, text string) bool {
	for i := range globs {
		if globs[i].matches(text) {
			return true
		}
	}
	return false
}
