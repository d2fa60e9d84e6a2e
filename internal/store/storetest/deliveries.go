package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

var deliveryCases = []testCase{
	{"a notice is told once on a channel", plansOnce},
	{"what is overtaken is superseded, by its reason", supersedes},
	{"what is being sent is not superseded, unless its claim is over", supersedesNothingClaimed},
	{"what has failed for now is overtaken by what was told or is about to be", isOvertaken},
	{"later messages join the thread of the first", keepsThreads},
	{"a channel was told unless all that it was to be told has failed", knowsWhoWasTold},
	{"a message knows what came before and after it", knowsWhatCameLater},
	{"what has waited too long is given up", expires},
	{"an end that was superseded is told after all, once", concludes},
	{"only what has failed is tried again by hand", retries},
	{"a channel that works again is hurried", hurries},
	{"a channel's record counts, and remembers the last of each", keepsRecords},
	{"what has failed is reported once", reports},
	{"a delivery comes back with its attempts", keepsAttempts},
	{"deliveries are found by each filter", queriesDeliveries},
	{"pages of deliveries have each once, while more are planned", pagesDeliveries},
}

func plansOnce(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	log.plans(t, &i, incident.Opened, "mail")
	log.plans(t, &i, incident.Updated, "chat")
	again := d
	again.ID = delivery.NewID()
	for range 2 { // while it waits, and when it has come to its end
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			added, err := tx.AddDelivery(ctx, again, store.Claim{ID: delivery.NewID(), For: time.Minute})
			require.NoError(t, err)
			require.False(t, added)
		})
		require.Equal(t, int64(3), db.Number(t, `SELECT count(*) FROM deliveries`))
		log.delivers(t, log.claimsOne(t, "chat"))
	}
	kept := log.finds(t, d.ID)
	require.WithinDuration(t, d.CreatedAt, kept.CreatedAt, 0)
	require.WithinDuration(t, d.GiveUpAt, kept.GiveUpAt, 0)
	require.Equal(t, []any{i.ID, i.Number, 1, incident.Opened, "chat"}, []any{kept.IncidentID, kept.Incident, kept.Notice, kept.Reason, kept.Channel})
}

// reasons are those of notices about incidents.
var reasons = []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved}

func supersedes(t *testing.T, db Database) {
	log := db.Start(t)
	for _, heard := range []bool{false, true} {
		for _, earlier := range reasons {
			for _, by := range reasons[1:] {
				if heard && earlier == incident.Opened { // who has heard of it is not told again that it was opened
					continue
				}
				t.Run(fmt.Sprintf("%s after %s, heard %t", by, earlier, heard), func(t *testing.T) { supersedesBy(t, db, log, earlier, by, heard) })
			}
		}
	}
}

// supersedesBy plans one message after another. heard says that the channel was told
// of the incident before.
func supersedesBy(t *testing.T, db Database, log *Log, earlier, by incident.Reason, heard bool) {
	i := log.opens(t, "alert")
	defer log.resolves(t, &i)
	if heard {
		log.plans(t, &i, incident.Opened, "chat")
		log.delivers(t, log.claimsOne(t, "chat"))
	}
	d, elsewhere := log.plans(t, &i, earlier, "chat"), log.plans(t, &i, earlier, "mail")
	next := log.plans(t, &i, by, "chat")
	ended, waiting := log.supersedes(t, next)
	if by.Overtakes(earlier) && (heard || by.Introduces()) {
		require.Len(t, ended, 1)
		require.Equal(t, d.ID, ended[0].ID)
		require.False(t, waiting)
		kept := log.finds(t, d.ID)
		require.Equal(t, delivery.Superseded, kept.Status)
		require.Contains(t, kept.Error, by.String())
		require.False(t, kept.FinishedAt.IsZero())
	} else {
		require.Empty(t, ended)
		require.True(t, waiting)
		require.Equal(t, delivery.Waiting, log.finds(t, d.ID).Status)
	}
	require.Equal(t, delivery.Waiting, log.finds(t, next.ID).Status)
	require.Equal(t, delivery.Waiting, log.finds(t, elsewhere.ID).Status, "another channel's")
	db.Exec(t, `UPDATE deliveries SET status = 3`)
}

// supersedes ends what a delivery overtakes.
func (l *Log) supersedes(tb testing.TB, by delivery.Delivery) (ended []delivery.Delivery, waiting bool) {
	tb.Helper()
	l.decide(tb, func(ctx context.Context, tx *store.Tx) {
		var err error
		ended, waiting, err = tx.Supersede(ctx, by)
		require.NoError(tb, err)
	})
	return ended, waiting
}

func supersedesNothingClaimed(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	log.plans(t, &i, incident.Opened, "chat")
	log.delivers(t, log.claimsOne(t, "chat"))
	d := log.plans(t, &i, incident.Updated, "chat")
	supersede := func() ([]delivery.Delivery, bool) {
		return log.supersedes(t, log.plans(t, &i, incident.WasResolved, "chat"))
	}
	late := log.claimsOne(t, "chat")
	ended, waiting := supersede()
	require.Empty(t, ended)
	require.True(t, waiting)
	require.Equal(t, delivery.Sending, log.finds(t, d.ID).Status)
	db.Advance(t, 2*time.Minute)
	ended, waiting = supersede()
	require.Len(t, ended, 1)
	require.True(t, waiting, "for the first of the two that follow")
	require.False(t, log.finishes(t, late, channel.Delivered, delivery.Delivered, 0))
	require.Equal(t, delivery.Superseded, log.finds(t, d.ID).Status)
}

func isOvertaken(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	log.plans(t, &i, incident.Opened, "chat")
	log.delivers(t, log.claimsOne(t, "chat"))
	d := log.plans(t, &i, incident.Updated, "chat")
	by := func(d delivery.Delivery) (reason incident.Reason) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			other, err := tx.Overtaken(ctx, d)
			require.NoError(t, err)
			if other != nil {
				reason = other.Reason
			}
		})
		return reason
	}
	require.Zero(t, by(d))
	log.plans(t, &i, incident.WasResolved, "mail")
	require.Zero(t, by(d), "that is another channel's")
	later := log.plans(t, &i, incident.WasAcknowledged, "chat")
	require.Equal(t, incident.WasAcknowledged, by(d))
	require.Zero(t, by(later), "what came before does not overtake it")
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		ended, err := tx.End(ctx, later, delivery.Failed, "it is off")
		require.NoError(t, err)
		require.True(t, ended)
	})
	require.Zero(t, by(d), "what was not told overtakes nothing")
	log.delivers(t, log.claimsOne(t, "chat"))
	log.plans(t, &i, incident.SeverityRaised, "chat")
	log.delivers(t, log.claimsOne(t, "chat"))
	require.Equal(t, incident.SeverityRaised, by(d))
}

func keepsThreads(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	threadOf := func(number incident.Number, name string) (thread string) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			var err error
			thread, err = tx.Thread(ctx, number, name)
			require.NoError(t, err)
		})
		return thread
	}
	finish := func(c store.Claimed, thread string) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			held, err := tx.Finish(ctx, c, delivery.Attempt{At: tx.Now(), Outcome: channel.Delivered}, delivery.Step{Status: delivery.Delivered, DueAt: tx.Now()}, thread)
			require.NoError(t, err)
			require.True(t, held)
		})
	}
	first := log.plans(t, &i, incident.Opened, "chat")
	c := log.claimsOne(t, "chat")
	require.Empty(t, c.Thread)
	finish(c, "1234.5")
	require.Equal(t, "1234.5", log.finds(t, first.ID).Thread)
	require.Equal(t, "1234.5", threadOf(i.Number, "chat"))
	require.Empty(t, threadOf(i.Number, "mail"))
	require.Empty(t, threadOf(other.Number, "chat"))
	for range 2 {
		log.plans(t, &i, incident.Updated, "chat")
		c = log.claimsOne(t, "chat")
		require.Equal(t, "1234.5", c.Thread)
		finish(c, "6789.0")
	}
	log.plans(t, &other, incident.Opened, "chat")
	require.Empty(t, log.claimsOne(t, "chat").Thread)
}

func knowsWhoWasTold(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	log.plans(t, &i, incident.Opened, "delivered")
	log.plans(t, &i, incident.Opened, "failed")
	log.plans(t, &i, incident.Opened, "waiting")
	log.plans(t, &other, incident.Opened, "another's")
	log.delivers(t, log.claimsOne(t, "delivered"))
	log.fails(t, log.claimsOne(t, "failed"))
	told := func() (told map[string]bool) {
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			var err error
			told, err = tx.Told(ctx, i.Number)
			require.NoError(t, err)
		})
		return told
	}
	silent := log.plans(t, &i, incident.Opened, "superseded")
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		ended, err := tx.End(ctx, silent, delivery.Superseded, "nothing was heard")
		require.NoError(t, err)
		require.True(t, ended)
	})
	require.Equal(t, map[string]bool{"delivered": true, "waiting": true}, told())
	log.plans(t, &i, incident.Updated, "failed")
	require.Equal(t, map[string]bool{"delivered": true, "waiting": true, "failed": true}, told())
}

// expires has one message that was tried for the last time, one that was to be tried
// again before its end, and one that was not tried, when all have waited too long.
func expires(t *testing.T, db Database) {
	log := db.Start(t)
	i, third, other := log.opens(t, "alert a"), log.opens(t, "alert c"), log.opens(t, "alert b")
	tried := log.plans(t, &i, incident.Opened, "chat")
	log.triesLater(t, log.claimsOne(t, "chat"), time.Hour)
	again := log.plans(t, &third, incident.Opened, "chat")
	log.triesLater(t, log.claimsOne(t, "chat"), time.Minute)
	untried := log.plans(t, &other, incident.Opened, "chat")
	expired := func(known, working []string, limit int) (ids []delivery.ID) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			deliveries, err := tx.Expired(ctx, known, working, limit)
			require.NoError(t, err)
			for _, d := range deliveries {
				ids = append(ids, d.ID)
			}
		})
		return ids
	}
	chat, all := []string{"mail", "chat"}, []delivery.ID{tried.ID, again.ID, untried.ID}
	db.Advance(t, 59*time.Minute)
	require.Empty(t, expired(chat, nil, 10))
	db.Advance(t, 61*time.Second)
	require.Equal(t, all, expired(chat, nil, 10), "no channel works")
	require.Equal(t, all, expired(chat, []string{"mail"}, 10), "another one works")
	require.Equal(t, all[:1], expired(chat, nil, 1), "the longest due first")
	require.Equal(t, all[:1], expired(chat, chat, 10), "an attempt to come is made on a channel that works")
	for _, strangers := range [][]string{nil, {"mail"}} {
		require.Empty(t, expired(strangers, nil, 10), "another replica may know the channel")
	}
	next := log.plans(t, &i, incident.WasResolved, "chat")
	held := log.claims(t, "chat", 10)
	require.Equal(t, []delivery.ID{untried.ID, again.ID}, idsOf(held), "what is to be given up is not sent, and what comes after waits for that")
	require.Equal(t, all[:1], expired(chat, nil, 10), "what is being sent is left alone")
	end := func(d delivery.Delivery) (ended bool) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			var err error
			ended, err = tx.End(ctx, d, delivery.Failed, "given up")
			require.NoError(t, err)
		})
		return ended
	}
	require.False(t, end(untried))
	require.False(t, end(again))
	db.Advance(t, time.Minute)
	require.Equal(t, all, expired(nil, nil, 10), "no replica has done anything")
	require.True(t, end(again))
	require.True(t, end(untried))
	require.False(t, end(untried), "it has come to its end")
	kept := log.finds(t, untried.ID)
	require.Equal(t, []any{delivery.Failed, "given up", 0}, []any{kept.Status, kept.Error, kept.Attempts})
	require.False(t, kept.FinishedAt.IsZero())
	require.False(t, log.finishes(t, held[0], channel.Delivered, delivery.Delivered, 0))
	require.True(t, end(tried))
	require.Equal(t, next.ID, log.claimsOne(t, "chat").Delivery.ID)
}

// knowsWhatCameLater plans messages about one incident, and looks at them from one in
// their middle.
func knowsWhatCameLater(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	log.plans(t, &i, incident.Opened, "mail")
	d := log.plans(t, &i, incident.Opened, "chat")
	look := func() (heard, passed bool, later []delivery.ID) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			var err error
			heard, err = tx.Heard(ctx, d)
			require.NoError(t, err)
			passed, err = tx.Passed(ctx, d)
			require.NoError(t, err)
			others, err := tx.Later(ctx, d)
			require.NoError(t, err)
			for _, other := range others {
				later = append(later, other.ID)
			}
		})
		return heard, passed, later
	}
	requireLook := func(wantHeard, wantPassed bool, want ...delivery.ID) {
		t.Helper()
		heard, passed, later := look()
		require.Equal(t, []bool{wantHeard, wantPassed}, []bool{heard, passed})
		require.Equal(t, want, later)
	}
	requireLook(false, false)
	log.delivers(t, log.claimsOne(t, "chat"))
	d = log.plans(t, &i, incident.SeverityRaised, "chat")
	requireLook(true, false)
	first := log.plans(t, &i, incident.Updated, "chat")
	second := log.plans(t, &i, incident.WasResolved, "chat")
	log.plans(t, &i, incident.WasResolved, "mail")
	requireLook(true, false, first.ID, second.ID)
	log.fails(t, log.claimsOne(t, "chat"))
	requireLook(true, false, first.ID, second.ID)
	c := log.claimsOne(t, "chat")
	requireLook(true, true, first.ID, second.ID) // it is being sent
	log.fails(t, c)
	requireLook(true, false, second.ID)
	log.delivers(t, log.claimsOne(t, "chat"))
	requireLook(true, true, second.ID)
	err := log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.Retry(ctx, d.ID, tx.Now().Add(time.Hour)) })
	requireCode(t, alerting.CodeConflict, err)
	require.ErrorContains(t, err, "was told since what came after")
	require.Equal(t, delivery.Failed, log.finds(t, d.ID).Status)
}

// concludes plans an end anew that was superseded, and one that there was not, but none
// that is being told or was.
func concludes(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	conclude := func(number incident.Number, notice int) {
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			require.NoError(t, tx.Conclude(ctx, delivery.Delivery{
				ID: delivery.NewID(), Incident: number, Notice: notice, Reason: incident.WasResolved, Channel: "chat", GiveUpAt: tx.Now().Add(2 * time.Hour),
			}))
		})
	}
	end := log.plans(t, &i, incident.WasResolved, "chat")
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		ended, err := tx.End(ctx, end, delivery.Superseded, "nothing was heard")
		require.NoError(t, err)
		require.True(t, ended)
	})
	conclude(i.Number, end.Notice)
	again := log.claimsOne(t, "chat")
	require.Equal(t, end.ID, again.Delivery.ID)
	require.Empty(t, again.Delivery.Error)
	log.delivers(t, again)
	conclude(i.Number, end.Notice)
	require.Empty(t, log.claims(t, "chat", 10), "it was told")

	log.plans(t, &other, incident.WasResolved, "mail")
	conclude(other.Number, other.Notices)
	require.Equal(t, other.Number, log.claimsOne(t, "chat").Delivery.Incident)
	require.Equal(t, delivery.Delivered, log.finds(t, again.Delivery.ID).Status)
}

func retries(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	retry := func(id delivery.ID) error {
		return log.Work(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.Retry(ctx, id, tx.Now().Add(2*time.Hour)) })
	}
	err := retry(d.ID)
	requireCode(t, alerting.CodeConflict, err)
	require.ErrorContains(t, err, "is waiting")
	c := log.claimsOne(t, "chat")
	require.ErrorContains(t, retry(d.ID), "is sending")
	log.fails(t, c)
	db.Advance(t, 90*time.Minute)
	require.NoError(t, retry(d.ID))
	kept := log.finds(t, d.ID)
	require.Equal(t, []any{delivery.Waiting, 1, true}, []any{kept.Status, kept.Attempts, kept.FinishedAt.IsZero()})
	c = log.claimsOne(t, "chat")
	require.Equal(t, 1, c.Delivery.Attempts)
	log.delivers(t, c)
	require.ErrorContains(t, retry(d.ID), "is delivered")
	require.Equal(t, 2, log.finds(t, d.ID).Attempts)
	err = retry(delivery.NewID())
	requireCode(t, alerting.CodeNotFound, err)
}

func hurries(t *testing.T, db Database) {
	log := db.Start(t)
	one, two := log.opens(t, "alert a"), log.opens(t, "alert b")
	log.plans(t, &one, incident.Opened, "chat")
	log.plans(t, &two, incident.Opened, "chat")
	log.plans(t, &one, incident.Opened, "mail")
	for _, c := range append(log.claims(t, "chat", 2), log.claimsOne(t, "mail")) {
		log.triesLater(t, c, 30*time.Minute)
	}
	probe, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
	require.Len(t, probe, 1)
	log.work(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Hurry(ctx, "chat")) })
	require.Greater(t, log.finds(t, probe[0].Delivery.ID).DueAt.Sub(probe[0].Delivery.CreatedAt), 25*time.Minute, "what is being sent is another's")
	require.Len(t, log.claims(t, "chat", 10), 1)
	require.Empty(t, log.claims(t, "mail", 10))
}

func keepsRecords(t *testing.T, db Database) {
	log := db.Start(t)
	records := func() map[string]delivery.Record {
		found, err := log.ChannelRecords(t.Context())
		require.NoError(t, err)
		return found
	}
	var at time.Time
	note := func(name string, r channel.Result) {
		log.work(t, func(ctx context.Context, tx *store.Tx) {
			at = tx.Now()
			require.NoError(t, tx.Note(ctx, name, r))
		})
	}
	require.Empty(t, records())
	note("chat", channel.Result{Outcome: channel.Delivered})
	succeeded := at
	want := delivery.Record{Successes: 1, LastSuccess: succeeded}
	require.Equal(t, map[string]delivery.Record{"chat": want}, records())
	note("chat", channel.Result{Outcome: channel.Transient, Error: "503"})
	note("chat", channel.Result{Outcome: channel.Permanent, Error: "403"})
	failed := at
	want = delivery.Record{Successes: 1, Failures: 2, Consecutive: 2, LastError: "403", LastFailure: failed, LastSuccess: succeeded}
	require.Equal(t, want, records()["chat"])
	note("chat", channel.Result{Outcome: channel.Delivered})
	want.Successes, want.Consecutive, want.LastSuccess = 2, 0, at
	require.Equal(t, want, records()["chat"])
	note("mail", channel.Result{Outcome: channel.Transient, Error: "451"})
	require.Equal(t, map[string]delivery.Record{"chat": want, "mail": {Failures: 1, Consecutive: 1, LastError: "451", LastFailure: at}}, records())
}

func reports(t *testing.T, db Database) {
	log := db.Start(t)
	one, two := log.opens(t, "alert a"), log.opens(t, "alert b")
	first := log.plans(t, &one, incident.Opened, "chat")
	second := log.plans(t, &two, incident.Opened, "chat")
	log.plans(t, &two, incident.Opened, "mail")
	for _, c := range log.claims(t, "chat", 2) {
		log.fails(t, c)
	}
	unreported := func(limit int) []store.Unreported {
		found, err := log.Unreported(t.Context(), limit)
		require.NoError(t, err)
		return found
	}
	report := func(d delivery.Delivery) {
		log.work(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Reported(ctx, d)) })
	}
	found := unreported(10)
	require.Len(t, found, 2)
	require.Equal(t, []delivery.ID{first.ID, second.ID}, []delivery.ID{found[0].Delivery.ID, found[1].Delivery.ID})
	require.Equal(t, one, found[0].Incident)
	require.Equal(t, two.ID, found[1].Incident.ID)
	require.Len(t, unreported(1), 1)
	report(found[0].Delivery)
	require.Len(t, unreported(10), 1)

	// The second one is tried again before it is reported, and fails again.
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		require.NoError(t, tx.Retry(ctx, second.ID, tx.Now().Add(time.Hour)))
	})
	require.Empty(t, unreported(10))
	log.fails(t, log.claimsOne(t, "chat"))
	report(found[1].Delivery)
	again := unreported(10)
	require.Len(t, again, 1, "the report was about the first time")
	report(again[0].Delivery)
	require.Empty(t, unreported(10))
}
