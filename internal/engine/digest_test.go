package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

func onePerMinute(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 1, Per: time.Minute} }

// startLimited starts an alertd whose channels take a message a minute.
func startLimited(t *testing.T, settings routing.Settings, receivers ...*receiver) *daemon {
	t.Helper()
	var channels []engine.Channel
	for _, r := range receivers {
		channels = append(channels, r.channel(onePerMinute))
	}
	d := start(t, channels...)
	d.settings.Routing = settings
	d.reconfigure()
	return d
}

// digested returns of how many incidents each digest tells, and how many of those it shows
// are resolved.
func (r *receiver) digested() (sizes, resolved []int) {
	for _, m := range r.messages() {
		d := m.n.Notice.Digest
		if d == nil || m.outcome != delivered {
			continue
		}
		over := 0
		for _, i := range d.Worst {
			if i.Status == incident.Resolved {
				over++
			}
		}
		sizes, resolved = append(sizes, d.Incidents), append(resolved, over)
	}
	return sizes, resolved
}

func TestDigestsOfSeveralChannelsAreDueAtOnce(t *testing.T) {
	story(t, func(t *testing.T) {
		desk, page := newReceiver("desk"), newReceiver("page")
		d := startLimited(t, routing.Settings{}, desk, page)
		d.sendsAtOnce(alertOf("feed", failure, "no prices"), alertOf("feed", failure, "no quotes"))
		wait(2 * time.Minute)
		for _, r := range []*receiver{desk, page} {
			require.Equal(t, []string{"1 opened", "0 digest"}, r.told())
		}
		require.ElementsMatch(t, []string{
			"desk opened delivered", "page opened delivered", "desk digest delivered", "page digest delivered",
		}, d.statuses())
	})
}

func TestWhatIsLookedAtWhenADigestIsDueIsInTheNextOne(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := startLimited(t, routing.Settings{}, r)
		// When the digest is due, the silence ends: one of its incidents is told by itself.
		d.silence("quiet", time.Minute)
		d.sendsAtOnce(alertOf("feed", failure, "no prices"), alertOf("feed", failure, "no quotes"),
			alertOf("quiet", failure, "no prices"), alertOf("quiet", failure, "no quotes"))
		wait(10 * time.Minute)
		told := map[incident.Number]int{}
		for _, m := range r.messages() {
			if digest := m.n.Notice.Digest; digest != nil {
				for _, i := range digest.Worst {
					told[i.Number]++
				}
			} else {
				told[m.n.Notice.Incident.Number]++
			}
		}
		require.Equal(t, map[incident.Number]int{1: 1, 2: 1, 3: 1, 4: 1}, told)
	})
}

func TestWhatEndsWhenItsDigestIsDueIsToldAsResolved(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := startLimited(t, routing.Settings{Routes: []routing.Route{{Name: "all", ResolveAfter: time.Minute}}}, r)
		d.sendsAtOnce(alertOf("feed", failure, "no prices"), alertOf("feed", failure, "no quotes"))
		wait(10 * time.Minute)
		_, resolved := r.digested()
		require.NotEmpty(t, resolved)
		require.Equal(t, 1, resolved[len(resolved)-1], "who was told that it is open is told that it is over")
	})
}

func TestADigestSaysAllThatHeldBack(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := startLimited(t, routing.Settings{}, r)
		d.sendsAtOnce(alertOf("feed", failure, "no prices"), alertOf("feed", failure, "no quotes"))
		wait(2 * time.Minute)
		gone := alertOf("feed", failure, "no quotes", resolves)
		d.sendsAtOnce(alertOf("feed", failure, "no news"), alertOf("feed", failure, "no volumes"), gone)
		wait(2 * time.Minute)
		var why []string
		for _, m := range r.messages() {
			if m.n.Notice.Digest != nil {
				why = append(why, m.n.Notice.Digest.Why)
			}
		}
		require.Equal(t, []string{
			"over the rate_limit of channel desk",
			"over the rate_limit of channel desk; news of what was told in a digest",
		}, why)
	})
}

func TestDigestOfAChannelThatIsGoneGoesToItsFallback(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r, backup := newReceiver("desk"), newReceiver("backup")
		nothing := func(p *delivery.Policy) { p.MinSeverity = worst }
		d := p.start(t, r.channel(onePerMinute, func(p *delivery.Policy) { p.Fallback = "backup" }), backup.channel(nothing))
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		d.untilTold(r, "1 opened")
		d.untilCounted(2, 1)
		d.settings.Channels = []engine.Channel{backup.channel(nothing)}
		d.reconfigure()
		p.pass(t, 2*time.Minute)
		require.True(t, p.comes(func() bool { return slices.Contains(backup.told(), "0 digest") }))
		require.Contains(t, d.timeline(2), "failed: digest not delivered: channel desk is not configured any more")
	})
}

func TestNoDigestTellsOfNothing(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := startLimited(t, routing.Settings{}, r)
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		d.place.Exec(t, `UPDATE incidents SET state = `+damagedRow+` WHERE number = 2`)
		wait(2 * time.Minute)
		sizes, _ := r.digested()
		require.NotContains(t, sizes, 0)
	})
}

func TestResolutionsInDigestsKeepToTheLimit(t *testing.T) {
	for name, settings := range map[string]func(p *delivery.Policy){"of the channel": onePerMinute, "of the storm": func(*delivery.Policy) {}} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				r := newReceiver("desk")
				d := start(t, r.channel(settings))
				d.settings.Routing.Storm = routing.Storm{Threshold: 40, Pass: worst, DigestEvery: time.Minute}
				d.reconfigure()
				of := func(changes ...func(a *alerting.Alert)) (alerts []alerting.Alert) {
					for n := range 40 {
						alerts = append(alerts, alertOf("feed", failure, fmt.Sprintf("no prices of %c%c", 'A'+n/8, 'A'+n%8), changes...))
					}
					return alerts
				}
				d.sendsAtOnce(of()...)
				wait(5 * time.Minute)
				before, _ := r.digested()
				require.NotEmpty(t, before)
				for _, a := range of(resolves) {
					d.sendsAtOnce(a)
					wait(3 * time.Second)
				}
				wait(2 * time.Minute)
				after, _ := r.digested()
				require.LessOrEqual(t, len(after)-len(before), 4, "of 40 resolutions in 2 minutes")
				told := 0
				for _, n := range after[len(before):] {
					told += n
				}
				require.GreaterOrEqual(t, told, 39)
			})
		})
	}
}

func TestFailedDigestIsTriedAgainByHand(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := startLimited(t, routing.Settings{}, r)
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		r.answers(refuses)
		wait(time.Minute + time.Second)
		failed := d.delivery(1)
		require.Equal(t, []any{incident.Digested, delivery.Failed}, []any{failed.Reason, failed.Status})
		r.answers(nil)
		_, err := d.Engine.RetryDelivery(t.Context(), failed.ID)
		require.NoError(t, err)
		wait(time.Second)
		require.Equal(t, delivery.Delivered, d.delivery(1).Status)
		_, err = d.Engine.RetryDelivery(t.Context(), failed.ID)
		require.ErrorContains(t, err, "only one that has failed can be retried")
	})
}

func TestDigestThatIsGivenUpTakesNoOtherWithIt(t *testing.T) {
	for name, fallback := range map[string]string{"without a fallback": "", "with a fallback": "backup"} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T) {
				r, backup := newReceiver("desk"), newReceiver("backup")
				d := start(t, r.channel(onePerMinute, func(p *delivery.Policy) { p.Fallback, p.Retry.GiveUpAfter = fallback, 5*time.Minute }),
					backup.channel(func(p *delivery.Policy) { p.MinSeverity = worst }))
				d.sends("feed", failure, "no prices")
				r.answers(down)
				for _, message := range []string{"no quotes", "no trades", "no orders"} {
					d.sends("feed", failure, message)
					wait(time.Minute)
				}
				wait(3*time.Minute + 20*time.Second) // the first digest is given up, the others wait
				r.answers(nil)
				wait(20 * time.Minute)
				var told []incident.Number
				for _, m := range append(r.messages(), backup.messages()...) {
					if digest := m.n.Notice.Digest; digest != nil && m.outcome == delivered {
						for _, i := range digest.Worst {
							told = append(told, i.Number)
						}
					}
				}
				want := []incident.Number{3, 4}
				if fallback != "" {
					want = append(want, 2)
				}
				require.ElementsMatch(t, want, told, "%v", d.statuses())
			})
		})
	}
}
