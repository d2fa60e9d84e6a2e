package work_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

const day = 24 * time.Hour

// rows counts those of the tables with what belongs to an incident, and the incidents.
func (b *bench) rows() map[string]int64 {
	b.tb.Helper()
	counts := map[string]int64{}
	for _, table := range []string{"incidents", "incident_folds", "incident_entries", "notices", "deliveries", "delivery_attempts", "delivery_incidents", "holds", "timers"} {
		if n := b.db.Number(b.tb, `SELECT count(*) FROM `+table); n > 0 {
			counts[table] = n
		}
	}
	return counts
}

func (b *bench) retains(retention time.Duration) int64 {
	b.tb.Helper()
	deleted, err := b.Retain(b.tb.Context(), retention)
	require.NoError(b.tb, err)
	return deleted
}

// tells opens an incident of an event that is told on a channel, with an attempt.
func (b *bench) tells(seq alerting.Seq, message string) incident.Incident {
	b.tb.Helper()
	i := b.opens(message)
	b.save(work.Changes{Folded: []work.Membership{{Event: seq, Incident: i.Number}}})
	b.plans(&i, incident.Opened, "chat")
	require.True(b.tb, b.finishes(b.claimsOne("chat").Delivery, delivered))
	return i
}

func TestOldIncidentsAreDeletedWithTheirOwn(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		events := b.log.Add(t, storetest.Alerts(4)...)
		old, young, open := b.tells(1, "alert a"), b.tells(2, "alert b"), b.tells(3, "alert c")
		b.inTurn(func(ctx context.Context, tx *work.Tx) { // a digest about all of them
			d := &delivery.Delivery{
				ID: delivery.NewID(), Incident: open.Number, Generation: 1, Notice: 9, Reason: incident.Updated, Channel: "mail", Status: delivery.Delivered,
				Others: []incident.Ref{{Number: old.Number}, {Number: young.Number}}, CreatedAt: tx.Now(), DueAt: tx.Now(), GiveUpAt: tx.Now(), FinishedAt: tx.Now(),
			}
			_, d.Number = tx.Mint()
			require.NoError(t, tx.Save(ctx, work.Changes{Deliveries: []*delivery.Delivery{d}, Reminders: map[incident.Number]time.Time{old.Number: tx.Now().Add(time.Hour)}}))
		})
		before := b.rows()
		b.changes(&old, func(i *incident.Incident, now time.Time) {
			i.Resolve(incident.Action{By: "ada"}, nil, now)
			i.UpdateDue = now
		})
		b.db.Advance(t, 20*time.Hour)
		b.resolves(&young)
		require.Zero(t, b.retains(day))
		require.Equal(t, before, b.rows())

		b.db.Advance(t, 5*time.Hour)
		require.Equal(t, int64(1), b.retains(day))
		require.Equal(t, map[string]int64{
			"incidents": 2, "incident_folds": 2, "incident_entries": 4, "notices": 2, "deliveries": 3, "delivery_attempts": 2, "delivery_incidents": 2,
		}, b.rows())
		require.Equal(t, int64(1), b.Deleted())
		_, err := b.Incident(t.Context(), old.ID)
		requireCode(t, alerting.CodeNotFound, err)
		of, err := b.IncidentsOf(t.Context(), []*alerting.Event{events[0].Event, events[1].Event, events[2].Event, events[3].Event})
		require.NoError(t, err)
		require.Equal(t, map[alerting.Seq]incident.ID{2: young.ID, 3: open.ID}, of, "an event outlives its incident, and has none then")
		page, err := b.Deliveries(t.Context(), delivery.Query{Channel: "mail", Limit: 10})
		require.NoError(t, err)
		require.Equal(t, []incident.Ref{{Number: young.Number, ID: young.ID}}, page.Deliveries[0].Others)

		b.db.Advance(t, 1000*time.Hour)
		require.Equal(t, int64(1), b.retains(day))
		require.Equal(t, int64(1), b.rows()["incidents"], "an open one is never deleted")
		require.Equal(t, incident.Number(4), b.opens("alert d").Number)
	})
}

func TestWithoutRetentionIncidentsStay(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.SQLite(t))
	i := b.tells(1, "alert")
	b.resolves(&i)
	b.db.Advance(t, 100*365*day)
	before := b.rows()
	require.Zero(t, b.retains(0))
	require.Equal(t, before, b.rows())
}

// TestRetentionOfIncidentsIsRecordedOnceForManyRuns deletes an incident a run, as each
// minute does.
func TestRetentionOfIncidentsIsRecordedOnceForManyRuns(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const retention = 10 * day
		for n := range 6 {
			i := b.tells(alerting.Seq(n+1), fmt.Sprintf("alert %c", 'a'+rune(n)))
			b.resolves(&i)
			b.db.Advance(t, 4*time.Hour)
		}
		b.db.Advance(t, retention-24*time.Hour)
		require.Zero(t, b.retains(retention+time.Hour))
		for range 6 {
			require.Equal(t, int64(1), b.retains(retention))
			b.db.Advance(t, 4*time.Hour)
		}
		page, err := b.log.AuditLog(t.Context(), audit.Query{Limit: 10, Ascending: true})
		require.NoError(t, err)
		require.NotEmpty(t, page.Records)
		require.LessOrEqual(t, len(page.Records), 2, "each covers ten hours")
		for _, r := range page.Records {
			require.Equal(t, audit.RetainIncidents, r.Action)
			require.Contains(t, string(r.After), `"retention":"240h0m0s"`)
		}
		_, err = b.db.VerifyAudit(t)
		require.NoError(t, err)
	})
}

func TestWhatIsInADigestKeepsItsIncident(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.tells(1, "alert")
		b.save(work.Changes{Holds: []work.Hold{{Holder: "digest chat", Incident: i.Number, Notices: 1, Held: true}}})
		b.resolves(&i)
		b.db.Advance(t, 2*day)
		require.Zero(t, b.retains(day))
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			require.NoError(t, tx.LetGo(ctx, "digest chat", []incident.Number{i.Number}))
		})
		require.Equal(t, int64(1), b.retains(day))
		require.Empty(t, b.rows())
	})
}

func TestWhatIsOpenKeepsTheDigestThatToldOfIt(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.tells(1, "alert")
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			d := &delivery.Delivery{
				ID: delivery.NewID(), Incident: incident.Digests, Generation: 1, Notice: 9, Reason: incident.Digested, Channel: "mail", Status: delivery.Delivered,
				Others: []incident.Ref{{Number: i.Number}}, CreatedAt: tx.Now(), DueAt: tx.Now(), GiveUpAt: tx.Now(), FinishedAt: tx.Now(),
			}
			_, d.Number = tx.Mint()
			require.NoError(t, tx.Save(ctx, work.Changes{Deliveries: []*delivery.Delivery{d}}))
		})
		told := func() (channels []string) {
			b.inTurn(func(ctx context.Context, tx *work.Tx) {
				require.NoError(t, tx.ToldInDigests(ctx, []incident.Number{i.Number}, func(_ incident.Number, channel, _ string) { channels = append(channels, channel) }))
			})
			return channels
		}
		b.db.Advance(t, 2*day)
		require.Zero(t, b.retains(day))
		require.Equal(t, []string{"mail"}, told(), "else it would not hear that it is over")
		b.resolves(&i)
		require.Zero(t, b.retains(day))
		require.Empty(t, told())
	})
}

func TestWhatWaitsKeepsItsIncident(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i := b.tells(1, "alert")
		b.plans(&i, incident.WasResolved, "mail")
		b.resolves(&i)
		b.db.Advance(t, 1000*time.Hour)
		before := b.rows()
		require.Zero(t, b.retains(time.Hour))
		require.Equal(t, before, b.rows())
		b.wakes() // it was never tried, and is
		require.True(t, b.finishes(b.claimsOne("mail").Delivery, refused))
		require.Equal(t, int64(1), b.retains(time.Hour))
		require.Empty(t, b.rows())
	})
}

func TestFoldsGoWithTheirEvents(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var events []*alerting.Event
		for _, appended := range b.log.Add(t, storetest.Alerts(10)...) {
			events = append(events, appended.Event)
		}
		i := b.opens("alert")
		for _, fold := range [][]alerting.Seq{{1}, {2, 3}, {4, 5, 6, 7}, {8}, {9, 10}} {
			var c work.Changes
			for _, seq := range fold {
				c.Folded = append(c.Folded, work.Membership{Event: seq, Incident: 1})
			}
			b.save(c)
		}
		b.db.Exec(t, `UPDATE folds SET events = substr(events, 1, 1) WHERE through = 3`) // one that is damaged goes as well
		for _, c := range []struct {
			first, fold int64 // that are left
			folds       int64
			events      int
		}{{8, 8, 2, 3}, {10, 10, 1, 1}} {
			b.db.Exec(t, `DELETE FROM events WHERE seq < $1`, c.first)
			require.Zero(t, b.retains(0))
			require.Equal(t, []int64{c.folds, c.fold}, []int64{b.db.Number(t, `SELECT count(*) FROM folds`), b.db.Number(t, `SELECT min(through) FROM folds`)})
			found, err := b.IncidentEvents(t.Context(), i.ID, 100)
			require.NoError(t, err)
			require.Len(t, found, c.events, "a fold stays until all its events are gone")
			of, err := b.IncidentsOf(t.Context(), events)
			require.NoError(t, err)
			require.Len(t, of, map[int]int{3: 3, 1: 2}[c.events])
		}
	})
}

// TestLargeIncidentsAreDeletedInSteps ends retention in the middle, and has it go on later.
func TestLargeIncidentsAreDeletedInSteps(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const each = 3000
		i, open := b.opens("alert a"), b.opens("alert b")
		b.resolves(&i)
		b.db.Advance(t, 100*time.Hour)
		numbers := fmt.Sprintf(`WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %d) `, 2*each)
		for _, statement := range []string{
			`INSERT INTO incident_folds (incident, through) SELECT 1 + n % 2, n FROM numbers`,
			`INSERT INTO incident_entries (incident, entry) SELECT 1 + n % 2, '{}' FROM numbers`,
			`INSERT INTO notices (incident, number, notice) SELECT 1 + n % 2, n + 1, '{}' FROM numbers`,
		} {
			b.db.Exec(t, numbers+statement)
		}
		left := func() (all int64) {
			for _, n := range b.rows() {
				all += n
			}
			return all
		}
		before, steps := left(), 0
		ctx, cancel := context.WithCancel(t.Context())
		for more := true; more; {
			b.transact(func(ctx context.Context, tx *work.Tx) {
				rows, _, err := tx.DeleteSomeOf(ctx, []int64{1})
				require.NoError(t, err)
				require.LessOrEqual(t, rows, int64(500))
				more = rows > 0 && steps < 3
				steps++
			})
		}
		require.Equal(t, before-2000, left(), "each step is whole")
		_, err := b.Incident(t.Context(), i.ID)
		require.NoError(t, err, "the incident goes last")
		cancel()
		_, err = b.Retain(ctx, day)
		require.Error(t, err)
		require.Equal(t, int64(1), b.retains(day))
		require.Equal(t, map[string]int64{"incidents": 1, "incident_folds": each, "incident_entries": each + 1, "notices": each + 1}, b.rows())
		_, err = b.Incident(t.Context(), open.ID)
		require.NoError(t, err)
	})
}

// TestARetryKeepsItsIncident has a person try failed messages again while retention runs:
// what the one has got, the other has not.
func TestARetryKeepsItsIncident(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents = 40
		var failed []delivery.ID
		for n := range incidents {
			i := b.opens(fmt.Sprintf("alert %d", n))
			failed = append(failed, b.plans(&i, incident.Opened, "chat").ID)
			require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
			b.resolves(&i)
		}
		b.db.Advance(t, 100*time.Hour)
		var group errgroup.Group
		group.Go(func() error {
			_, err := b.Retain(t.Context(), day)
			return err
		})
		retried := int64(0)
		for n := range failed {
			err := b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return retry(ctx, tx, failed[incidents-1-n]) })
			if err == nil {
				retried++
				continue
			}
			requireCode(t, alerting.CodeNotFound, err)
		}
		require.NoError(t, group.Wait())
		b.retains(day)
		left := b.rows()
		require.Equal(t, []int64{retried, retried, retried}, []int64{left["incidents"], left["deliveries"], left["timers"]})
		require.Len(t, b.claims("chat", incidents), int(retried))
	})
}

// TestRetentionDeletesNothingUnderARetry has retention run between a person's look at a
// message and the retry.
func TestRetentionDeletesNothingUnderARetry(t *testing.T) {
	t.Parallel()
	b := start(t, storetest.PostgreSQL(t)) // an SQLite file has one transaction at a time
	i := b.opens("alert")
	d := b.plans(&i, incident.Opened, "chat")
	require.True(t, b.finishes(b.claimsOne("chat").Delivery, refused))
	b.resolves(&i)
	b.db.Advance(t, 100*time.Hour)
	hold := newHold()
	b.meets(func() error {
		return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			_, err := tx.Delivery(ctx, d.ID)
			require.NoError(t, err)
			hold.wait()
			return retry(ctx, tx, d.ID)
		})
	}, func() error {
		_, err := b.replica().Retain(t.Context(), day)
		return err
	}, hold)
	require.True(t, b.finishes(b.claimsOne("chat").Delivery, delivered))
	require.Equal(t, int64(1), b.retains(day))
	require.Empty(t, b.rows())
}

func TestWorkGoesOnWhileIncidentsAreDeleted(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents = 120 // more than are looked at at once
		both := []*bench{b, b.replica()}
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			var c work.Changes
			for n := range incidents {
				i, change := opened(t, tx, fmt.Sprintf("alert %d", n))
				story := delivery.NewStory(i.Number)
				d, _ := story.Plan(*change.Notice, policyOf("old"), "", tx.Mint, tx.Now())
				story.Supersede(d, "never mind", tx.Now())
				i.Resolve(incident.Action{By: "ada"}, nil, tx.Now())
				c.Incidents, c.Notices, c.Deliveries = append(c.Incidents, i), append(c.Notices, *change.Notice), append(c.Deliveries, d)
				c.Attempts = append(c.Attempts, work.Attempt{Delivery: d.ID, Attempt: delivery.Attempt{Number: 1, At: tx.Now(), Outcome: delivered.Outcome}})
			}
			require.NoError(t, tx.Save(ctx, c))
		})
		b.db.Advance(t, 100*time.Hour)
		ctx, done := context.WithCancel(t.Context())
		defer done()
		var group errgroup.Group
		for n, one := range both {
			name := fmt.Sprintf("chat-%d", n)
			group.Go(func() error { // opens and ends incidents, and tells of them
				for round := 0; ctx.Err() == nil || round == 0; round++ {
					if err := tellOnce(t, one, fmt.Sprintf("%s %d", name, round), name); err != nil { //nolint:contextcheck // it goes on to its end
						return err
					}
				}
				return nil
			})
		}
		var deleted int64
		for deleted < incidents {
			for _, one := range both {
				deleted += one.retains(day)
			}
		}
		done()
		require.NoError(t, group.Wait())
		left := b.rows()
		require.Equal(t, map[string]int64{"incidents": left["incidents"], "notices": left["incidents"], "deliveries": left["incidents"], "delivery_attempts": left["incidents"], "incident_entries": left["incidents"]}, left)
		require.Equal(t, int64(incidents), deleted)
	})
}

// tellOnce opens and ends an incident, and sends the message about it.
func tellOnce(t *testing.T, b *bench, message, name string) error {
	t.Helper()
	var id delivery.ID
	err := b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
		i, change := opened(t, tx, message)
		story := delivery.NewStory(i.Number)
		d, _ := story.Plan(*change.Notice, policyOf(name), "", tx.Mint, tx.Now())
		id = d.ID
		i.Resolve(incident.Action{By: "ada"}, nil, tx.Now())
		return tx.Save(ctx, work.Changes{Incidents: []incident.Incident{i}, Notices: []incident.Notice{*change.Notice}, Deliveries: story.Changed()})
	})
	if err != nil {
		return err
	}
	return b.Transact(t.Context(), func(ctx context.Context, tx *work.Tx) error {
		claimed, err := claim(ctx, tx, name, 10)
		if err != nil || len(claimed) != 1 || claimed[0].Delivery.ID != id {
			return errors.Join(fmt.Errorf("claimed %d deliveries", len(claimed)), err)
		}
		_, err = finish(ctx, tx, claimed[0].Delivery, delivered)
		return err
	})
}
