package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
)

func TestHealthFollowsRecentAttempts(t *testing.T) {
	failed := func(ago time.Duration, consecutive int) delivery.Record {
		return delivery.Record{Failures: 10, Successes: 10, Consecutive: consecutive, LastFailure: now.Add(-ago), LastSuccess: now.Add(-time.Hour)}
	}
	for name, test := range map[string]struct {
		record  delivery.Record
		breaker delivery.Breaker
		want    delivery.Health
	}{
		"never used":                      {want: delivery.Healthy},
		"it has always worked":            {record: delivery.Record{Successes: 7, LastSuccess: now}, breaker: delivery.BreakerClosed, want: delivery.Healthy},
		"it has failed, and works again":  {record: failed(9*time.Minute, 0), breaker: delivery.BreakerClosed, want: delivery.Degraded},
		"it has failed, but long ago":     {record: failed(10*time.Minute, 0), breaker: delivery.BreakerClosed, want: delivery.Healthy},
		"the last attempt has failed":     {record: failed(time.Minute, 1), want: delivery.Degraded},
		"so it has, even if long ago":     {record: failed(time.Hour, 2), want: delivery.Degraded},
		"three have failed":               {record: failed(time.Hour, 3), want: delivery.Failing},
		"the breaker is open":             {breaker: delivery.BreakerOpen, want: delivery.Failing},
		"the breaker lets one try":        {breaker: delivery.BreakerHalfOpen, want: delivery.Failing},
		"it works here, not for replicas": {record: failed(time.Second, 5), breaker: delivery.BreakerClosed, want: delivery.Failing},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, test.want, delivery.HealthOf(test.record, test.breaker, now)) })
	}
}
