package matcher_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/matcher"
)

// BenchmarkIndex finds the routes for an event among many. Of the mixed ones a fifth names no
// source. Compare the sizes: ten times the routes must take much less than ten times as long.
// In "tried", each is tried without an index.
func BenchmarkIndex(b *testing.B) {
	event := matcher.Subject{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "desk_7_gate", Message: "VaR limit breached: 0.05 > 0.03"}
	kinds := map[string]func(n int) matcher.Spec{
		"sources": func(n int) matcher.Spec { return matcher.Spec{Source: []string{fmt.Sprintf("desk_%d_gate", n)}} },
		"prefixes": func(n int) matcher.Spec {
			return matcher.Spec{Source: []string{fmt.Sprintf("desk_%d_*", n)}, MinSeverity: alerting.SeverityWarning}
		},
		"categories": func(n int) matcher.Spec {
			return matcher.Spec{Category: []alerting.Category{alerting.Categories()[n%8]}, MinSeverity: alerting.Severities()[n/8%5], MaxSeverity: alerting.Severities()[n/8%5]}
		},
	}
	kinds["mixed"] = func(n int) matcher.Spec {
		return kinds[[]string{"sources", "prefixes", "sources", "prefixes", "categories"}[n%5]](n)
	}
	for _, kind := range []string{"sources", "prefixes", "categories", "mixed"} {
		for _, size := range []int{10, 100, 1000} {
			routes := make([]*matcher.Matcher, size)
			for i := range routes {
				var err error
				routes[i], err = matcher.Condition{Match: kinds[kind](i)}.Compile()
				require.NoError(b, err)
			}
			index := matcher.NewIndex(routes)
			found := make([]int, 0, size)
			b.Run(fmt.Sprintf("%s/%d", kind, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					found = index.Match(&event, found[:0])
				}
			})
			b.Run(fmt.Sprintf("%s/%d/tried", kind, size), func(b *testing.B) {
				for b.Loop() {
					for _, route := range routes {
						route.Matches(&event)
					}
				}
			})
		}
	}
}

func BenchmarkMembers(b *testing.B) {
	context, err := alerting.ParseContext([]byte(`{"position":"BTC-EUR","var":0.05,"limit":0.03,"book":{"desk":"d7","trader":"ada"},"venue":"XETRA"}`))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		member := matcher.Members(context)
		member("position")
		member("book.desk")
		member("absent")
	}
}
