package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

var claimCases = []testCase{
	{"what waits is claimed with all that sending it takes, the longest due first", claimsWhatWaits},
	{"of each incident the first message of a channel goes out first", claimsInOrder},
	{"what is not due is claimed early only", claimsWhatIsDue},
	{"others wait if there were too many, or if they come later", claimsAndSaysWhatIsLeft},
	{"a claim that is over is another's", claimsWhatWasLost},
	{"what an earlier process has left behind is sent at once where there can be no other", forgetsClaims},
	{"whoever comes back late records nothing", recordsNothingLate},
	{"what is given back is sent at once, unless it is another's", releases},
	{"no message is due before one that it stands behind", standsInLine},
	{"a message that comes after one that is over does not wait", movesUp},
	{"replicas never send the same, and each channel's messages in order", sharesTheWork},
}

func claimsWhatWaits(t *testing.T, db Database) {
	log := db.Start(t)
	var want []delivery.ID
	for n := range 3 {
		i := log.opens(t, fmt.Sprintf("alert %c", 'a'+n))
		want = append(want, log.plans(t, &i, incident.Opened, "chat").ID)
		log.plans(t, &i, incident.Opened, "mail")
		db.Advance(t, time.Second)
	}
	claim := store.Claim{ID: delivery.NewID(), For: time.Minute}
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		claimed, _, err := tx.Claim(ctx, store.Which{Channel: "chat", Most: 10}, claim)
		require.NoError(t, err)
		require.Equal(t, want, idsOf(claimed))
		for n, c := range claimed {
			require.Equal(t, claim.ID, c.Claim)
			require.Equal(t, []any{"chat", incident.Number(n + 1), 1, incident.Opened, delivery.Waiting, 0},
				[]any{c.Delivery.Channel, c.Delivery.Incident, c.Delivery.Notice, c.Delivery.Reason, c.Delivery.Status, c.Delivery.Attempts})
			require.Equal(t, []any{1, incident.Opened, incident.Number(n + 1), fmt.Sprintf("alert %c", 'a'+n)},
				[]any{c.Notice.Number, c.Notice.Reason, c.Notice.Incident.Number, c.Notice.Incident.Message})
		}
	})
	require.Empty(t, log.claims(t, "chat", 10))
	require.Len(t, log.claims(t, "mail", 10), 3)
	require.Equal(t, delivery.Sending, log.finds(t, want[0]).Status)
}

func claimsInOrder(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	first := log.plans(t, &i, incident.Opened, "chat")
	second := log.plans(t, &i, incident.SeverityRaised, "chat")
	elsewhere := log.plans(t, &i, incident.WasResolved, "mail")
	another := log.plans(t, &other, incident.Opened, "chat")

	claimed := log.claims(t, "chat", 10)
	require.Equal(t, []delivery.ID{first.ID, another.ID}, idsOf(claimed))
	require.Equal(t, elsewhere.ID, log.claimsOne(t, "mail").Delivery.ID)
	require.Empty(t, log.claims(t, "chat", 10), "the first one is being sent")
	log.triesLater(t, claimed[0], time.Minute)
	require.Empty(t, log.claims(t, "chat", 10), "it waits for its next attempt")
	db.Advance(t, 90*time.Second)
	log.delivers(t, claimed[1])
	c := log.claimsOne(t, "chat")
	require.Equal(t, first.ID, c.Delivery.ID)
	log.fails(t, c)
	require.Equal(t, second.ID, log.claimsOne(t, "chat").Delivery.ID, "it does not wait for what has failed")
}

func claimsWhatIsDue(t *testing.T, db Database) {
	log := db.Start(t)
	one, two := log.opens(t, "alert a"), log.opens(t, "alert b")
	log.plans(t, &one, incident.Opened, "chat")
	log.plans(t, &two, incident.Opened, "chat")
	claimed := log.claims(t, "chat", 2)
	log.triesLater(t, claimed[0], 10*time.Minute)
	log.triesLater(t, claimed[1], 5*time.Minute)
	require.Empty(t, log.claims(t, "chat", 10))
	early, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
	require.Equal(t, []delivery.ID{claimed[1].Delivery.ID}, idsOf(early))
	require.Equal(t, 1, early[0].Delivery.Attempts)
	db.Advance(t, 11*time.Minute)
	for _, c := range log.claims(t, "chat", 10) {
		log.triesLater(t, c, 49*time.Minute) // when they are to be given up
	}
	db.Advance(t, time.Hour)
	late, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 10, Early: true})
	require.Empty(t, late, "these are given up")
}

func claimsAndSaysWhatIsLeft(t *testing.T, db Database) {
	log := db.Start(t)
	chat := store.Which{Channel: "chat", Most: 2}
	claimed, next := log.claimsWhich(t, chat)
	require.Empty(t, claimed)
	require.Negative(t, next)
	for n := range 3 {
		i := log.opens(t, fmt.Sprintf("alert %c", 'a'+n))
		log.plans(t, &i, incident.Opened, "chat")
		if n == 2 {
			log.plans(t, &i, incident.WasResolved, "chat")
		}
	}
	first, next := log.claimsWhich(t, chat)
	require.Len(t, first, 2)
	require.Zero(t, next)
	claimed, next = log.claimsWhich(t, chat)
	require.Len(t, claimed, 1)
	require.Zero(t, next, "one comes after that")
	log.delivers(t, claimed[0])
	claimed, next = log.claimsWhich(t, chat)
	require.Len(t, claimed, 1)
	require.Negative(t, next)
	for _, c := range append(first, claimed...) {
		log.triesLater(t, c, 10*time.Minute)
	}
	db.Advance(t, time.Minute)
	claimed, next = log.claimsWhich(t, chat)
	require.Empty(t, claimed)
	require.InDelta(t, 9*time.Minute, next, float64(30*time.Second))
}

func claimsWhatWasLost(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	first := log.claimsOne(t, "chat")
	db.Advance(t, 59*time.Second)
	require.Empty(t, log.claims(t, "chat", 10))
	require.Equal(t, delivery.Sending, log.finds(t, d.ID).Status)
	db.Advance(t, 2*time.Second)
	require.Equal(t, delivery.Waiting, log.finds(t, d.ID).Status)
	second := log.claimsOne(t, "chat")
	require.Equal(t, first.Delivery.ID, second.Delivery.ID, "the key of the message stays")
	require.NotEqual(t, first.Claim, second.Claim)

	// One that is planned with a claim is the planner's until that is over.
	next := log.opens(t, "alert b")
	planned := store.Claim{ID: delivery.NewID(), For: time.Minute}
	ready := delivery.Delivery{ID: delivery.NewID(), Incident: next.Number, Notice: 1, Reason: incident.Opened, Channel: "mail"}
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		ready.GiveUpAt = tx.Now().Add(time.Hour)
		added, err := tx.AddDelivery(ctx, ready, planned)
		require.NoError(t, err)
		require.True(t, added)
	})
	require.Empty(t, log.claims(t, "mail", 10))
	db.Advance(t, 61*time.Second)
	log.claimsOne(t, "mail")
	require.False(t, log.finishes(t, store.Claimed{Delivery: ready, Claim: planned.ID}, channel.Delivered, delivery.Delivered, 0))
}

func forgetsClaims(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	log.plans(t, &i, incident.Opened, "chat")
	left := log.claimsOne(t, "chat")
	require.NoError(t, log.ForgetClaims(t.Context()))
	if db.Config.Driver == store.Postgres { // it may be another replica's
		require.Empty(t, log.claims(t, "chat", 10))
		log.delivers(t, left)
		return
	}
	log.delivers(t, log.claimsOne(t, "chat"))
	require.False(t, log.finishes(t, left, channel.Delivered, delivery.Delivered, 0))
}

func recordsNothingLate(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	d := log.plans(t, &i, incident.Opened, "chat")
	late := log.claimsOne(t, "chat")
	db.Advance(t, 2*time.Minute)
	again := log.claimsOne(t, "chat")
	require.False(t, log.finishes(t, late, channel.Permanent, delivery.Failed, 0))
	kept, attempts, err := log.Delivery(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, []any{delivery.Sending, 0, ""}, []any{kept.Status, kept.Attempts, kept.Error})
	require.Empty(t, attempts)
	log.delivers(t, again)
	for _, c := range []store.Claimed{late, again} {
		require.False(t, log.finishes(t, c, channel.Permanent, delivery.Failed, 0), "it has come to its end")
	}
	kept, attempts, err = log.Delivery(t.Context(), d.ID)
	require.NoError(t, err)
	require.Equal(t, delivery.Delivered, kept.Status)
	require.Len(t, attempts, 1)
}

func releases(t *testing.T, db Database) {
	log := db.Start(t)
	i := log.opens(t, "alert")
	log.plans(t, &i, incident.Opened, "chat")
	log.triesLater(t, log.claimsOne(t, "chat"), 10*time.Minute)
	release := func(c store.Claimed) {
		log.work(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Release(ctx, c)) })
	}
	early, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
	require.Len(t, early, 1)
	release(early[0])
	c := log.claimsOne(t, "chat")
	require.Equal(t, 1, c.Delivery.Attempts, "it was no attempt")
	release(early[0])
	require.Empty(t, log.claims(t, "chat", 10), "it is another's")
	log.delivers(t, c)
	release(c)
	require.Equal(t, delivery.Delivered, log.finds(t, c.Delivery.ID).Status)
}

func standsInLine(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	first := log.plans(t, &i, incident.Opened, "chat")
	before := log.plans(t, &i, incident.SeverityRaised, "chat")
	log.plans(t, &other, incident.Opened, "chat")
	log.plans(t, &i, incident.Opened, "mail")
	claimed := log.claims(t, "chat", 10)
	require.Equal(t, first.ID, claimed[0].Delivery.ID)
	log.triesLater(t, claimed[0], 10*time.Minute)
	log.delivers(t, claimed[1])
	after := log.plans(t, &i, incident.WasResolved, "chat")
	due := log.finds(t, first.ID).DueAt
	require.Equal(t, due, log.finds(t, before.ID).DueAt)
	require.Equal(t, due, log.finds(t, after.ID).DueAt)
	db.Advance(t, time.Minute)
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM deliveries WHERE status = 1 AND due <= `+nowOf(db)), "that of the other channel")
	db.Advance(t, 10*time.Minute)
	require.Equal(t, []delivery.ID{first.ID}, idsOf(log.claims(t, "chat", 1)), "of those that are due at the same time, the first planned")
}

// nowOf is the database's clock.
func nowOf(db Database) string {
	if db.Config.Driver == store.SQLite {
		return `CAST(unixepoch('subsec') * 1000000 AS INTEGER)`
	}
	return `alertd_now()`
}

func movesUp(t *testing.T, db Database) {
	for name, end := range map[string]func(log *Log, i *incident.Incident, first delivery.Delivery){
		"delivered": func(log *Log, _ *incident.Incident, _ delivery.Delivery) {
			claimed, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
			log.delivers(t, claimed[0])
		},
		"failed": func(log *Log, _ *incident.Incident, _ delivery.Delivery) {
			claimed, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
			log.fails(t, claimed[0])
		},
		"given up": func(log *Log, _ *incident.Incident, first delivery.Delivery) {
			log.work(t, func(ctx context.Context, tx *store.Tx) {
				ended, err := tx.End(ctx, first, delivery.Failed, "given up")
				require.NoError(t, err)
				require.True(t, ended)
			})
		},
		"superseded": func(log *Log, i *incident.Incident, _ delivery.Delivery) {
			ended, _ := log.supersedes(t, log.plans(t, i, incident.SeverityRaised, "chat"))
			require.Len(t, ended, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			log := db.Start(t)
			defer log.Stop()
			i := log.opens(t, "alert "+name)
			first := log.plans(t, &i, incident.SeverityRaised, "chat")
			second := log.plans(t, &i, incident.WasAcknowledged, "chat")
			third := log.plans(t, &i, incident.WasResolved, "chat")
			log.triesLater(t, log.claimsOne(t, "chat"), 10*time.Minute)
			require.Empty(t, log.claims(t, "chat", 10))
			end(log, &i, first)
			c := log.claimsOne(t, "chat")
			require.Equal(t, second.ID, c.Delivery.ID)

			// What waits for its own next attempt goes on doing so.
			log.triesLater(t, c, 10*time.Minute)
			log.work(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.Release(ctx, c)) })
			require.Empty(t, log.claims(t, "chat", 10))
			early, _ := log.claimsWhich(t, store.Which{Channel: "chat", Most: 1, Early: true})
			require.Equal(t, []delivery.ID{second.ID}, idsOf(early))
			log.delivers(t, early[0])
			require.Equal(t, third.ID, log.claimsOne(t, "chat").Delivery.ID)
			db.Exec(t, `UPDATE deliveries SET status = 3`)
		})
	}
}

// sharesTheWork has two replicas claim all the time, and send each message at once.
func sharesTheWork(t *testing.T, db Database) {
	const incidents, claimers = 40, 4
	logs := replicas(t, db)
	for n := range incidents {
		i := logs[0].opens(t, fmt.Sprintf("alert %c%c", 'a'+n%26, 'a'+n/26))
		for _, reason := range []incident.Reason{incident.Opened, incident.SeverityRaised, incident.WasResolved} {
			logs[0].plans(t, &i, reason, "chat")
		}
	}
	var mu sync.Mutex
	sent := map[delivery.ID]int{}
	told := map[incident.Number]int{} // the last notice, by the incident
	sends := func(c store.Claimed) error {
		mu.Lock()
		defer mu.Unlock()
		if sent[c.Delivery.ID]++; sent[c.Delivery.ID] > 1 {
			return fmt.Errorf("delivery %d was sent again", c.Delivery.Number)
		}
		if last := told[c.Delivery.Incident]; c.Delivery.Notice <= last {
			return fmt.Errorf("notice %d of incident %d after %d", c.Delivery.Notice, c.Delivery.Incident, last)
		}
		told[c.Delivery.Incident] = c.Delivery.Notice
		return nil
	}
	all := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(sent) == 3*incidents
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	for n := range claimers {
		group.Go(func() error {
			for !all() {
				var claimed []store.Claimed
				err := logs[n%2].Work(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
					claimed, _, err = tx.Claim(ctx, store.Which{Channel: "chat", Most: 3}, store.Claim{ID: delivery.NewID(), For: time.Minute})
					return err
				})
				if err != nil {
					return err
				}
				for _, c := range claimed {
					if err := sends(c); err != nil {
						return err
					}
				}
				err = logs[n%2].Work(ctx, func(ctx context.Context, tx *store.Tx) error {
					for _, c := range claimed {
						done := delivery.Step{Status: delivery.Delivered, DueAt: tx.Now()}
						held, err := tx.Finish(ctx, c, delivery.Attempt{At: tx.Now(), Outcome: channel.Delivered}, done, "")
						if err != nil || !held {
							return fmt.Errorf("delivery %d is not the claimer's: %w", c.Delivery.Number, err)
						}
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, int64(3*incidents), db.Number(t, `SELECT count(*) FROM deliveries WHERE status = 3 AND attempts = 1`))
}
