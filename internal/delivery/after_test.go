package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/channel"
	"alertd/internal/delivery"
)

func TestAttemptIsLastOrRepeated(t *testing.T) {
	steady := delivery.Retry{Initial: time.Second, Max: 5 * time.Minute, GiveUpAfter: time.Hour}
	jitter := steady
	jitter.Jitter = true
	transient := channel.Result{Outcome: channel.Transient, Error: "503"}
	later := func(wait time.Duration) channel.Result {
		r := transient
		r.RetryAfter = wait
		return r
	}
	for name, test := range map[string]struct {
		result channel.Result
		number int
		left   time.Duration // until it is given up
		retry  delivery.Retry
		luck   float64
		status delivery.Status
		wait   time.Duration
		why    string
	}{
		"delivered": {
			result: channel.Result{Outcome: channel.Delivered}, number: 3, left: time.Minute, retry: steady, status: delivery.Delivered, why: "delivered",
		},
		"delivered, though too late": {
			result: channel.Result{Outcome: channel.Delivered}, number: 3, left: -time.Minute, retry: steady, status: delivery.Delivered, why: "delivered",
		},
		"refused for good": {
			result: channel.Result{Outcome: channel.Permanent}, number: 1, left: time.Hour, retry: steady, status: delivery.Failed,
			why: "it would not be taken later either",
		},
		"the first wait": {
			result: transient, number: 1, left: time.Hour, retry: steady, status: delivery.Waiting, wait: time.Second,
			why: "attempt 1 failed, the next is due in 1s",
		},
		"it doubles": {
			result: transient, number: 4, left: time.Hour, retry: steady, status: delivery.Waiting, wait: 8 * time.Second,
			why: "attempt 4 failed, the next is due in 8s",
		},
		"up to the longest": {
			result: transient, number: 400, left: time.Hour, retry: steady, status: delivery.Waiting, wait: 5 * time.Minute,
			why: "attempt 400 failed, the next is due in 5m0s",
		},
		"a random part of it": {
			result: transient, number: 4, left: time.Hour, retry: jitter, luck: 0.25, status: delivery.Waiting, wait: 2 * time.Second,
			why: "attempt 4 failed, the next is due in 2s",
		},
		"not before the other side wants it": {
			result: later(90 * time.Second), number: 1, left: time.Hour, retry: jitter, luck: 0.5, status: delivery.Waiting, wait: 90 * time.Second,
			why: "attempt 1 failed, the next is due in 1m30s",
		},
		"once more just before the end": {
			result: transient, number: 10, left: 2 * time.Minute, retry: steady, status: delivery.Waiting, wait: 2*time.Minute - time.Second,
			why: "attempt 10 failed, the next is due in 1m59s",
		},
		"not before the end as the other side wants to be left alone": {
			result: later(10 * time.Minute), number: 2, left: 5 * time.Minute, retry: steady, status: delivery.Waiting, wait: 5 * time.Minute,
			why: "attempt 2 failed, and was the last: it is given up in 5m0s",
		},
		"too near to the end": {
			result: transient, number: 2, left: time.Second, retry: steady, status: delivery.Waiting, wait: time.Second,
			why: "attempt 2 failed, and was the last: it is given up in 1s",
		},
		"after the end": {
			result: transient, number: 1, left: 0, retry: steady, status: delivery.Failed, why: "given up after 1 attempt",
		},
		"after the end and many attempts": {
			result: transient, number: 7, left: -time.Minute, retry: steady, status: delivery.Failed, why: "given up after 7 attempts",
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := delivery.Delivery{GiveUpAt: now.Add(test.left)}
			step := delivery.After(d, test.number, test.result, test.retry, test.luck, now)
			require.Equal(t, delivery.Step{Status: test.status, DueAt: now.Add(test.wait), Why: test.why}, step)
		})
	}
}

func TestWaitIsBounded(t *testing.T) {
	seconds := func(t *rapid.T, most int, label string) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, label)) * time.Second
	}
	rapid.Check(t, func(t *rapid.T) {
		initial := time.Second + seconds(t, 60, "initial")
		p := delivery.Retry{Initial: initial, Max: initial + seconds(t, 600, "max"), Jitter: rapid.Bool().Draw(t, "jitter")}
		d := delivery.Delivery{GiveUpAt: now.Add(time.Second + seconds(t, 7200, "give_up"))}
		r := channel.Result{Outcome: channel.Transient, RetryAfter: seconds(t, 900, "retry_after")}
		number, luck := rapid.IntRange(1, 100).Draw(t, "number"), rapid.Float64Range(0, 1).Draw(t, "luck")

		step := delivery.After(d, number, r, p, luck, now)
		wait := step.DueAt.Sub(now)
		require.Equal(t, delivery.Waiting, step.Status)
		require.LessOrEqual(t, wait, d.GiveUpAt.Sub(now))
		if step.DueAt.Equal(d.GiveUpAt) {
			return // no further attempt
		}
		require.GreaterOrEqual(t, wait, r.RetryAfter)
		require.LessOrEqual(t, wait, max(p.Max, r.RetryAfter))
		if !p.Jitter && wait < d.GiveUpAt.Sub(now)-p.Initial {
			require.GreaterOrEqual(t, wait, p.Initial)
			next := delivery.After(d, number+1, r, p, luck, now)
			require.GreaterOrEqual(t, next.DueAt.Sub(now), wait, "it does not get shorter")
		}
	})
}
