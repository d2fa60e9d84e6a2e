package work_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// dueNow returns what waits for timers that have run out.
func (b *bench) dueNow(deliveries bool, limit int) (due work.Due) {
	b.tb.Helper()
	b.inTurn(func(ctx context.Context, tx *work.Tx) {
		var err error
		due, err = tx.Due(ctx, deliveries, limit)
		require.NoError(b.tb, err)
	})
	return due
}

// nextTimer returns how long it is until the next timer runs out.
func (b *bench) nextTimer(deliveries bool) time.Duration {
	b.tb.Helper()
	in, found, err := b.NextTimer(b.tb.Context(), deliveries)
	require.NoError(b.tb, err)
	require.True(b.tb, found)
	return in
}

func TestEveryOpenDeliveryHasATimer(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(r *rapid.T) {
			b.db.Exec(t, `DELETE FROM deliveries`) // each begins anew
			b.db.Exec(t, `DELETE FROM timers`)
			var incidents []incident.Incident
			for range 2 {
				incidents = append(incidents, b.opens(fmt.Sprintf("alert %s", delivery.NewID())))
			}
			var claimed []work.Claimable
			for range rapid.IntRange(3, 12).Draw(r, "steps") {
				i := &incidents[rapid.IntRange(0, 1).Draw(r, "incident")]
				switch rapid.SampledFrom([]string{"plan", "plan", "claim", "finish", "finish", "wake", "retry", "recover"}).Draw(r, "step") {
				case "plan":
					reason := rapid.SampledFrom([]incident.Reason{incident.SeverityRaised, incident.Updated, incident.WasResolved}).Draw(r, "reason")
					b.plans(i, reason, rapid.SampledFrom([]string{"chat", "mail"}).Draw(r, "channel"))
				case "claim":
					claimed = append(claimed, b.claims("chat", 2)...)
				case "finish":
					if len(claimed) > 0 {
						b.finishes(claimed[0].Delivery, rapid.SampledFrom([]channel.Result{delivered, failedNow, refused}).Draw(r, "result"))
						claimed = claimed[1:]
					}
				case "wake":
					b.wakes()
				case "retry":
					failed, err := b.Deliveries(t.Context(), delivery.Query{Statuses: []delivery.Status{delivery.Failed}, Limit: 1})
					require.NoError(r, err)
					for _, d := range failed.Deliveries {
						_ = b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return retry(ctx, tx, d.ID) }) // or it is too late for that
					}
				case "recover":
					b.save(work.Changes{Recovered: []string{"chat"}})
				}
			}
			requireInLine(t, b.db)
		})
	})
}

func TestTimersRunOutInTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		_, found, err := b.NextTimer(t.Context(), true)
		require.NoError(t, err)
		require.False(t, found)
		for n, wait := range []time.Duration{0, 3 * time.Hour, time.Hour, 2 * time.Hour, 9 * time.Hour} {
			i := b.opens(fmt.Sprintf("alert %d", n))
			b.changes(&i, func(i *incident.Incident, now time.Time) {
				if wait > 0 {
					i.UpdateDue = now.Add(wait)
				}
			})
		}
		require.InDelta(t, time.Hour, b.nextTimer(true), float64(patience))
		require.Empty(t, b.dueNow(true, 10))
		b.db.Advance(t, 90*time.Minute)
		require.Equal(t, work.Due{Reminders: []incident.Number{3}}, b.dueNow(true, 10))
		require.InDelta(t, -30*time.Minute, b.nextTimer(true), float64(patience), "it is late")
		b.db.Advance(t, 2*time.Hour)
		require.Equal(t, []incident.Number{3, 4, 2}, b.dueNow(true, 10).Reminders)
		require.Equal(t, []incident.Number{3, 4}, b.dueNow(true, 2).Reminders)

		i := b.opens("alert")
		d := b.plans(&i, incident.Opened, "chat") // it is given up in an hour
		b.db.Advance(t, 61*time.Minute)
		require.Equal(t, work.Due{Reminders: []incident.Number{3, 4, 2}, Deliveries: []delivery.Number{d.Number}}, b.dueNow(true, 10))
		require.Equal(t, 3, b.dueNow(false, 10).Len(), "without deliveries")

		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			require.NoError(t, tx.Postpone(ctx, work.Due{Reminders: []incident.Number{3}, Deliveries: []delivery.Number{d.Number}}, time.Minute))
			require.NoError(t, tx.Forget(ctx, work.Due{Reminders: []incident.Number{4, 2}}))
		})
		require.Zero(t, b.dueNow(true, 10).Len())
		require.InDelta(t, time.Minute, b.nextTimer(false), float64(patience))
		b.db.Advance(t, 2*time.Minute)
		require.Equal(t, work.Due{Reminders: []incident.Number{3}, Deliveries: []delivery.Number{d.Number}}, b.dueNow(true, 10))
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			require.NoError(t, tx.Forget(ctx, work.Due{Reminders: []incident.Number{3}, Deliveries: []delivery.Number{d.Number}}))
		})
		require.InDelta(t, 9*time.Hour, b.nextTimer(true), float64(5*time.Hour), "the last one")
	})
}

func TestAReminderGoesWithItsReason(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.opens("alert")
		b.changes(&i, func(i *incident.Incident, now time.Time) { i.UpdateDue = now.Add(time.Hour) })
		b.save(work.Changes{Incidents: []incident.Incident{i}}) // what is not named stays
		require.InDelta(t, time.Hour, b.nextTimer(true), float64(patience))
		b.resolves(&i)
		_, found, err := b.NextTimer(t.Context(), true)
		require.NoError(t, err)
		require.False(t, found)
	})
}

func TestAWorkingChannelHurriesWhatWaits(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		one, two, three := b.opens("alert a"), b.opens("alert b"), b.opens("alert c")
		for _, i := range []*incident.Incident{&one, &two} {
			b.plans(i, incident.Opened, "chat")
		}
		b.plans(&three, incident.Opened, "mail")
		for _, c := range append(b.claims("chat", 2), b.claimsOne("mail")) {
			require.True(t, b.finishes(c.Delivery, failedNow)) // the next attempt is due in five minutes
		}
		b.plans(&three, incident.Opened, "chat")
		sending := b.claimsOne("chat")
		b.save(work.Changes{Recovered: []string{"chat"}})
		require.Len(t, b.dueNow(true, 10).Deliveries, 2, "neither what is being sent, nor another channel's")
		b.wakes()
		require.Len(t, b.claims("chat", 10), 2)
		require.Empty(t, b.claims("mail", 10))
		require.True(t, b.finishes(sending.Delivery, delivered), "its claim holds")
	})
}

func TestClaimsLeftBehindEndAtTheStart(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		b := start(t, db)
		i := b.opens("alert")
		b.plans(&i, incident.Opened, "chat")
		left := b.claimsOne("chat")
		require.NoError(t, b.ForgetClaims(t.Context()))
		woken := b.wakes()
		if db.Config.Driver == store.Postgres { // it may be another replica's
			require.Zero(t, woken)
			require.True(t, b.finishes(left.Delivery, delivered))
			return
		}
		again := b.claimsOne("chat")
		require.Equal(t, left.Delivery.ID, again.Delivery.ID, "the key of the message stays")
		require.False(t, b.finishes(left.Delivery, delivered))
		require.True(t, b.finishes(again.Delivery, delivered))
	})
}
