package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

func keepsAttempts(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	at := time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)
	want := []delivery.Attempt{
		{Number: 1, At: at, Duration: 1500 * time.Microsecond, Outcome: channel.Transient, Code: 503, Error: "out of order"},
		{Number: 2, At: at.Add(time.Minute), Duration: time.Hour, Outcome: channel.Transient, Error: "connection refused"},
		{Number: 3, At: at.Add(time.Hour), Outcome: channel.Delivered, Code: 200},
	}
	for _, attempt := range want {
		c := log.claimsOne(t, "chat")
		require.Equal(t, attempt.Number-1, c.Delivery.Attempts)
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			step := delivery.Step{Status: delivery.Waiting, DueAt: tx.Now()}
			if attempt.Outcome == channel.Delivered {
				step.Status = delivery.Delivered
			}
			held, err := tx.Finish(ctx, c, attempt, step, "")
			require.NoError(t, err)
			require.True(t, held)
		})
		kept, attempts, err := log.Delivery(t.Context(), d.ID)
		require.NoError(t, err)
		require.Equal(t, want[:attempt.Number], attempts)
		require.Equal(t, []any{attempt.Number, attempt.Error}, []any{kept.Attempts, kept.Error})
		require.Equal(t, attempt.Outcome != channel.Delivered, kept.FinishedAt.IsZero())
	}
	instead := d
	instead.ID, instead.Channel, instead.FallbackFor = delivery.NewID(), "mail", d.ID
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		added, err := tx.AddDelivery(ctx, instead, store.Claim{})
		require.NoError(t, err)
		require.True(t, added)
		within, err := tx.Delivery(ctx, instead.ID)
		require.NoError(t, err)
		require.Equal(t, d.ID, within.FallbackFor)
	})
	require.Equal(t, d.ID, log.finds(t, instead.ID).FallbackFor)
	require.True(t, log.finds(t, d.ID).FallbackFor.IsZero())
	_, _, err := log.Delivery(t.Context(), delivery.NewID())
	requireCode(t, alerting.CodeNotFound, err)
}

// queriesDeliveries has one delivery in each status, and one whose claim is over.
func queriesDeliveries(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	model := map[delivery.ID]delivery.Status{}
	log.plans(t, &i, incident.Opened, "lost")
	model[log.claimsOne(t, "lost").Delivery.ID] = delivery.Waiting
	db.Advance(t, 2*time.Minute)
	model[log.plans(t, &i, incident.Opened, "chat").ID] = delivery.Delivered
	log.delivers(t, log.claimsOne(t, "chat"))
	model[log.plans(t, &other, incident.Opened, "chat").ID] = delivery.Failed
	log.fails(t, log.claimsOne(t, "chat"))
	model[log.plans(t, &i, incident.Updated, "mail").ID] = delivery.Superseded
	by := log.plans(t, &i, incident.SeverityRaised, "mail")
	log.supersedes(t, by)
	model[by.ID] = delivery.Sending
	log.claimsOne(t, "mail")
	model[log.plans(t, &other, incident.Opened, "mail").ID] = delivery.Waiting

	all := func(q delivery.Query) []delivery.Delivery {
		q.Limit = 100
		page, err := log.Deliveries(t.Context(), q)
		require.NoError(t, err)
		require.False(t, page.More)
		for n, d := range page.Deliveries {
			require.Equal(t, log.finds(t, d.ID), d)
			require.Equal(t, model[d.ID], d.Status)
			require.True(t, n == 0 || page.Deliveries[n-1].Number > d.Number, "the latest first")
		}
		return page.Deliveries
	}
	everything := all(delivery.Query{})
	require.Len(t, everything, len(model))
	for name, q := range map[string]delivery.Query{
		"waiting":   {Statuses: []delivery.Status{delivery.Waiting}},
		"sending":   {Statuses: []delivery.Status{delivery.Sending}},
		"delivered": {Statuses: []delivery.Status{delivery.Delivered}}, "failed": {Statuses: []delivery.Status{delivery.Failed}},
		"superseded": {Statuses: []delivery.Status{delivery.Superseded}}, "some": {Statuses: []delivery.Status{delivery.Sending, delivery.Failed, delivery.Waiting}},
		"every status": {Statuses: delivery.Statuses()},
		"channel":      {Channel: "mail"}, "no such channel": {Channel: "nobody"},
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
}

func pagesDeliveries(t *testing.T, db Database) {
	log := db.Start(t)
	var want []delivery.ID
	for range 10 {
		i := log.opens(t, "alert")
		want = append(want, log.plans(t, &i, incident.Opened, "chat").ID)
		log.resolves(t, &i)
	}
	slices.Reverse(want)
	var got []delivery.ID
	for page, q := (delivery.Page{More: true}), (delivery.Query{Limit: 3}); page.More; {
		var err error
		page, err = log.Deliveries(t.Context(), q)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page.Deliveries), 3)
		for _, d := range page.Deliveries {
			got, q.Before = append(got, d.ID), d.Number
		}
		i := log.opens(t, "alert")
		log.plans(t, &i, incident.Opened, "chat")
		log.resolves(t, &i)
	}
	require.Equal(t, want, got)
}
