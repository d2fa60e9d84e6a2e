package work_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

func TestRecordsCountOutcomesInTheirOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(r *rapid.T) {
			b.db.Exec(t, `DELETE FROM channel_records`)
			want := map[string]delivery.Record{}
			results := []channel.Result{delivered, failedNow, refused}
			for range rapid.IntRange(1, 4).Draw(r, "transactions") {
				b.transact(func(ctx context.Context, tx *work.Tx) {
					var c work.Changes
					for range rapid.IntRange(0, 5).Draw(r, "outcomes") {
						o := work.Outcome{Channel: rapid.SampledFrom([]string{"mail", "chat"}).Draw(r, "channel"), Result: rapid.SampledFrom(results).Draw(r, "result")}
						record := want[o.Channel]
						record.Add(o.Result, tx.Now())
						want[o.Channel] = record
						c.Outcomes = append(c.Outcomes, o)
					}
					require.NoError(r, tx.Save(ctx, c))
				})
			}
			records, err := b.ChannelRecords(t.Context())
			require.NoError(r, err)
			require.Equal(r, want, records)
		})
	})
}

// TestActivityIsCountedByTheHour has replicas record attempts at once, and an hour pass.
func TestActivityIsCountedByTheHour(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		other := b.replica()
		mail := []work.Outcome{{Channel: "mail", Result: delivered}, {Channel: "chat", Result: failedNow}, {Channel: "mail", Result: refused}, {Channel: "mail", Result: delivered}}
		var group sync.WaitGroup
		for _, from := range []*bench{b, other} {
			group.Go(func() {
				for range 5 {
					from.transact(func(ctx context.Context, tx *work.Tx) { assert.NoError(t, tx.Save(ctx, work.Changes{Outcomes: mail})) })
				}
			})
		}
		group.Wait()
		sum := func(since time.Time) (sums map[string]delivery.Hour) {
			hours, err := b.ChannelActivity(t.Context(), since)
			require.NoError(t, err)
			sums = map[string]delivery.Hour{}
			for name, of := range hours {
				for _, h := range of {
					require.Zero(t, h.Start.UnixMicro()%time.Hour.Microseconds())
					sums[name] = delivery.Hour{Successes: sums[name].Successes + h.Successes, Failures: sums[name].Failures + h.Failures}
				}
			}
			return sums
		}
		now, err := b.Now(t.Context())
		require.NoError(t, err)
		want := map[string]delivery.Hour{"mail": {Successes: 20, Failures: 10}, "chat": {Failures: 10}}
		require.Equal(t, want, sum(now.Add(-time.Hour)))
		require.Empty(t, sum(now.Add(time.Hour)))

		_, err = b.Retain(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, want, sum(now.Add(-time.Hour)))
		b.db.Exec(t, `UPDATE channel_tallies SET start = start - $1 WHERE channel = 'chat'`, (50 * time.Hour).Microseconds())
		_, err = b.Retain(t.Context(), 0)
		require.NoError(t, err)
		delete(want, "chat")
		require.Equal(t, want, sum(time.Unix(0, 0)))
	})
}

func TestStrangersHaveWhatWaitsAndNoSettings(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		strangers := func(known ...string) (names []string, all []work.Stranger, now time.Time) {
			all, now, err := b.Strangers(t.Context(), known)
			require.NoError(t, err)
			for _, s := range all {
				names = append(names, s.Channel)
			}
			return names, all, now
		}
		names, _, _ := strangers()
		require.Empty(t, names)
		i := b.opens("alert")
		for _, name := range []string{"chat", "mail", "hook", "done"} {
			b.plans(&i, incident.Opened, name)
		}
		require.True(t, b.finishes(b.claimsOne("done").Delivery, delivered))
		b.claimsOne("hook") // what is being sent counts
		chat := policyOf("chat")
		chat.Fallback = "mail"
		save := func(policies ...delivery.Policy) {
			b.transact(func(ctx context.Context, tx *work.Tx) { require.NoError(t, tx.SaveChannels(ctx, policies)) })
		}
		save(policyOf("mail"), chat, policyOf("unused"))
		names, all, now := strangers("mail")
		require.Equal(t, []string{"chat", "hook"}, names)
		require.Equal(t, []string{"mail", ""}, []string{all[0].Fallback, all[1].Fallback})
		require.WithinDuration(t, now, all[0].Seen, patience)
		require.Zero(t, all[1].Seen, "nobody ever had it")
		names, _, _ = strangers("mail", "chat", "hook")
		require.Empty(t, names)

		b.db.Advance(t, time.Hour)
		_, all, now = strangers()
		require.InDelta(t, time.Hour, now.Sub(all[0].Seen), float64(patience))
		chat.Fallback = "hook"
		save(chat)
		_, all, now = strangers()
		require.Equal(t, "hook", all[0].Fallback)
		require.WithinDuration(t, now, all[0].Seen, patience)

		// The settings leave the record alone, and the record the settings.
		b.save(work.Changes{Outcomes: []work.Outcome{{Channel: "chat", Result: failedNow}}})
		save(chat)
		records, err := b.ChannelRecords(t.Context())
		require.NoError(t, err)
		require.Equal(t, uint64(1), records["chat"].Failures)
		_, all, _ = strangers()
		require.Equal(t, "hook", all[0].Fallback)
	})
}

func TestBacklogIsWhatIsToBeDone(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		backlog := func() work.Backlog {
			found, err := b.Backlog(t.Context())
			require.NoError(t, err)
			return found
		}
		empty := backlog()
		require.Empty(t, empty.Queues)
		require.Zero(t, empty.Lag())
		require.Empty(t, empty.Incidents)

		advance := func(through alerting.Seq) {
			b.db.Advance(t, time.Hour)
			b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(t, tx.Advance(ctx, through)) })
		}
		b.log.Add(t, storetest.Alert("nobody is told of it"))
		require.Zero(t, backlog().Lag())
		b.log.Add(t, storetest.Alerts(2)...)
		b.db.Exec(t, `UPDATE events SET dispatch = 1`)
		advance(2)
		require.InDelta(t, time.Hour, backlog().Lag(), float64(patience))
		advance(3)
		require.Zero(t, backlog().Lag())

		one, two, three, four := b.opens("alert a"), b.opens("alert b"), b.opens("alert c"), b.opens("alert d")
		b.resolves(&one)
		b.changes(&two, acknowledged(t))
		first := b.plans(&three, incident.Opened, "chat")
		b.db.Advance(t, time.Minute)
		b.plans(&four, incident.Opened, "chat")
		b.plans(&four, incident.Opened, "mail")
		found := backlog()
		require.Equal(t, map[incident.Status]int{incident.Triggered: 2, incident.Acknowledged: 1}, found.Incidents)
		require.Len(t, found.Queues, 2)
		require.Equal(t, work.Queue{Waiting: 2, Oldest: b.finds(first.ID).CreatedAt}, found.Queues["chat"])
		require.Equal(t, 1, found.Queues["mail"].Waiting)

		claimed := b.claims("chat", 2)
		slices.Reverse(claimed)
		require.True(t, b.finishes(claimed[0].Delivery, failedNow))
		queues, now, err := b.Queues(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, queues["chat"].Waiting, "one that is being sent, and one that waits for its next attempt")
		require.InDelta(t, time.Minute, now.Sub(queues["chat"].Oldest), float64(patience))
		require.True(t, b.finishes(claimed[1].Delivery, delivered))
		require.True(t, b.finishes(b.claimsOne("mail").Delivery, delivered))
		queues, _, err = b.Queues(t.Context())
		require.NoError(t, err)
		require.Len(t, queues, 1)
		require.Equal(t, 1, queues["chat"].Waiting)
	})
}
