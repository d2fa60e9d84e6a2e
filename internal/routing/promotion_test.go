package routing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/routing"
)

func TestPromotionCountsWithinItsTime(t *testing.T) {
	alert := alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "x", Message: "x"}
	event := events(t, alert)[0]
	for _, c := range []struct {
		name     string
		seconds  []int // at which events come
		promoted int   // by which of them, from 1; 0: by none
	}{
		{"all within the time", []int{0, 30, 59}, 3},
		{"the first is too old by then", []int{0, 30, 60}, 0},
		{"the last three are near enough", []int{0, 30, 60, 80}, 4},
		{"all at once", []int{0, 0, 0}, 3},
		{"what a clock that was set back leaves in the future does not count", []int{100, 101, 0, 1}, 0},
		{"what comes after it does", []int{100, 101, 0, 1, 2}, 5},
	} {
		rules := compile(t, routing.Settings{Promotions: []routing.Promotion{{Name: "often", Count: 3, Within: time.Minute, Up: 4}}})
		i, got := opened("x", alerting.SeverityError), 0
		for n, seconds := range append(c.seconds, 200, 200, 200) {
			promoted := rules.Promote(i, event, now.Add(time.Duration(seconds)*time.Second))
			if len(promoted) > 0 && n < len(c.seconds) {
				got = n + 1
				require.Equal(t, []routing.Promoted{{To: alerting.SeverityCritical, Why: "3 events within 1m0s (promotion often)"}}, promoted)
			}
			require.True(t, len(promoted) == 0 || n < len(c.seconds) || c.promoted == 0, "it has its effect once: %s", c.name)
		}
		require.Equal(t, c.promoted, got, c.name)
	}
}
