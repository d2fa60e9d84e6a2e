package matcher_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

// The model is the rules of the package comment in the plainest words.

// modelGlob goes through all ways in which the stars can be filled.
func modelGlob(pattern, text string) bool {
	p, s := []rune(pattern), []rune(text)
	switch {
	case len(p) == 0:
		return len(s) == 0
	case p[0] == '*':
		return modelGlob(string(p[1:]), text) || len(s) > 0 && modelGlob(pattern, string(s[1:]))
	case len(s) == 0:
		return false
	case p[0] == '?':
		return modelGlob(string(p[1:]), string(s[1:]))
	case p[0] == '\\':
		p = p[1:]
	}
	return p[0] == s[0] && modelGlob(string(p[1:]), string(s[1:]))
}

// modelMember looks a member up in a context that another decoder has read.
func modelMember(object map[string]json.RawMessage, name string) (string, bool) {
	value, ok := object[name]
	if first, rest, nested := strings.Cut(name, "."); !ok && nested {
		var inner map[string]json.RawMessage
		if json.Unmarshal(object[first], &inner) != nil {
			return "", false
		}
		return modelMember(inner, rest)
	}
	var text string
	switch {
	case !ok || string(value) == "null" || value[0] == '{' || value[0] == '[':
		return "", false
	case json.Unmarshal(value, &text) == nil:
		return text, true
	}
	return string(value), true
}

// modelKeys says of each key of a spec, and of each member, whether a subject has it.
func modelKeys(s matcher.Spec, subject *matcher.Subject, context map[string]json.RawMessage) (keys []bool) {
	anySource := func(pattern string) bool { return modelGlob(pattern, subject.Source) }
	if s.MinSeverity != 0 {
		keys = append(keys, subject.Severity >= s.MinSeverity)
	}
	if s.MaxSeverity != 0 {
		keys = append(keys, subject.Severity <= s.MaxSeverity)
	}
	if len(s.Category) > 0 {
		keys = append(keys, slices.Contains(s.Category, subject.Category))
	}
	if len(s.Source) > 0 {
		keys = append(keys, slices.ContainsFunc(s.Source, anySource))
	}
	if s.Message != "" {
		keys = append(keys, regexp.MustCompile(s.Message).MatchString(subject.Message))
	}
	for name, pattern := range s.Context {
		text, ok := modelMember(context, name)
		keys = append(keys, ok && modelGlob(pattern, text))
	}
	return keys
}

func modelMatches(c matcher.Condition, subject *matcher.Subject, context map[string]json.RawMessage) bool {
	return !slices.Contains(modelKeys(c.Match, subject, context), false) && !slices.Contains(modelKeys(c.Not, subject, context), true)
}

var (
	anyText    = rapid.StringMatching(`[abé.\n]{0,4}`)
	anyPattern = rapid.OneOf(rapid.StringMatching(`[abé.]{1,4}`), rapid.StringMatching(`[ab]{0,2}\*`), rapid.StringMatching(`([abé.?*]|\\[a*?\\]){1,6}`))
	anyName    = rapid.SampledFrom([]string{"a", "b", "a.b", "a.b.c", "a.c", ""})
	severities = rapid.SampledFrom(alerting.Severities())
	categories = rapid.SampledFrom(alerting.Categories())
	// seldom draws from a generator once in a while, and else gives the zero value.
	names = rapid.SampledFrom([]string{"a", "b", "a.b", "a.b.c", "a.c", "absent"})
)

func seldom[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	var zero T
	return rapid.OneOf(rapid.Just(zero), rapid.Just(zero), g)
}

func specs() *rapid.Generator[matcher.Spec] {
	return rapid.Custom(func(t *rapid.T) matcher.Spec {
		return matcher.Spec{
			MinSeverity: seldom(severities).Draw(t, "min"),
			MaxSeverity: seldom(severities).Draw(t, "max"),
			Category:    seldom(rapid.SliceOfN(categories, 0, 3)).Draw(t, "category"),
			Source:      seldom(rapid.SliceOfN(anyPattern, 0, 3)).Draw(t, "source"),
			Message:     seldom(rapid.SampledFrom([]string{"a", "(?i)B", "^a.*b$", `\.`, "a|b", "é+"})).Draw(t, "message"),
			Context:     seldom(rapid.MapOfN(names, rapid.OneOf(anyPattern, rapid.SampledFrom([]string{"", "*", "1", "true"})), 0, 2)).Draw(t, "context"),
		}
	})
}

// conditions draws conditions that compile.
func conditions() *rapid.Generator[matcher.Condition] {
	return rapid.Custom(func(t *rapid.T) matcher.Condition {
		return matcher.Condition{Match: specs().Draw(t, "match"), Not: seldom(specs()).Draw(t, "not")}
	}).Filter(func(c matcher.Condition) bool {
		_, err := c.Compile()
		return err == nil
	})
}

// drawSubject returns a subject, and its context as another decoder reads it.
func drawSubject(t *rapid.T) (*matcher.Subject, map[string]json.RawMessage) {
	text := func() string {
		quoted, err := json.Marshal(anyText.Draw(t, "text"))
		require.NoError(t, err)
		return string(quoted)
	}
	value := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{text(), "1", "true", "null", "[]"}).Draw(t, "value")
	})
	object := func(value *rapid.Generator[string]) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			var members []string
			for name, value := range rapid.MapOfN(anyName, value, 0, 4).Draw(t, "members") {
				members = append(members, `"`+name+`":`+value)
			}
			return "{" + strings.Join(members, ",") + "}"
		})
	}
	raw := object(rapid.OneOf(value, object(rapid.OneOf(value, object(value))))).Draw(t, "context")
	context, err := alerting.ParseContext([]byte(raw))
	require.NoError(t, err)
	var decoded map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(raw), &decoded))
	return &matcher.Subject{
		Severity: severities.Draw(t, "severity"), Category: categories.Draw(t, "category"),
		Source: anyText.Draw(t, "source"), Message: anyText.Draw(t, "message"), Context: matcher.Members(context),
	}, decoded
}

func TestMatcherIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		condition := conditions().Draw(t, "condition")
		m, err := condition.Compile()
		require.NoError(t, err)
		for range 20 {
			subject, context := drawSubject(t)
			require.Equal(t, modelMatches(condition, subject, context), m.Matches(subject), "%s: %+v %s", m, subject, context)
		}
	})
}

func TestGlobIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern, text := anyPattern.Draw(t, "pattern"), anyText.Draw(t, "text")
		m, err := matcher.Condition{Match: matcher.Spec{Source: []string{pattern}}}.Compile()
		require.NoError(t, err)
		require.Equal(t, modelGlob(pattern, text), m.Matches(&matcher.Subject{Severity: 1, Category: 1, Source: text}), "%s %s", pattern, text)
	})
}

func TestIndexFindsWhatMatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all []*matcher.Matcher
		for _, condition := range rapid.SliceOfN(conditions(), 0, 12).Draw(t, "conditions") {
			m, err := condition.Compile()
			require.NoError(t, err)
			all = append(all, m)
		}
		x := matcher.NewIndex(all)
		for range 10 {
			subject, _ := drawSubject(t)
			var want []int
			for i, m := range all {
				if m.Matches(subject) {
					want = append(want, i)
				}
			}
			require.Equal(t, want, x.Match(subject, nil))
		}
	})
}

func TestCoveredMatcherMatchesNothingElse(t *testing.T) {
	covered := 0
	rapid.Check(t, func(t *rapid.T) {
		condition := conditions().Draw(t, "condition")
		other := condition
		switch rapid.IntRange(0, 3).Draw(t, "other") { // near ones are more often covered
		case 0:
			other = conditions().Draw(t, "other condition")
		case 1:
			other.Match.Context, other.Not.Source = seldom(rapid.MapOfN(names, anyPattern, 0, 2)).Draw(t, "context"), nil
		case 2:
			other.Match.Source = rapid.SliceOfN(anyPattern, 1, 2).Draw(t, "source")
		case 3:
			other.Not = specs().Draw(t, "not")
		}
		m, err := condition.Compile()
		require.NoError(t, err)
		o, err := other.Compile()
		if err != nil || !m.Covers(o) {
			return
		}
		covered++
		for range 20 {
			subject, _ := drawSubject(t)
			require.False(t, o.Matches(subject) && !m.Matches(subject), "%s covers %s: %+v", m, o, subject)
		}
	})
	require.Positive(t, covered)
}

func TestEveryMatcherCoversItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		condition := conditions().Draw(t, "condition")
		condition.Match.Context = maps.Clone(condition.Match.Context)
		m, err := condition.Compile()
		require.NoError(t, err)
		require.True(t, m.Covers(m), "%s", m)
	})
}
