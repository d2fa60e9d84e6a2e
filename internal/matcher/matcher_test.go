package matcher_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

// compiled makes a matcher of a condition in JSON.
func compiled(tb testing.TB, condition string) *matcher.Matcher {
	tb.Helper()
	var c matcher.Condition
	require.NoError(tb, json.Unmarshal([]byte(condition), &c, json.RejectUnknownMembers(true)))
	m, err := c.Compile()
	require.NoError(tb, err, condition)
	return m
}

// breach is an event of the gate of VaR.
func breach(tb testing.TB) *matcher.Subject {
	tb.Helper()
	context, err := alerting.ParseContext([]byte(`{"position": "BTC-EUR", "var": 0.050, "hedged": false, "desk": null, "order": {"venue": "XETRA", "legs": [1]}, "order.id": 7, "": "x"}`))
	require.NoError(tb, err)
	return &matcher.Subject{
		Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit,
		Source: "var_gate", Message: "VaR Limit breached:\n0.05 > 0.03", Context: matcher.Members(context),
	}
}

func TestConditionMatches(t *testing.T) {
	for condition, want := range map[string]bool{
		`{}`:                      true,
		`{"match":{},"not":{}}`:   true,
		`{"match":{"source":[]}}`: true,

		`{"match":{"min_severity":"error","max_severity":"error"}}`: true,
		`{"match":{"min_severity":"critical"}}`:                     false,
		`{"match":{"max_severity":"warning"}}`:                      false,
		`{"not":{"min_severity":"critical"}}`:                       true,
		`{"not":{"min_severity":"error"}}`:                          false,
		`{"not":{"max_severity":"error"}}`:                          false,
		`{"not":{"min_severity":"critical","max_severity":"info"}}`: true,

		`{"match":{"category":["compliance","risk_limit"]}}`: true,
		`{"match":{"category":["compliance"]}}`:              false,
		`{"not":{"category":["compliance"]}}`:                true,
		`{"not":{"category":["risk_limit"]}}`:                false,

		`{"match":{"source":["var_gate"]}}`:                              true,
		`{"match":{"source":["VAR_gate"]}}`:                              false,
		`{"match":{"source":["x","var_*"]}}`:                             true,
		`{"match":{"source":["*"]}}`:                                     true,
		`{"match":{"source":["*_gate"]}}`:                                true,
		`{"match":{"source":["var?gate"]}}`:                              true,
		`{"match":{"source":["?ar*g*t?"]}}`:                              true,
		`{"match":{"source":["*v*r*e*"]}}`:                               true,
		`{"match":{"source":["*v*e*r*"]}}`:                               false,
		`{"match":{"source":["var\\_gate"]}}`:                            true,
		`{"match":{"source":["var\\*"]}}`:                                false,
		`{"match":{"source":["var"]}}`:                                   false,
		`{"match":{"source":["var_*"]},"not":{"source":["var_test"]}}`:   true,
		`{"match":{"source":["var_*"]},"not":{"source":["x","*_gate"]}}`: false,

		`{"match":{"message":"Limit"}}`:            true,
		`{"match":{"message":"^limit"}}`:           false,
		`{"match":{"message":"(?i)^var limit b"}}`: true,
		`{"match":{"message":"breached:.0"}}`:      false,
		`{"match":{"message":"(?s)breached:.0"}}`:  true,
		`{"not":{"message":"0\\.03$"}}`:            false,
		`{"not":{"message":"test"}}`:               true,

		`{"match":{"context":{"position":"BTC-*"}}}`:                    true,
		`{"match":{"context":{"position":"ETH-*"}}}`:                    false,
		`{"match":{"context":{"position":"BTC-*","var":"0.050"}}}`:      true,
		`{"match":{"context":{"position":"BTC-*","var":"0.05"}}}`:       false,
		`{"match":{"context":{"hedged":"false"}}}`:                      true,
		`{"match":{"context":{"desk":"*"}}}`:                            false,
		`{"match":{"context":{"absent":"*"}}}`:                          false,
		`{"match":{"context":{"order":"*"}}}`:                           false,
		`{"match":{"context":{"order.venue":"XETRA"}}}`:                 true,
		`{"match":{"context":{"order.legs":"*"}}}`:                      false,
		`{"match":{"context":{"order.id":"7"}}}`:                        true,
		`{"match":{"context":{"order.venue.x":"*"}}}`:                   false,
		`{"match":{"context":{"a.b.c":"*"}}}`:                           false,
		`{"not":{"context":{"position":"ETH-*"}}}`:                      true,
		`{"not":{"context":{"position":"BTC-*"}}}`:                      false,
		`{"not":{"context":{"position":"ETH-*","order.venue":"X*"}}}`:   false,
		`{"not":{"context":{"absent":"*"}}}`:                            true,
		`{"not":{"source":["other"],"context":{"position":"BTC-EUR"}}}`: false,
	} {
		require.Equal(t, want, compiled(t, condition).Matches(breach(t)), condition)
	}
}

func TestSubjectWithoutContextHasNoMembers(t *testing.T) {
	subject := breach(t)
	subject.Context = nil
	require.False(t, compiled(t, `{"match":{"context":{"position":"*"}}}`).Matches(subject))
	require.True(t, compiled(t, `{"not":{"context":{"position":"*"}}}`).Matches(subject))
}

func TestMatcherSaysWhetherItUsesTheContext(t *testing.T) {
	require.False(t, compiled(t, `{"match":{"source":["a"],"message":"b"}}`).UsesContext())
	require.True(t, compiled(t, `{"match":{"context":{"a":"b"}}}`).UsesContext())
	require.True(t, compiled(t, `{"not":{"context":{"a":"b"}}}`).UsesContext())
}

func TestMatcherIsDescribedInWords(t *testing.T) {
	for condition, want := range map[string]string{
		`{}`: "anything",
		`{"match":{"category":["risk_limit"],"source":["var_*"],"message":"(?i)limit"},"not":{"source":["var_test"]}}`:     `category is risk_limit, source is var_*, message matches "(?i)limit", not source var_test`,
		`{"match":{"min_severity":"warning","category":["risk_limit","other"],"source":["a","b"]}}`:                        "severity is at least warning, category is risk_limit or other, source is a or b",
		`{"match":{"min_severity":"info","max_severity":"error","context":{"z":"","a.b":"x y"}}}`:                          `severity is info to error, context.a.b is "x y", context.z is ""`,
		`{"match":{"min_severity":"error","max_severity":"error"}}`:                                                        "severity is error",
		`{"not":{"min_severity":"critical","max_severity":"info","category":["other"],"message":"x","context":{"p":"*"}}}`: `not severity at most info, not severity at least critical, not category other, not message "x", not context.p *`,
		`{"match":{"source":["a\u202eb"],"context":{"\u001b[2J":"\n"}}}`:                                                   `source is "a\u202eb", context.\x1b[2J is "\n"`,
	} {
		require.Equal(t, want, compiled(t, condition).String())
	}
}

func TestConditionNamesEachProblem(t *testing.T) {
	many := strings.Repeat("x", 256)
	severities, categories := "must be one of debug, info, warning, error, critical", "must be one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other"
	members := map[string]string{}
	for i := range 33 {
		members[fmt.Sprint(i)] = ""
	}
	for _, c := range []struct {
		condition matcher.Condition
		want      []string
	}{
		{
			matcher.Condition{
				Match: matcher.Spec{
					MinSeverity: 9, Category: []alerting.Category{alerting.CategoryOther, 0}, Source: []string{"", "ok", " x", many, `a\`, "\xff"},
					Message: "(a", Context: map[string]string{"": "x", "a": `\`, "b": many, many: "x"},
				},
				Not: matcher.Spec{MaxSeverity: 9, Category: []alerting.Category{99}, Source: []string{"*", "\t"}, Message: strings.Repeat("é", 1025)},
			},
			[]string{
				"match.min_severity: " + severities,
				"not.max_severity: " + severities,
				"match.category[1]: " + categories,
				"not.category[0]: " + categories,
				"match.source[0]: has an empty text, must have 1 to 255 characters",
				`match.source[2]: " x" begins or ends with a space, which no source does`,
				"match.source[3]: has a text of 256 characters, may have at most 255",
				`match.source[4]: "a\\" ends in a backslash, must have after it the character that it escapes`,
				"match.source[5]: is not valid UTF-8",
				`match.message: "(a" is not a regular expression (RE2): missing closing ) in "(a"`,
				"match.context: has an empty text, must have 1 to 255 characters",
				`match.context.a: "\\" ends in a backslash, must have after it the character that it escapes`,
				"match.context.b: has a text of 256 characters, may have at most 255",
				"match.context: has a text of 256 characters, may have at most 255",
				`not.source[1]: "\t" begins or ends with a space, which no source does`,
				"not.message: has a text of 1025 characters, may have at most 1024",
			},
		},
		{
			matcher.Condition{Match: matcher.Spec{
				Category: slices.Repeat([]alerting.Category{1}, 101), Source: slices.Repeat([]string{"x"}, 101), Message: `(ab){501}`, Context: members,
			}},
			[]string{
				"match.category: has 101 entries, may have at most 100",
				"match.source: has 101 entries, may have at most 100",
				`match.message: "(ab){501}" has 2004 steps when its repetitions are written out, may have at most 1000`,
				"match.context: has 33 members, may have at most 32",
			},
		},
		{
			matcher.Condition{
				Match: matcher.Spec{MinSeverity: alerting.SeverityError, MaxSeverity: alerting.SeverityInfo, Category: []alerting.Category{1, 2}},
				Not:   matcher.Spec{Category: []alerting.Category{2, 3, 1}},
			},
			[]string{
				"match.max_severity: is info, must be at least min_severity, which is error",
				"not.category: leaves no category that could match",
			},
		},
		{
			matcher.Condition{Not: matcher.Spec{MinSeverity: alerting.SeverityInfo, MaxSeverity: alerting.SeverityWarning}},
			[]string{"not: leaves no severity that could match: min_severity and max_severity are each negated by itself"},
		},
	} {
		_, err := c.condition.Compile()
		var problem *alerting.Error
		require.ErrorAs(t, err, &problem)
		require.Equal(t, alerting.CodeInvalid, problem.Code)
		var got []string
		for _, field := range problem.Fields {
			got = append(got, field.Field+": "+field.Message)
		}
		require.Equal(t, c.want, got)
	}
}

func TestConditionMayBeAsLargeAsTheLimits(t *testing.T) {
	spec := matcher.Spec{Source: slices.Repeat([]string{strings.Repeat("é", 255)}, 100), Message: strings.Repeat("é", 1000), Context: map[string]string{}}
	for i := range 32 {
		spec.Context[fmt.Sprint(i)] = strings.Repeat("é", 255)
	}
	_, err := matcher.Condition{Match: spec, Not: spec}.Compile()
	require.NoError(t, err)
}

// To go back to each star would take years.
func TestGlobOfManyStarsIsMatchedAtOnce(t *testing.T) {
	m := compiled(t, `{"match":{"source":["`+strings.Repeat("*a", 100)+`*b*"]}}`)
	subject := breach(t)
	subject.Source = strings.Repeat("a", 255)
	require.False(t, m.Matches(subject))
	subject.Source += "b"
	require.True(t, m.Matches(subject))
	subject.Source = "a.\nb"
	require.True(t, compiled(t, `{"match":{"source":["*a*.*b"]}}`).Matches(subject), "of several lines")
	subject.Source = "axb"
	require.False(t, compiled(t, `{"match":{"source":["*a*.*b"]}}`).Matches(subject))
}

func TestMatcherSharesNoMemoryWithItsCondition(t *testing.T) {
	spec := matcher.Spec{Category: []alerting.Category{alerting.CategoryRiskLimit}, Source: []string{"var_*"}, Context: map[string]string{"position": "BTC-*"}}
	m, err := matcher.Condition{Match: spec}.Compile()
	require.NoError(t, err)
	spec.Category[0], spec.Source[0], spec.Context["position"] = alerting.CategoryOther, "x", "x"
	require.True(t, m.Matches(breach(t)))
	require.Equal(t, "category is risk_limit, source is var_*, context.position is BTC-*", m.String())
}

func TestSpecKnowsThatItSaysNothing(t *testing.T) {
	require.True(t, matcher.Spec{Source: []string{}, Category: []alerting.Category{}, Context: map[string]string{}}.IsZero())
	for _, spec := range []matcher.Spec{
		{MinSeverity: 1}, {MaxSeverity: 1}, {Category: []alerting.Category{1}}, {Source: []string{"x"}}, {Message: "x"}, {Context: map[string]string{"a": "b"}},
	} {
		require.False(t, spec.IsZero())
	}
	text, err := json.Marshal(matcher.Condition{Match: matcher.Spec{MinSeverity: alerting.SeverityError, Source: []string{"a"}}})
	require.NoError(t, err)
	require.JSONEq(t, `{"match":{"min_severity":"error","source":["a"]}}`, string(text))
}

func TestIndexFindsAllThatMatchInTheirOrder(t *testing.T) {
	var all []*matcher.Matcher
	for _, condition := range []string{
		`{"match":{"source":["var_gate","var_*","v*"]}}`, `{"match":{"category":["other"]}}`, `{"match":{"category":["risk_limit"]}}`, `{}`,
		`{"match":{"source":["*_gate"]}}`, `{"match":{"source":["var_gate"],"min_severity":"critical"}}`, `{"match":{"source":["var_gate"]}}`,
		`{"match":{"source":["var_gate_*"]}}`, `{"match":{"source":["var_g?te"]}}`, `{"match":{"max_severity":"info"}}`, `{"match":{"source":["x"]}}`,
	} {
		all = append(all, compiled(t, condition))
	}
	x := matcher.NewIndex(all)
	require.Equal(t, []int{77, 3, 0, 2, 3, 4, 6, 8}, x.Match(breach(t), []int{77, 3}), "what was there stays")
	require.Empty(t, matcher.NewIndex(nil).Match(breach(t), nil))
	room := make([]int, 0, 16)
	subject := breach(t)
	require.Zero(t, testing.AllocsPerRun(100, func() { room = x.Match(subject, room[:0]) }))
}
