package work_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

func TestSaveWritesATableAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents = 100
		written := map[string]int{}
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			var c work.Changes
			for n := range incidents {
				i, change := opened(t, tx, fmt.Sprintf("alert %d", n))
				story := delivery.NewStory(i.Number)
				for _, name := range []string{"chat", "mail"} {
					story.Plan(*change.Notice, policyOf(name), "", tx.Mint, tx.Now())
					c.Entries = append(c.Entries, work.Entry{Incident: i.Number, Entry: change.Entries[0]})
				}
				c.Incidents, c.Notices = append(c.Incidents, i), append(c.Notices, *change.Notice)
				c.Deliveries = append(c.Deliveries, story.Changed()...)
				c.Folded = append(c.Folded, work.Membership{Event: alerting.Seq(n + 1), Incident: i.Number})
			}
			tx.Listen(func(_ context.Context, _ store.Transaction, statement string, _ int) {
				written[strings.Join(strings.Fields(statement)[:3], " ")]++
			})
			require.NoError(t, tx.Save(ctx, c))
		})
		want := map[string]int{
			"UPDATE engine SET": 1, "INSERT INTO incidents": 1, "INSERT INTO notices": 1, "INSERT INTO incident_entries": 1, "INSERT INTO deliveries": 1,
			"INSERT INTO timers": 1, "INSERT INTO folds": 1, "INSERT INTO incident_folds": 1,
		}
		if b.db.Config.Driver == store.SQLite { // 100 rows are 64 and 32 and 4, and 200 are 64 three times and 8
			for _, table := range []string{"incidents", "notices", "incident_folds"} {
				want["INSERT INTO "+table] = 3
			}
			for _, table := range []string{"incident_entries", "deliveries", "timers"} {
				want["INSERT INTO "+table] = 4
			}
		}
		require.Equal(t, want, written)
		for table, rows := range map[string]int64{
			"incidents": incidents, "notices": incidents, "incident_folds": incidents, "folds": 1,
			"incident_entries": 2 * incidents, "deliveries": 2 * incidents, "timers": 2 * incidents,
		} {
			require.Equal(t, rows, b.db.Number(t, `SELECT count(*) FROM `+table), table)
		}
	})
}

var at = time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)

// anyTime is none, or a time to the microsecond.
var anyTime = rapid.Custom(func(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "never") {
		return time.Time{}
	}
	return at.Add(time.Duration(rapid.IntRange(-1e9, 1e9).Draw(t, "at")) * time.Microsecond)
})

var anyText = rapid.SampledFrom([]string{"", "plain", "it's \"quoted\"", "ä <&> \u2028 \U0001f514", "two\nlines"})

// anyIncident is one with every field, told of by so many notices.
var anyIncident = rapid.Custom(func(t *rapid.T) incident.Incident {
	return incident.Incident{
		ID: incident.NewID(), Fingerprint: incident.Fingerprint(delivery.NewID()), Pattern: anyText.Draw(t, "pattern"),
		Grouping: rapid.SampledFrom([]incident.Grouping{incident.ByMessage, incident.ByDedupKey, incident.ByMessageAndContext}).Draw(t, "grouping"),
		Status:   rapid.SampledFrom(append(incident.Statuses(), "of_a_newer_alertd")).Draw(t, "status"),
		Severity: rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"), Category: rapid.SampledFrom(alerting.Categories()).Draw(t, "category"),
		Source: anyText.Draw(t, "source"), Message: anyText.Draw(t, "message"), Count: uint64(rapid.IntRange(1, 1<<40).Draw(t, "count")),
		FirstSeen: at, LastSeen: at.Add(time.Hour), FirstEvent: 3, LastEvent: alerting.Seq(rapid.IntRange(3, 1<<50).Draw(t, "last event")),
		AcknowledgedAt: anyTime.Draw(t, "acknowledged"), AcknowledgedBy: anyText.Draw(t, "by"),
		ResolvedAt: anyTime.Draw(t, "resolved"), ResolvedBy: anyText.Draw(t, "by"),
		Generation: rapid.IntRange(1, 5).Draw(t, "generation"), Notices: rapid.IntRange(1, 4).Draw(t, "notices"),
		ToldAt: at, ToldCount: 1, UpdateDue: anyTime.Draw(t, "update due"),
	}
})

var anyDelivery = rapid.Custom(func(t *rapid.T) delivery.Delivery {
	d := delivery.Delivery{
		ID: delivery.NewID(), Generation: rapid.IntRange(1, 5).Draw(t, "generation"), Reason: rapid.SampledFrom(append(incident.Reasons(), "newer")).Draw(t, "reason"),
		Status: rapid.SampledFrom(delivery.Statuses()).Draw(t, "status"), Ready: rapid.Bool().Draw(t, "ready"),
		CreatedAt: at, DueAt: at.Add(time.Minute), GiveUpAt: at.Add(time.Hour), Attempts: rapid.IntRange(0, 9).Draw(t, "attempts"),
		TriedAt: anyTime.Draw(t, "tried"), Error: anyText.Draw(t, "error"), Reported: rapid.Bool().Draw(t, "reported"), Thread: anyText.Draw(t, "thread"),
	}
	if rapid.Bool().Draw(t, "fallback") {
		d.FallbackFor = delivery.NewID()
	}
	if d.Status == delivery.Sending {
		d.Claim, d.Lease = delivery.NewID(), at.Add(time.Second)
	}
	if d.Status > delivery.Sending {
		d.FinishedAt = at.Add(time.Hour)
	}
	return d
})

// saved is what one transaction has saved.
type saved struct {
	work.Changes
	story []delivery.Delivery // by channel, target and notice
}

// anySaved saves an incident, what was to be told of it, and what became of that, on two
// targets of two channels, and a digest about another incident.
func anySaved(t *rapid.T, b *bench, other incident.Ref) (s saved) {
	err := b.InTurn(b.tb.Context(), func(ctx context.Context, tx *work.Tx) error {
		s = saved{}
		i := anyIncident.Draw(t, "incident")
		i.Number = tx.NextIncident()
		s.Incidents = []incident.Incident{i}
		for n := range i.Notices {
			s.Notices = append(s.Notices, incident.Notice{Number: n + 1, Reason: incident.Updated, At: at, Why: anyText.Draw(t, "why"), Incident: i})
			s.Entries = append(s.Entries, work.Entry{Incident: i.Number, Entry: incident.Entry{At: at, Kind: incident.EntryUpdated, Reason: fmt.Sprint(n), Note: anyText.Draw(t, "note")}})
		}
		for _, place := range [][2]string{{"chat", ""}, {"mail", "ada"}, {"mail", "grace"}} {
			for n := range i.Notices {
				d := anyDelivery.Draw(t, "delivery")
				_, d.Number = tx.Mint()
				d.Incident, d.IncidentID, d.Notice, d.Channel, d.Target = i.Number, i.ID, n+1, place[0], place[1]
				s.story = append(s.story, d)
				s.Deliveries = append(s.Deliveries, &d)
			}
		}
		digest := s.Deliveries[0]
		digest.Others = []incident.Ref{other}
		for n := range digest.Attempts {
			s.Attempts = append(s.Attempts, work.Attempt{Delivery: digest.ID, Attempt: delivery.Attempt{
				Number: n + 1, At: at, Duration: 1500 * time.Microsecond, Outcome: channel.Transient, Code: 503, Error: anyText.Draw(t, "error"),
			}})
		}
		return tx.Save(ctx, s.Changes)
	})
	require.NoError(t, err)
	return s
}

func TestWhatIsSavedComesBack(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		first := b.opens("alert")
		other := incident.Ref{Number: first.Number, ID: first.ID}
		rapid.Check(t, func(r *rapid.T) {
			s := anySaved(r, b, other)
			i := s.Incidents[0]
			for range 2 { // as it was, and as it is after a change
				found, err := b.Incident(t.Context(), i.ID)
				require.NoError(r, err)
				require.Equal(r, i, found)
				b.inTurn(func(ctx context.Context, tx *work.Tx) {
					within, err := tx.Incident(ctx, i.ID)
					require.NoError(r, err)
					require.Equal(r, i, within)
					all, err := tx.Incidents(ctx, []incident.Number{i.Number, 1 << 40})
					require.NoError(r, err)
					require.Equal(r, []incident.Incident{i}, all)
					stories, err := tx.Stories(ctx, []incident.Number{i.Number, 1 << 40})
					require.NoError(r, err)
					require.Len(r, stories, 2)
					for _, d := range s.story {
						d.IncidentID = incident.ID{}
						require.Equal(r, &d, stories[i.Number].Find(d.Number))
					}
				})
				page, err := b.Deliveries(t.Context(), delivery.Query{Incident: i.ID, Limit: 100})
				require.NoError(r, err)
				var want []delivery.Delivery
				for n := range s.story {
					d := s.story[n]
					d.Others = s.Deliveries[n].Others
					want = append(want, d)
				}
				slices.Reverse(want)
				require.Equal(r, want, page.Deliveries)

				i.Severity, i.Message, i.Count, i.LastSeen = alerting.SeverityCritical, "later", i.Count+1, i.LastSeen.Add(time.Hour)
				i.Status, i.AcknowledgedAt, i.AcknowledgedBy, i.Generation = incident.Resolved, time.Time{}, "", 7
				for n := range s.story { // what may change of a delivery
					changed := anyDelivery.Draw(r, "changed")
					changed.ID, changed.Number, changed.FallbackFor = s.story[n].ID, s.story[n].Number, s.story[n].FallbackFor
					changed.Generation, changed.Notice, changed.Reason = s.story[n].Generation, s.story[n].Notice, s.story[n].Reason
					changed.Incident, changed.IncidentID, changed.Channel, changed.Target = i.Number, i.ID, s.story[n].Channel, s.story[n].Target
					s.story[n] = changed
				}
				var c work.Changes
				c.Incidents = []incident.Incident{i}
				for _, d := range s.story {
					c.Deliveries = append(c.Deliveries, &d)
				}
				b.save(c)
			}
			entries, err := b.Timeline(t.Context(), i.ID)
			require.NoError(r, err)
			require.Len(r, entries, len(s.Entries))
			for n, e := range s.Entries {
				require.Equal(r, e.Entry, entries[n])
			}
			d, attempts, err := b.Delivery(t.Context(), s.story[0].ID)
			require.NoError(r, err)
			require.Equal(r, []incident.Ref{other}, d.Others)
			require.Len(r, attempts, len(s.Attempts))
			for n, a := range s.Attempts {
				require.Equal(r, a.Attempt, attempts[n])
			}
			page, err := b.Deliveries(t.Context(), delivery.Query{Incident: other.ID, Limit: 1})
			require.NoError(r, err)
			require.Equal(r, d.ID, page.Deliveries[0].ID, "a digest is found by each of its incidents")
		})
	})
}

func TestATransactionIsWholeOrNothing(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		tables := []string{"incidents", "incident_folds", "folds", "incident_entries", "notices", "deliveries", "timers", "channel_records"}
		changesItsMind := errors.New("no")
		fold := func(outcome error) (number incident.Number, err error) {
			err = b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
				i, change := opened(t, tx, "alert")
				number = i.Number
				story := delivery.NewStory(i.Number)
				story.Plan(*change.Notice, policyOf("chat"), "", tx.Mint, tx.Now())
				require.NoError(t, tx.Save(ctx, work.Changes{
					Incidents: []incident.Incident{i}, Notices: []incident.Notice{*change.Notice}, Entries: []work.Entry{{Incident: number, Entry: change.Entries[0]}},
					Deliveries: story.Changed(), Folded: []work.Membership{{Event: 1, Incident: number}}, Outcomes: []work.Outcome{{Channel: "chat", Result: delivered}},
				}))
				require.NoError(t, tx.Advance(ctx, 2))
				return outcome
			})
			return number, err
		}
		_, err := fold(changesItsMind)
		require.ErrorIs(t, err, changesItsMind)
		require.PanicsWithValue(t, "bug", func() {
			_ = b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
				require.NoError(t, tx.Advance(ctx, 7))
				panic("bug")
			})
		})
		for _, table := range tables {
			require.Zero(t, b.db.Number(t, `SELECT count(*) FROM `+table), table)
		}
		cursor, err := b.Cursor(t.Context())
		require.NoError(t, err)
		require.Zero(t, cursor)

		number, err := fold(nil)
		require.NoError(t, err)
		require.Equal(t, incident.Number(1), number, "what came to nothing has used no number")
		for _, table := range tables {
			require.Positive(t, b.db.Number(t, `SELECT count(*) FROM `+table), table)
		}
		cursor, err = b.Cursor(t.Context())
		require.NoError(t, err)
		require.Equal(t, alerting.Seq(2), cursor)
	})
}

// TestTurnsDoNotOverlap counts with the cursor: of two turns that overlap, one would be
// lost.
func TestTurnsDoNotOverlap(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const takers, turns = 4, 10
		both := []*bench{b, b.replica()}
		var under atomic.Int32
		var group errgroup.Group
		for n := range takers {
			group.Go(func() error {
				for range turns {
					err := both[n%2].InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
						defer under.Add(-1)
						if others := under.Add(1) - 1; others > 0 {
							return fmt.Errorf("%d others have their turn", others)
						}
						cursor, err := tx.Cursor(ctx)
						if err != nil {
							return err
						}
						return tx.Advance(ctx, cursor+1)
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait())
		cursor, err := b.Cursor(t.Context())
		require.NoError(t, err)
		require.Equal(t, alerting.Seq(takers*turns), cursor)
	})
}

func TestNumbersAreGivenOnce(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		b := start(t, db)
		for n := range 3 {
			i := b.opens(fmt.Sprintf("alert %d", n))
			require.Equal(t, incident.Number(n+1), i.Number)
			require.Equal(t, delivery.Number(n+1), b.plans(&i, incident.Opened, "chat").Number)
		}
		db.Exec(t, `DELETE FROM deliveries`)
		db.Exec(t, `DELETE FROM incidents`)
		b.log.Stop()
		b = start(t, db)
		i := b.opens("alert")
		require.Equal(t, incident.Number(4), i.Number)
		require.Equal(t, delivery.Number(4), b.plans(&i, incident.Opened, "chat").Number)
	})
}
