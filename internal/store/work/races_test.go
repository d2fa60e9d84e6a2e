package work_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// What is here has transactions meet. On SQLite, which has one at a time, none does.

// meets runs first, and second once first has done everything but to commit. If second
// waits for that, first commits then, else after second.
func (b *bench) meets(first, second func() error, hold *hold) {
	b.tb.Helper()
	var group errgroup.Group
	group.Go(first)
	<-hold.done
	ended := make(chan error, 1)
	go func() { ended <- second() }()
	var err error
	for waiting := true; waiting; {
		select {
		case err = <-ended:
			waiting = false
		case <-time.After(5 * time.Millisecond):
			if b.db.Number(b.tb, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0 {
				close(hold.commit)
				err, waiting = <-ended, false
			}
		}
	}
	hold.release()
	require.NoError(b.tb, group.Wait())
	require.NoError(b.tb, err)
}

// hold keeps a transaction from its commit.
type hold struct{ done, commit chan struct{} }

func newHold() *hold { return &hold{make(chan struct{}), make(chan struct{})} }

func (h *hold) wait() {
	close(h.done)
	<-h.commit
}

func (h *hold) release() {
	select {
	case <-h.commit:
	default:
		close(h.commit)
	}
}

// race has two transactions meet, in either order. Each does its part, and calls what it
// is given at its end.
type race struct {
	b *bench
	// turn does something that takes the engine's turn, work something that does not.
	turn, work func(ctx context.Context, tx *work.Tx) error
}

func (r race) run(turnFirst bool) {
	hold := newHold()
	held := func(f func(ctx context.Context, tx *work.Tx) error) func(ctx context.Context, tx *work.Tx) error {
		return func(ctx context.Context, tx *work.Tx) error {
			defer hold.wait()
			return f(ctx, tx)
		}
	}
	inTurn := func(f func(ctx context.Context, tx *work.Tx) error) func() error {
		return func() error { return r.b.InTurn(r.b.tb.Context(), f) }
	}
	transact := func(f func(ctx context.Context, tx *work.Tx) error) func() error {
		return func() error { return r.b.Transact(r.b.tb.Context(), f) }
	}
	if turnFirst {
		r.b.meets(inTurn(held(r.turn)), transact(r.work), hold)
	} else {
		r.b.meets(transact(held(r.work)), inTurn(r.turn), hold)
	}
}

// inEitherOrder runs a test on PostgreSQL with what takes the turn first, and last.
func inEitherOrder(t *testing.T, test func(t *testing.T, b *bench, turnFirst bool)) {
	t.Helper()
	t.Parallel()
	for name, turnFirst := range map[string]bool{"turn first": true, "turn last": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, storetest.PostgreSQL(t)), turnFirst)
		})
	}
}

func TestARetryAndAClaimKeepTheOrder(t *testing.T) {
	inEitherOrder(t, func(t *testing.T, b *bench, turnFirst bool) {
		i := b.opens("alert")
		first := b.plans(&i, incident.Opened, "chat")
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
		second := b.plans(&i, incident.SeverityRaised, "chat")
		var claimed []work.Claimable
		var refusal error
		race{
			b,
			func(ctx context.Context, tx *work.Tx) error {
				refusal = retry(ctx, tx, first.ID)
				return nil
			},
			func(ctx context.Context, tx *work.Tx) (err error) {
				claimed, err = claim(ctx, tx, "chat", 10)
				return err
			},
		}.run(turnFirst)
		if turnFirst {
			require.NoError(t, refusal)
			require.Empty(t, claimed, "the second waits for the first")
			require.Equal(t, first.ID, b.claimsOne("chat").Delivery.ID)
			return
		}
		require.Equal(t, []delivery.ID{second.ID}, idsOf(claimed))
		requireCode(t, alerting.CodeConflict, refusal)
		require.Equal(t, delivery.Failed, b.finds(first.ID).Status)
	})
}

func TestAnOvertakenMessageIsNotClaimed(t *testing.T) {
	inEitherOrder(t, func(t *testing.T, b *bench, turnFirst bool) {
		i := b.opens("alert")
		b.plans(&i, incident.Opened, "chat")
		require.True(t, b.finishes(b.claimsOne("chat").Delivery, delivered))
		update := b.plans(&i, incident.Updated, "chat")
		var claimed []work.Claimable
		var raised *delivery.Delivery
		race{
			b,
			func(ctx context.Context, tx *work.Tx) error {
				raised = planIn(ctx, t, tx, &i, incident.SeverityRaised, policyOf("chat"))
				return nil
			},
			func(ctx context.Context, tx *work.Tx) (err error) {
				claimed, err = claim(ctx, tx, "chat", 10)
				return err
			},
		}.run(turnFirst)
		if turnFirst {
			require.Empty(t, claimed)
			require.Equal(t, delivery.Superseded, b.finds(update.ID).Status)
			require.Equal(t, raised.ID, b.claimsOne("chat").Delivery.ID)
			return
		}
		require.Equal(t, []delivery.ID{update.ID}, idsOf(claimed))
		require.Empty(t, b.claims("chat", 10), "it waits for what is being sent")
		require.True(t, b.finishes(claimed[0].Delivery, delivered))
		require.Equal(t, raised.ID, b.claimsOne("chat").Delivery.ID)
	})
}

func TestWhatIsPlannedBehindAnAttemptGetsItsTurn(t *testing.T) {
	inEitherOrder(t, func(t *testing.T, b *bench, turnFirst bool) {
		i := b.opens("alert")
		b.plans(&i, incident.Opened, "chat")
		sending := b.claimsOne("chat")
		var next *delivery.Delivery
		race{
			b,
			func(ctx context.Context, tx *work.Tx) error {
				next = planIn(ctx, t, tx, &i, incident.WasResolved, policyOf("chat"))
				return nil
			},
			func(ctx context.Context, tx *work.Tx) error {
				held, err := finish(ctx, tx, sending.Delivery, delivered)
				require.True(t, held)
				return err
			},
		}.run(turnFirst)
		require.Equal(t, next.ID, b.claimsOne("chat").Delivery.ID)
	})
}

func TestNobodyClaimsWhatAnotherHas(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.PostgreSQL(t))
	for n := range 4 {
		i := b.opens(fmt.Sprintf("alert %d", n))
		b.plans(&i, incident.Opened, "chat")
	}
	other := b.replica()
	b.transact(func(ctx context.Context, tx *work.Tx) {
		first, err := claim(ctx, tx, "chat", 2)
		require.NoError(t, err)
		second := other.claims("chat", 10) //nolint:contextcheck // another replica's; it does not wait
		require.Equal(t, []incident.Number{1, 2}, incidentsOf(first))
		require.Equal(t, []incident.Number{3, 4}, incidentsOf(second))
	})
	require.Empty(t, other.claims("chat", 10))
}

// TestClaimsGoOnWhileTurnsAreWaitedFor has another replica keep the turn.
func TestClaimsGoOnWhileTurnsAreWaitedFor(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.PostgreSQL(t))
	i, other := b.opens("alert a"), b.opens("alert b")
	b.plans(&i, incident.Opened, "chat")
	b.plans(&other, incident.Opened, "chat")
	hold, replica := newHold(), b.replica()
	var group errgroup.Group
	group.Go(func() error {
		return replica.InTurn(t.Context(), func(context.Context, *work.Tx) error {
			hold.wait()
			return nil
		})
	})
	<-hold.done
	for range 3 { // a fold, an acknowledgement, and timers
		group.Go(func() error {
			return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.Stories(ctx, []incident.Number{1, 2})
				return err
			})
		})
	}
	for range 20 {
		for _, c := range b.claims("chat", 1) {
			b.transact(func(ctx context.Context, tx *work.Tx) {
				held, err := finish(ctx, tx, c.Delivery, delivered)
				require.NoError(t, err)
				require.True(t, held)
			})
		}
	}
	require.Equal(t, int64(2), b.db.Number(t, `SELECT count(*) FROM deliveries WHERE status = 3`))
	hold.release()
	require.NoError(t, group.Wait())
}

// TestReplicasSendEachMessageOnceAndInOrder has replicas claim all the time, and send each
// message at once.
func TestReplicasSendEachMessageOnceAndInOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents, claimers = 15, 4
		both := []*bench{b, b.replica()}
		for n := range incidents {
			i := b.opens(fmt.Sprintf("alert %d", n))
			for _, reason := range []incident.Reason{incident.Opened, incident.WasResolved} {
				b.plans(&i, reason, "chat")
			}
		}
		var mu sync.Mutex
		sent, told := map[delivery.ID]bool{}, map[incident.Number]int{} // the last notice
		send := func(d delivery.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if sent[d.ID] || told[d.Incident] >= d.Notice {
				return fmt.Errorf("delivery %d of notice %d after notice %d", d.Number, d.Notice, told[d.Incident])
			}
			sent[d.ID], told[d.Incident] = true, d.Notice
			return nil
		}
		all := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(sent) == 2*incidents
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		group, ctx := errgroup.WithContext(ctx)
		for n := range claimers {
			group.Go(func() error {
				for !all() {
					var claimed []work.Claimable
					err := both[n%2].Transact(ctx, func(ctx context.Context, tx *work.Tx) (err error) {
						claimed, err = claim(ctx, tx, "chat", 3)
						return err
					})
					if err != nil {
						return err
					}
					for _, c := range claimed {
						if err := send(c.Delivery); err != nil {
							return err
						}
						err := both[n%2].Transact(ctx, func(ctx context.Context, tx *work.Tx) error {
							held, err := finish(ctx, tx, c.Delivery, delivered)
							if !held && err == nil {
								err = errors.New("the claim is another's")
							}
							return err
						})
						if err != nil {
							return err
						}
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		require.Equal(t, int64(2*incidents), b.db.Number(t, `SELECT count(*) FROM deliveries WHERE status = 3 AND attempts = 1`))
	})
}

// TestAStormLeavesEveryLineInOrder has everything that the engine does happen at once on a few
// incidents, on two replicas.
func TestAStormLeavesEveryLineInOrder(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	const deadlocks = `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`
	before := db.Number(t, deadlocks) // another test may have had the database
	b := start(t, db)
	other := b.replica()
	const incidents, each = 4, 12
	for n := range incidents {
		b.opens(fmt.Sprintf("alert %d", n))
	}
	names := []string{"chat", "mail"}
	var folding atomic.Int32 // how many still fold: the others go on as long
	folding.Store(2)
	var group errgroup.Group
	for n := range 8 {
		one := []*bench{b, other}[n%2]
		random := rand.New(rand.NewPCG(uint64(n), 0))
		group.Go(func() error {
			if n < 2 {
				defer folding.Add(-1)
			}
			for round := 0; n < 2 && round < each || n >= 2 && folding.Load() > 0; round++ {
				name := names[random.IntN(2)]
				var err error
				switch n {
				case 0, 1: // folds
					err = one.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return foldSome(ctx, tx, random, names) })
				case 2, 3, 4: // claims, and records
					err = sendSome(t.Context(), one, random, name)
				case 5: // the timers' loop
					err = one.InTurn(t.Context(), wake)
				case 6: // a channel that recovers
					err = one.Transact(t.Context(), func(ctx context.Context, tx *work.Tx) error {
						err := tx.Save(ctx, work.Changes{Recovered: []string{name}, Outcomes: []work.Outcome{{Channel: "mail", Result: delivered}, {Channel: "chat", Result: delivered}}})
						return errors.Join(err, tx.SaveChannels(ctx, []delivery.Policy{policyOf("mail"), policyOf("chat")}))
					})
				case 7: // somebody who has something retried
					var page delivery.Page
					page, err = one.Deliveries(t.Context(), delivery.Query{Statuses: []delivery.Status{delivery.Failed}, Limit: 5})
					for _, d := range page.Deliveries {
						_ = one.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return retry(ctx, tx, d.ID) }) // or it is too late for that
					}
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for range 3 {
		b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(t, wake(ctx, tx)) })
	}
	requireInLine(t, db)
	b.log.Stop() // its connections say what they have met
	other.log.Stop()
	// A single one was seen in a few storms on a busy machine; it is tried again.
	require.LessOrEqual(t, db.Number(t, deadlocks)-before, int64(1))
}

// foldSome plans messages about incidents that are told of.
func foldSome(ctx context.Context, tx *work.Tx, random *rand.Rand, names []string) error {
	numbers := []incident.Number{1 + incident.Number(random.IntN(4)), 1 + incident.Number(random.IntN(4))}
	stories, err := tx.Stories(ctx, numbers)
	if err != nil {
		return err
	}
	found, err := tx.Incidents(ctx, numbers)
	if err != nil {
		return err
	}
	var c work.Changes
	reasons := []incident.Reason{incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved}
	for _, i := range found {
		i.Notices++
		n := incident.Notice{Number: i.Notices, Reason: reasons[random.IntN(4)], At: tx.Now(), Incident: i}
		c.Incidents, c.Notices = append(c.Incidents, i), append(c.Notices, n)
		for _, name := range names {
			if d, _ := stories[i.Number].Plan(n, policyOf(name), "", tx.Mint, tx.Now()); d != nil && d.Ready && random.IntN(2) == 0 {
				stories[i.Number].Claim(d, delivery.NewID(), tx.Now()) // the claim ends at once
			}
		}
		c.Deliveries = append(c.Deliveries, stories[i.Number].Changed()...)
	}
	return tx.Save(ctx, c)
}

// sendSome claims messages, and records what became of them: what is given up in turn.
func sendSome(ctx context.Context, b *bench, random *rand.Rand, name string) error {
	var claimed []work.Claimable
	err := b.Transact(ctx, func(ctx context.Context, tx *work.Tx) (err error) {
		claimed, err = claim(ctx, tx, name, 3)
		return err
	})
	if err != nil || len(claimed) == 0 {
		return err
	}
	run, result := b.Transact, []channel.Result{delivered, failedNow, refused}[random.IntN(3)]
	if result.Outcome == refused.Outcome {
		run = b.InTurn
	}
	return run(ctx, func(ctx context.Context, tx *work.Tx) error { // all of them at once
		stories, err := tx.Stories(ctx, incidentsOf(claimed))
		if err != nil {
			return err
		}
		c := work.Changes{Outcomes: []work.Outcome{{Channel: name, Result: result}}}
		for _, one := range claimed {
			story := stories[one.Delivery.Incident]
			d := story.Find(one.Delivery.Number)
			if d.Status != delivery.Sending || d.Claim != one.Delivery.Claim {
				continue
			}
			if _, giveUp := story.Finish(d, result, policyOf(name).Retry, 0, tx.Now()); giveUp != "" {
				story.GiveUp(d, giveUp, nil, tx.Mint, tx.Now())
			}
		}
		for _, story := range stories {
			c.Deliveries = append(c.Deliveries, story.Changed()...)
		}
		return tx.Save(ctx, c)
	})
}

// requireInLine makes sure that of each line one message at most can be sent, and does not
// wait for nothing.
func requireInLine(tb testing.TB, db storetest.Database) {
	tb.Helper()
	now := time.Now().UnixMicro()
	for what, query := range map[string]string{
		"open ones without a timer, and others with one": `SELECT count(*) FROM deliveries d LEFT JOIN timers t ON t.kind = 2 AND t.subject = d.number
			WHERE (d.status IN (1, 2)) <> (t.subject IS NOT NULL)`,
		"timers of nothing": `SELECT count(*) FROM timers t LEFT JOIN deliveries d ON d.number = t.subject WHERE t.kind = 2 AND d.number IS NULL`,
		"lines with more than one that is ready or being sent": `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE ready = 1 OR status = 2
			GROUP BY incident, channel, target HAVING count(*) > 1) AS lines`,
		"ready ones that do not wait": `SELECT count(*) FROM deliveries WHERE ready = 1 AND status <> 1`,
		"ready ones that are not the first": `SELECT count(*) FROM deliveries d JOIN deliveries f ON f.incident = d.incident AND f.channel = d.channel AND f.target = d.target
			AND f.notice < d.notice AND f.status IN (1, 2) WHERE d.ready = 1`,
		"first ones that are due and not ready": fmt.Sprintf(`SELECT count(*) FROM deliveries d JOIN timers t ON t.kind = 2 AND t.subject = d.number
			WHERE d.status = 1 AND d.ready = 0 AND d.due <= %d AND t.due > %d AND NOT EXISTS (SELECT 1 FROM deliveries f WHERE f.incident = d.incident
			AND f.channel = d.channel AND f.target = d.target AND f.notice < d.notice AND f.status IN (1, 2))`, now, now),
	} {
		require.Zero(tb, db.Number(tb, query), what)
	}
}

// TestWhatADeadlockHasUndoneIsTriedAgain has somebody else take two rows in the other
// order, and wait for good: it is the store that the server gives up.
func TestWhatADeadlockHasUndoneIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.PostgreSQL(t))
	add := func(ctx context.Context, tx *work.Tx, name string) error {
		return tx.Save(ctx, work.Changes{Outcomes: []work.Outcome{{Channel: name, Result: delivered}}})
	}
	b.transact(func(ctx context.Context, tx *work.Tx) {
		require.NoError(t, errors.Join(add(ctx, tx, "one"), add(ctx, tx, "two")))
	})
	other, err := b.db.SQL.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	takes := func(name string) error {
		_, err := other.ExecContext(t.Context(), `UPDATE channel_records SET successes = 100 WHERE channel = $1`, name)
		return err
	}
	_, err = other.ExecContext(t.Context(), `SET deadlock_timeout = '1h'`)
	require.NoError(t, err)
	require.NoError(t, takes("two"))
	waited, attempts := make(chan error, 1), 0
	require.NoError(t, b.Transact(t.Context(), func(ctx context.Context, tx *work.Tx) error {
		if attempts++; attempts == 2 {
			// PostgreSQL gives a row that is free again to who asks first, which need not be
			// who has waited for it: without this the two may meet in another deadlock.
			if err := <-waited; err != nil {
				return err
			}
		}
		if err := add(ctx, tx, "one"); err != nil {
			return err
		}
		if attempts == 1 {
			go func() {
				err := takes("one")
				if err == nil {
					err = other.Commit()
				}
				waited <- err
			}()
		}
		return add(ctx, tx, "two")
	}))
	require.Equal(t, 2, attempts)
	records, err := b.ChannelRecords(t.Context())
	require.NoError(t, err)
	require.Equal(t, []uint64{101, 101}, []uint64{records["one"].Successes, records["two"].Successes})
}

// TestWithoutADatabaseItSaysUnavailable asks when there is no time left for an answer, and
// while somebody else has the database.
func TestWithoutADatabaseItSaysUnavailable(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		b := start(t, db, func(c *store.Config) { c.Timeout = 400 * time.Millisecond })
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		nothing := func(context.Context, *work.Tx) error { return nil }
		for name, ask := range map[string]func(ctx context.Context) error{
			"transact":   func(ctx context.Context) error { return b.Transact(ctx, nothing) },
			"in turn":    func(ctx context.Context) error { return b.InTurn(ctx, nothing) },
			"cursor":     func(ctx context.Context) error { _, err := b.Cursor(ctx); return err },
			"incidents":  func(ctx context.Context) error { _, err := b.Incidents(ctx, incident.Query{Limit: 1}); return err },
			"timer":      func(ctx context.Context) error { _, _, err := b.NextTimer(ctx, true); return err },
			"deliveries": func(ctx context.Context) error { _, err := b.Deliveries(ctx, delivery.Query{Limit: 1}); return err },
			"backlog":    func(ctx context.Context) error { _, err := b.Backlog(ctx); return err },
		} {
			t.Run(name, func(t *testing.T) { requireCode(t, alerting.CodeUnavailable, ask(ctx)) })
		}
		held, err := db.SQL.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, held.Rollback()) }()
		_, err = held.ExecContext(t.Context(), `UPDATE engine SET incidents = 1`)
		require.NoError(t, err)
		requireCode(t, alerting.CodeUnavailable, b.InTurn(t.Context(), nothing))
	})
}
