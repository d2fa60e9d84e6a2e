package matcher_test

import (
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
	"alertd/internal/plaintext"
)

// FuzzCompile: any condition is refused by an error that names fields, or makes a matcher
// that can be used, described on one line, and found by an index.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`{"match":{"min_severity":"warning","max_severity":"critical","category":["risk_limit"],"source":["var_*"],"message":"(?i)limit","context":{"position":"BTC-*"}},"not":{"source":["var_test"]}}`,
		`{"match":{"source":["a*b*c*d","?","\\*","\\"],"message":"(a{1,9}|\\pL*){9}$"}}`, `{"not":{"min_severity":"info","max_severity":"debug","category":["other"],"context":{"a.b":"","":"x"}}}`, `{}`,
	} {
		f.Add([]byte(seed), "var_gate", "VaR limit", `{"position":"BTC-EUR","a":{"b":1}}`)
	}
	f.Fuzz(func(t *testing.T, condition []byte, source, message, context string) {
		var c matcher.Condition
		if json.Unmarshal(condition, &c) != nil {
			return
		}
		m, err := c.Compile()
		if err != nil {
			var problem *alerting.Error
			require.ErrorAs(t, err, &problem)
			require.Equal(t, alerting.CodeInvalid, problem.Code)
			require.NotEmpty(t, problem.Fields)
			require.True(t, utf8.ValidString(err.Error()))
			return
		}
		require.Equal(t, plaintext.Line(m.String()), m.String())
		require.True(t, m.Covers(m))
		parsed, err := alerting.ParseContext([]byte(context))
		if err != nil {
			return
		}
		subject := &matcher.Subject{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: source, Message: message, Context: matcher.Members(parsed)}
		require.Equal(t, m.Matches(subject), len(matcher.NewIndex([]*matcher.Matcher{m}).Match(subject, nil)) == 1)
	})
}
