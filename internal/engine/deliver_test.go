package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

// Short names for what the tests' receivers deal in.
type (
	ctx           = context.Context
	note          = channel.Notification
	result        = channel.Result
	theChannel    = channel.Channel
	engineChannel = engine.Channel
)

const delivered = channel.Delivered

var errBad = errors.New("cannot be opened")

func TestRetriesKeepTheKey(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(4 * time.Second)
		r.answers(nil)
		wait(10 * time.Second)
		messages := r.messages()
		require.Len(t, messages, 4)
		for n, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			require.InDelta(t, wait, messages[n+1].at.Sub(messages[n].at), float64(50*time.Millisecond))
			require.Equal(t, messages[0].n.Key, messages[n+1].n.Key)
		}
		require.Equal(t, []string{"desk opened delivered"}, d.statuses())
		_, attempts, err := d.Work.Delivery(t.Context(), d.deliveries()[0].ID)
		require.NoError(t, err)
		require.Len(t, attempts, 4)
		require.Equal(t, "answered 503 Service Unavailable", attempts[0].Error)
		require.Equal(t, 503, attempts[0].Code)
		require.Equal(t, channel.Delivered, attempts[3].Outcome)
		require.Contains(t, d.timeline(1), "delivered: opened delivered at attempt 4")
	})
}

func TestRetriesAreOnTime(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel(func(p *delivery.Policy) {
			p.Retry = delivery.Retry{Initial: time.Second, Max: time.Minute, GiveUpAfter: time.Hour}
		}))
		wait(300 * time.Millisecond) // so that the net does not help
		for n := range 2 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
			wait(400 * time.Millisecond)
		}
		wait(2900 * time.Millisecond)
		var gaps []time.Duration
		last := map[string]time.Time{}
		for _, m := range r.messages() {
			if before, again := last[m.n.Key]; again {
				gaps = append(gaps, m.at.Sub(before).Round(20*time.Millisecond))
			}
			last[m.n.Key] = m.at
		}
		require.Equal(t, []time.Duration{time.Second, time.Second, 2 * time.Second}, gaps)
	})
}

func TestRefusedMessageGoesToTheFallback(t *testing.T) {
	story(t, func(t *testing.T) {
		desk, backup := newReceiver("desk"), newReceiver("backup")
		desk.answers(refuses)
		d := start(t,
			desk.channel(func(p *delivery.Policy) { p.Fallback = "backup" }),
			backup.channel(func(p *delivery.Policy) { p.Sources = []string{"alertd"} }))
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(10 * time.Second)
		require.ElementsMatch(t, []string{"1 opened", "2 opened"}, backup.told())
		require.Len(t, desk.messages(), 1)
		own := d.incident(2)
		require.Equal(t, "alertd", own.Source)
		require.Equal(t, "channel desk: a message about incident 1 (opened) was not delivered: answered 400 Bad Request", own.Message)
		require.Contains(t, d.timeline(2)[1], "not to desk (it is what the incident is about)")
		require.Equal(t, d.deliveries()[0].ID, d.deliveries()[1].FallbackFor)
		require.Contains(t, d.timeline(1), "notified: opened told to the fallback backup instead of desk")

		d.resolve("ann")
		wait(time.Second)
		require.Equal(t, "1 resolved", backup.told()[2], "the fallback is told the end, too")
		require.Len(t, desk.messages(), 1, "the channel that was told nothing is not")
	})
}

func TestFailedOwnAlertRaisesNoAlert(t *testing.T) {
	story(t, func(t *testing.T) {
		one, two := newReceiver("one"), newReceiver("two")
		one.answers(refuses)
		two.answers(refuses)
		d := start(t, one.channel(), two.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(5 * time.Minute)
		page, err := d.Work.Incidents(t.Context(), incident.Query{Limit: 100})
		require.NoError(t, err)
		require.Len(t, page.Incidents, 3, "the alert, and one about each channel")
		require.Equal(t, uint64(3), d.Stats().SinceStart.Registered)
	})
}

func TestGivenUpMessageCanBeRetried(t *testing.T) {
	story(t, func(t *testing.T) {
		desk, backup := newReceiver("desk"), newReceiver("backup")
		desk.answers(down)
		d := start(t, desk.channel(func(p *delivery.Policy) {
			p.Fallback, p.Retry.GiveUpAfter = "backup", 10*time.Minute
		}), backup.channel(func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }))
		began := time.Now()
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(9 * time.Minute)
		require.Equal(t, []string{"desk opened waiting"}, d.statuses())
		wait(2 * time.Minute)
		require.Equal(t, []string{"desk opened failed", "backup opened delivered", "backup opened delivered"}, d.statuses(), "and alertd's own alert about it")
		require.InDelta(t, 10*time.Minute, backup.messages()[0].at.Sub(began), float64(time.Minute))
		require.Equal(t, 1, d.Meter.count("desk failed"))
		failed := d.deliveries()[0]
		require.NotZero(t, failed.FinishedAt)

		desk.answers(nil)
		_, err := d.Engine.RetryDelivery(t.Context(), failed.ID)
		require.NoError(t, err)
		wait(20 * time.Second)
		require.Equal(t, "desk opened delivered", d.statuses()[0])
		require.Equal(t, failed.ID.String(), desk.messages()[len(desk.messages())-1].n.Key)
		_, err = d.Engine.RetryDelivery(t.Context(), failed.ID)
		requireCode(t, err, alerting.CodeConflict)
		_, err = d.Engine.RetryDelivery(t.Context(), delivery.NewID())
		requireCode(t, err, alerting.CodeNotFound)
	})
}

func requireCode(t *testing.T, err error, code alerting.Code) {
	t.Helper()
	known, ok := errors.AsType[*alerting.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, known.Code)
}

func TestBreakerHoldsMessagesUntilTheChannelWorks(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		for n := range 50 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %d is over its limit", n))
		}
		wait(3 * time.Minute)
		attempts := len(r.messages())
		require.Less(t, attempts, 30, "a few until it opens, then one every 15 seconds")
		require.Greater(t, attempts, 14)
		status := d.channel()
		require.Equal(t, delivery.Failing, status.Health)
		require.Equal(t, delivery.BreakerOpen, status.Breaker)
		require.Equal(t, 50, status.Waiting)
		require.Equal(t, "answered 503 Service Unavailable", status.Record.LastError)

		r.answers(nil)
		wait(16 * time.Second)
		require.Len(t, r.told(), 50)
		require.Zero(t, d.channel().Waiting)
		require.Equal(t, delivery.Degraded, d.channel().Health)
		wait(11 * time.Minute)
		require.Equal(t, delivery.Healthy, d.channel().Health)
	})
}

func TestMessagesAreInOrderAndSuperseded(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(func(_ ctx, n note) result {
			if n.Notice.Reason == incident.Opened {
				time.Sleep(5 * time.Second) //nolint:forbidigo // in a bubble
			}
			return result{Outcome: delivered}
		})
		d := start(t, r.channel())
		d.post(alerting.SeverityWarning, "VaR limit breached")
		d.post(alerting.SeverityError, "VaR limit breached")
		d.acknowledge(1, "ann")
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.resolve("bob")
		require.Empty(t, r.messages(), "the first is still under way")
		wait(10 * time.Second)
		require.Equal(t, []string{"1 opened", "1 resolved"}, r.told())
		require.Equal(t, []string{
			"desk opened delivered", "desk severity_raised superseded", "desk acknowledged superseded",
			"desk severity_raised superseded", "desk resolved delivered",
		}, d.statuses())
		require.Contains(t, d.timeline(1), "superseded: severity_raised not sent: overtaken by resolved")
		require.Equal(t, 3, d.Meter.count("desk superseded"))
	})
}

func TestLateOpeningIsStillTold(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.resolve("ann")
		wait(time.Minute)
		r.answers(nil)
		wait(time.Minute)
		require.Equal(t, []string{"1 opened", "1 resolved"}, r.told())
	})
}

func TestDeadChannelDelaysNoOther(t *testing.T) {
	story(t, func(t *testing.T) {
		dead, alive := newReceiver("dead"), newReceiver("alive")
		dead.answers(func(c ctx, _ note) result {
			<-c.Done()
			return result{Outcome: channel.Transient, Error: "no answer within the timeout"}
		})
		d := start(t, dead.channel(), alive.channel())
		for n := range 100 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %d is over its limit", n))
		}
		require.Len(t, alive.told(), 100)
		for _, m := range alive.messages() {
			require.Less(t, m.at.Sub(m.n.Notice.At), 20*time.Millisecond)
		}
	})
}

func TestRateLimitHolds(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 6, Per: time.Minute} }))
		for n := range 20 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
		}
		require.Len(t, r.told(), 6)
		wait(11 * time.Second)
		told := r.messages()
		require.Len(t, told, 7, "what is over comes in one digest once there is room")
		require.Equal(t, incident.Digested, told[6].n.Notice.Reason)
		require.Equal(t, 14, told[6].n.Notice.Digest.Incidents)
		wait(time.Hour)
		require.Len(t, r.messages(), 7)
	})
}

func TestRetryAfterPausesTheChannel(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(always(result{Outcome: channel.Transient, Code: 429, Error: "answered 429 Too Many Requests", RetryAfter: 30 * time.Second}))
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "one")
		r.answers(nil)
		d.post(alerting.SeverityError, "two")
		wait(29 * time.Second)
		require.Len(t, r.messages(), 1)
		wait(2 * time.Second)
		require.ElementsMatch(t, []string{"1 opened", "2 opened"}, r.told())
		require.Equal(t, delivery.BreakerClosed, d.channel().Breaker, "a channel that asks for a pause works")
	})
}

func TestPanicFailsOneMessage(t *testing.T) {
	story(t, func(t *testing.T) {
		bad, good := newReceiver("bad"), newReceiver("good")
		bad.answers(func(ctx, note) result { panic("oh") })
		d := start(t, bad.channel(), good.channel(func(p *delivery.Policy) { p.Sources = []string{"var_gate"} }))
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(time.Second)
		require.Equal(t, []string{"1 opened"}, good.told())
		require.Equal(t, "bad opened failed", d.statuses()[0])
		require.Contains(t, d.deliveries()[0].Error, "the channel has panicked: oh")
	})
}

func TestChannelTestReportsItsOutcome(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel(), newReceiver("off").channel(func(p *delivery.Policy) { p.Enabled = false }))
		got, err := d.Engine.TestChannel(t.Context(), "desk")
		require.NoError(t, err)
		require.Equal(t, channel.Delivered, got.Attempt.Outcome)
		require.Equal(t, incident.Test, r.messages()[0].n.Notice.Reason)
		require.Equal(t, uint64(1), d.channel().Record.Successes)
		r.answers(refuses)
		got, err = d.Engine.TestChannel(t.Context(), "desk")
		require.NoError(t, err)
		require.Equal(t, channel.Permanent, got.Attempt.Outcome)
		require.Equal(t, "answered 400 Bad Request", got.Attempt.Error)
		require.Equal(t, delivery.Degraded, d.channel().Health)
		_, err = d.Engine.TestChannel(t.Context(), "off")
		requireCode(t, err, alerting.CodeConflict)
		_, err = d.Engine.TestChannel(t.Context(), "nobody")
		requireCode(t, err, alerting.CodeNotFound)
		require.Empty(t, d.deliveries(), "a test is no delivery")
	})
}

func TestInterruptedMessageIsSentAgain(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(func(c ctx, _ note) result {
			<-c.Done()
			return result{Outcome: channel.Transient, Error: "interrupted"}
		})
		d := start(t, r.channel(func(p *delivery.Policy) { p.Timeout = time.Minute }))
		d.post(alerting.SeverityError, "VaR limit breached")
		began := time.Now()
		d.stop()
		require.InDelta(t, 15*time.Second, time.Since(began), float64(time.Second), "it has a moment to finish")
		r.answers(nil)
		d.start()
		wait(time.Second)
		require.Equal(t, []string{"1 opened"}, r.told(), "at once, as the claim was given back")
		require.Equal(t, r.messages()[0].n.Key, r.messages()[1].n.Key)
		require.Equal(t, 1, d.deliveries()[0].Attempts, "an interrupted attempt does not count")
	})
}

func TestRestartKeepsTheOrder(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		for n := range 10 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
			d.acknowledge(incident.Number(n)+1, "ann")
		}
		d.stop()
		r.answers(nil)
		d.start()
		wait(time.Minute)
		told := r.told()
		require.Len(t, told, 20)
		for n := 1; n <= 10; n++ {
			opened, acknowledged := slices.Index(told, fmt.Sprintf("%d opened", n)), slices.Index(told, fmt.Sprintf("%d acknowledged", n))
			require.GreaterOrEqual(t, opened, 0)
			require.Greater(t, acknowledged, opened)
		}
	})
}

func TestResolutionFollowsTheFirstMessage(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel(func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }))
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.resolve("ann")
		r.answers(nil)
		wait(time.Minute)
		require.Equal(t, []string{"1 severity_raised", "1 resolved"}, r.told())
		require.Equal(t, []string{"desk severity_raised delivered", "desk resolved delivered"}, d.statuses())
	})
}

func TestClaimsOfAKilledProcessEndAtOnce(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(down)
		d := start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.stop()
		// As if the process had been killed in the middle of the second attempt.
		s, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: d.place.Config.Path, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		killed := work.New(s)
		require.NoError(t, killed.Transact(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			waiting, err := tx.WaitingFor(ctx, "desk", 1)
			if err != nil {
				return err
			}
			claimed := &waiting[0].Delivery
			claimed.Claimed(delivery.NewID(), tx.Now().Add(time.Hour))
			return tx.Claim(ctx, []*delivery.Delivery{claimed})
		}))
		require.NoError(t, s.Close())
		r.answers(nil)
		d.start()
		wait(2 * time.Second)
		require.Equal(t, []string{"1 opened"}, r.told())
	})
}

func TestInvalidErrorTextStopsNoOther(t *testing.T) {
	story(t, func(t *testing.T) {
		bad, good := newReceiver("bad"), newReceiver("good")
		bad.answers(always(result{Outcome: channel.Transient, Error: "Acc\xe8s refus\xe9 \x00"}))
		d := start(t, bad.channel(), good.channel())
		d.post(alerting.SeverityError, "one")
		d.post(alerting.SeverityError, "two")
		wait(time.Minute)
		require.ElementsMatch(t, []string{"1 opened", "2 opened"}, good.told(), "each once")
		require.Equal(t, "Acc�s refus� �", d.deliveries()[0].Error)
	})
}

func TestFallbackIsToldToTheEnd(t *testing.T) {
	story(t, func(t *testing.T) {
		desk, backup := newReceiver("desk"), newReceiver("backup")
		desk.answers(down)
		d := start(t, desk.channel(func(p *delivery.Policy) { p.Fallback, p.Retry.GiveUpAfter = "backup", 10*time.Minute }),
			backup.channel(func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }))
		d.post(alerting.SeverityError, "VaR limit breached")
		wait(8 * time.Minute)
		d.resolve("ann")
		wait(4 * time.Minute)
		desk.answers(nil)
		wait(12 * time.Minute)
		require.Equal(t, []string{"1 opened", "1 resolved", "2 opened"}, backup.told(), "and alertd's own alert about the desk")
		require.NotContains(t, desk.told(), "1 resolved", "a channel that was told nothing is not told the end")
	})
}

func TestRetryByHandKeepsTheOrder(t *testing.T) {
	story(t, func(t *testing.T) {
		desk := newReceiver("desk")
		desk.answers(func(c ctx, n note) result {
			if n.Notice.Reason == incident.Opened {
				return refuses(c, n)
			}
			return result{Outcome: delivered}
		})
		d := start(t, desk.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityCritical, "VaR limit breached")
		wait(time.Second)
		require.Equal(t, []string{"1 severity_raised"}, desk.told())
		_, err := d.Engine.RetryDelivery(t.Context(), d.deliveries()[0].ID)
		requireCode(t, err, alerting.CodeConflict)
	})
}

func TestUntriedMessagesOutlastADowntime(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 1, Per: time.Minute} }))
		for n := range 5 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
		}
		d.stop()
		require.Len(t, r.told(), 1)
		wait(2 * time.Hour)
		d.start()
		wait(time.Minute)
		require.Len(t, r.told(), 2)
		require.Equal(t, 4, r.messages()[1].n.Notice.Digest.Incidents)
	})
}

func TestRetryAfterOf503PausesTheChannel(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		r.answers(always(result{Outcome: channel.Transient, Code: 503, Error: "answered 503", RetryAfter: 10 * time.Minute}))
		d := start(t, r.channel())
		for n := range 6 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
		}
		wait(9 * time.Minute)
		require.LessOrEqual(t, len(r.messages()), 4, "only what was already being sent")
	})
}

func TestLongRetryAfterDelaysNoGiveUp(t *testing.T) {
	story(t, func(t *testing.T) {
		r, backup := newReceiver("desk"), newReceiver("backup")
		r.answers(always(result{Outcome: channel.Transient, Code: 429, Error: "answered 429", RetryAfter: 24 * time.Hour}))
		d := start(t, r.channel(func(p *delivery.Policy) { p.Fallback, p.Retry.GiveUpAfter = "backup", 5*time.Minute }),
			backup.channel(func(p *delivery.Policy) { p.MinSeverity = alerting.SeverityCritical }))
		for n := range 6 {
			d.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
		}
		wait(10 * time.Minute)
		told := map[incident.Number]bool{}
		for _, m := range backup.messages() {
			told[m.n.Notice.Incident.Number] = true
		}
		for n := range incident.Number(6) {
			require.True(t, told[n+1], "incident %d", n+1)
		}
	})
}

func TestRetryAfterTheEndIsFollowedByTheEnd(t *testing.T) {
	for name, early := range map[string]bool{"resolved after it was refused": false, "resolved while it waited": true} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				r := newReceiver("desk")
				r.answers(refuses)
				if early {
					r.answers(down)
				}
				d := start(t, r.channel(func(p *delivery.Policy) { p.Retry.GiveUpAfter = 5 * time.Minute }))
				d.post(alerting.SeverityError, "VaR limit breached")
				wait(time.Minute)
				d.acknowledge(1, "ben")
				wait(time.Minute)
				d.resolve("ann")
				wait(10 * time.Minute)
				var opened delivery.Delivery
				for _, failed := range d.deliveries() {
					if failed.Incident == 1 && failed.Reason == incident.Opened {
						opened = failed
					}
				}
				require.Equal(t, delivery.Failed, opened.Status)
				r.answers(nil)
				_, err := d.Engine.RetryDelivery(t.Context(), opened.ID)
				require.NoError(t, err)
				wait(time.Minute)
				require.Equal(t, []string{"1 opened", "1 resolved"}, r.told())
			})
		})
	}
}
