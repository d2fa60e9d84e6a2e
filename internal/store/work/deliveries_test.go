package work_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

func TestReadyIsClaimedLongestDueFirst(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var want []delivery.ID
		for n := range 3 {
			i := b.opens(fmt.Sprintf("alert %d", n))
			want = append(want, b.plans(&i, incident.Opened, "chat").ID)
			b.plans(&i, incident.Opened, "mail")
			b.plans(&i, incident.WasResolved, "chat") // waits for its turn
			b.db.Advance(t, time.Second)
		}
		require.Equal(t, want[:1], idsOf(b.claims("chat", 1)))
		claimed := b.claims("chat", 10)
		require.Equal(t, want[1:], idsOf(claimed))
		for n, c := range claimed {
			require.NoError(t, c.Err)
			require.Equal(t, []any{"chat", incident.Number(n + 2), 1, incident.Opened, 0},
				[]any{c.Delivery.Channel, c.Delivery.Incident, c.Delivery.Notice, c.Delivery.Reason, c.Delivery.Attempts})
			require.Equal(t, []any{1, incident.Opened, incident.Number(n + 2), fmt.Sprintf("alert %d", n+1)},
				[]any{c.Notice.Number, c.Notice.Reason, c.Notice.Incident.Number, c.Notice.Incident.Message})
			kept := b.finds(c.Delivery.ID)
			require.Equal(t, delivery.Sending, kept.Status)
			require.Equal(t, c.Delivery.Claim, kept.Claim)
		}
		require.Empty(t, b.claims("chat", 10))
		require.Len(t, b.claims("mail", 10), 3)
		b.transact(func(ctx context.Context, tx *work.Tx) { require.NoError(t, tx.Claim(ctx, nil)) })
	})
}

func TestAnEndedClaimIsAnothers(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.opens("alert")
		b.plans(&i, incident.Opened, "chat")
		late := b.claimsOne("chat")
		b.db.Advance(t, 59*time.Second)
		b.wakes()
		require.Empty(t, b.claims("chat", 10))
		b.db.Advance(t, 2*time.Second)
		require.Equal(t, 1, b.wakes())
		again := b.claimsOne("chat")
		require.Equal(t, late.Delivery.ID, again.Delivery.ID, "the key of the message stays")
		require.False(t, b.finishes(late.Delivery, refused))
		require.True(t, b.finishes(again.Delivery, delivered))
		for _, c := range []work.Claimable{late, again} {
			require.False(t, b.finishes(c.Delivery, refused), "it has come to its end")
		}
		kept, attempts, err := b.Delivery(t.Context(), again.Delivery.ID)
		require.NoError(t, err)
		require.Equal(t, delivery.Delivered, kept.Status)
		require.Len(t, attempts, 1)
	})
}

func TestAnAcknowledgedIncidentVoidsItsReminders(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.opens("alert")
		opening := b.plans(&i, incident.Opened, "chat")
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, delivered))
		b.plans(&i, incident.Updated, "chat")
		b.changes(&i, acknowledged(t))
		reminder := b.claimsOne("chat")
		require.Equal(t, []int{1, 2}, []int{reminder.Delivery.Generation, reminder.Generation})
		require.True(t, reminder.Delivery.Void(reminder.Generation))
		require.False(t, opening.Void(reminder.Generation))
	})
}

func TestLaterMessagesJoinTheThread(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i, other := b.opens("alert a"), b.opens("alert b")
		first := b.plans(&i, incident.Opened, "chat")
		c := b.claimsOne("chat")
		require.Empty(t, c.Thread)
		require.True(t, b.finishes(c.Delivery, delivered))
		require.Equal(t, delivered.Thread, b.finds(first.ID).Thread)
		for range 2 {
			b.plans(&i, incident.Updated, "chat")
			c = b.claimsOne("chat")
			require.Equal(t, delivered.Thread, c.Thread)
			later := delivered
			later.Thread = "6789.0"
			require.True(t, b.finishes(c.Delivery, later))
		}
		b.plans(&i, incident.Updated, "mail")
		require.Empty(t, b.claimsOne("mail").Thread)
		b.plans(&other, incident.Opened, "chat")
		require.Empty(t, b.claimsOne("chat").Thread)
	})
}

func TestATargetIsToldOfANoticeOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.opens("alert")
		d := b.plans(&i, incident.Opened, "mail")
		save := func(change func(d *delivery.Delivery)) error {
			return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
				again := d
				again.ID, again.Number = tx.Mint()
				change(&again)
				return tx.Save(ctx, work.Changes{Deliveries: []*delivery.Delivery{&again}})
			})
		}
		require.Error(t, save(func(*delivery.Delivery) {}))
		require.NoError(t, save(func(d *delivery.Delivery) { d.Target = "ada" }))
		require.Error(t, save(func(d *delivery.Delivery) { d.Target = "ada" }))
		require.NoError(t, save(func(d *delivery.Delivery) { d.Channel = "chat" }))
		require.NoError(t, save(func(d *delivery.Delivery) { d.Notice = 2 }))
	})
}

func TestWaitingIsListedInItsOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i, other := b.opens("alert a"), b.opens("alert b")
		first := b.plans(&i, incident.Opened, "chat")
		second := b.plans(&i, incident.WasResolved, "chat")
		b.plans(&i, incident.Opened, "mail")
		third := b.plans(&other, incident.Opened, "chat")
		b.transact(func(ctx context.Context, tx *work.Tx) {
			waiting, err := tx.Waiting(ctx, "chat", 0, 2)
			require.NoError(t, err)
			require.Equal(t, []delivery.Number{first.Number, second.Number}, waiting)
			waiting, err = tx.Waiting(ctx, "chat", second.Number, 2)
			require.NoError(t, err)
			require.Equal(t, []delivery.Number{third.Number}, waiting)
			of, err := tx.IncidentsOf(ctx, []delivery.Number{first.Number, third.Number, 1 << 40})
			require.NoError(t, err)
			require.Equal(t, map[delivery.Number]incident.Number{first.Number: i.Number, third.Number: other.Number}, of)
			later, err := tx.WaitingFor(ctx, "chat", 10)
			require.NoError(t, err)
			require.Equal(t, []delivery.ID{second.ID}, idsOf(later), "what is not ready")
		})
		for _, c := range b.claims("chat", 10) {
			require.True(t, b.finishes(c.Delivery, delivered))
		}
		b.transact(func(ctx context.Context, tx *work.Tx) {
			waiting, err := tx.Waiting(ctx, "chat", 0, 10)
			require.NoError(t, err)
			require.Equal(t, []delivery.Number{second.Number}, waiting)
		})
	})
}

func TestDeliveriesAreFoundByEachFilter(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i, other := b.opens("alert a"), b.opens("alert b")
		model := map[delivery.ID]delivery.Status{}
		model[b.plans(&i, incident.Opened, "chat").ID] = delivery.Delivered
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, delivered))
		model[b.plans(&other, incident.Opened, "chat").ID] = delivery.Failed
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
		model[b.plans(&i, incident.Updated, "mail").ID] = delivery.Superseded
		model[b.plans(&i, incident.SeverityRaised, "mail").ID] = delivery.Sending
		b.claimsOne("mail")
		model[b.plans(&other, incident.Opened, "mail").ID] = delivery.Waiting

		all := func(q delivery.Query) []delivery.Delivery {
			q.Limit = 100
			page, err := b.Deliveries(t.Context(), q)
			require.NoError(t, err)
			require.False(t, page.More)
			for n, d := range page.Deliveries {
				require.Equal(t, b.finds(d.ID), d)
				require.Equal(t, model[d.ID], d.Status)
				require.True(t, n == 0 || page.Deliveries[n-1].Number > d.Number, "the latest first")
			}
			return page.Deliveries
		}
		everything := all(delivery.Query{})
		require.Len(t, everything, len(model))
		for name, q := range map[string]delivery.Query{
			"waiting": {Statuses: []delivery.Status{delivery.Waiting}}, "sending": {Statuses: []delivery.Status{delivery.Sending}},
			"delivered": {Statuses: []delivery.Status{delivery.Delivered}}, "failed": {Statuses: []delivery.Status{delivery.Failed}},
			"superseded": {Statuses: []delivery.Status{delivery.Superseded}}, "some": {Statuses: []delivery.Status{delivery.Sending, delivery.Failed, delivery.Waiting}},
			"every status": {Statuses: delivery.Statuses()}, "of a newer alertd": {Statuses: []delivery.Status{9}},
			"channel": {Channel: "mail"}, "no such channel": {Channel: "nobody"},
			"incident": {Incident: i.ID}, "no such incident": {Incident: incident.NewID()}, "before": {Before: everything[2].Number},
			"all of it": {Statuses: []delivery.Status{delivery.Waiting, delivery.Sending, delivery.Superseded}, Channel: "mail", Incident: i.ID, Before: everything[0].Number},
		} {
			want := []delivery.Delivery{}
			for _, d := range everything {
				if (len(q.Statuses) == 0 || slices.Contains(q.Statuses, d.Status)) && (q.Channel == "" || d.Channel == q.Channel) &&
					(q.Incident.IsZero() || d.IncidentID == q.Incident) && (q.Before == 0 || d.Number < q.Before) {
					want = append(want, d)
				}
			}
			require.Equal(t, want, append([]delivery.Delivery{}, all(q)...), name)
		}
	})
}

func TestPagesOfDeliveriesHaveEachOnce(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.SQLite(t))
	var want, got []delivery.ID
	for n := range 10 {
		i := b.opens(fmt.Sprintf("alert %d", n))
		want = append(want, b.plans(&i, incident.Opened, "chat").ID)
	}
	slices.Reverse(want)
	for page, q := (delivery.Page{More: true}), (delivery.Query{Limit: 3}); page.More; {
		var err error
		page, err = b.Deliveries(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Deliveries), 3)
		for _, d := range page.Deliveries {
			got, q.Before = append(got, d.ID), d.Number
		}
		i := b.opens(fmt.Sprintf("alert before %d", q.Before)) // more are planned meanwhile
		b.plans(&i, incident.Opened, "chat")
	}
	require.Equal(t, want, got)
}

func TestAFailureIsReportedOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		one, two := b.opens("alert a"), b.opens("alert b")
		first, second := b.plans(&one, incident.Opened, "chat"), b.plans(&two, incident.Opened, "chat")
		b.plans(&two, incident.Opened, "mail")
		for _, c := range b.claims("chat", 2) {
			require.True(t, b.finishes(c.Delivery, refused))
		}
		failures := func(limit int) []delivery.Failure {
			found, err := b.Failures(t.Context(), limit)
			require.NoError(t, err)
			return found
		}
		report := func(f ...delivery.Failure) {
			b.transact(func(ctx context.Context, tx *work.Tx) { require.NoError(t, tx.Reported(ctx, f)) })
		}
		found := failures(10)
		require.Len(t, found, 2)
		require.Equal(t, []any{first.ID, one.Source, second.ID, two.Source}, []any{found[0].Delivery.ID, found[0].Source, found[1].Delivery.ID, found[1].Source})
		require.Len(t, failures(1), 1)
		report(found[0])
		require.Len(t, failures(10), 1)

		// The second one is tried again before it is reported, and fails again.
		b.db.Advance(t, time.Second)
		b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(t, retry(ctx, tx, second.ID)) })
		require.Empty(t, failures(10))
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
		report(found[1])
		again := failures(10)
		require.Len(t, again, 1, "the report was about the first time")
		report(again...)
		require.Empty(t, failures(10))

		// So is one that was reported before it is tried again.
		b.db.Advance(t, time.Second)
		b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(t, retry(ctx, tx, second.ID)) })
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
		require.Len(t, failures(10), 1)
	})
}
