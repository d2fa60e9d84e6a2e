package work_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

func acknowledged(t *testing.T) func(i *incident.Incident, now time.Time) {
	t.Helper()
	return func(i *incident.Incident, now time.Time) {
		_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
		require.NoError(t, err)
	}
}

func TestOneIncidentOfAFingerprintIsOpen(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		first := b.opens("alert")
		again := first
		again.ID, again.Number = incident.NewID(), 2
		save := func() error {
			return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
				return tx.Save(ctx, work.Changes{Incidents: []incident.Incident{again}})
			})
		}
		require.Error(t, save())
		b.changes(&first, acknowledged(t))
		require.Error(t, save(), "it is still open")
		b.resolves(&first)
		require.NoError(t, save())
		require.Equal(t, int64(2), b.db.Number(t, `SELECT count(*) FROM incidents`))
	})
}

func TestOpenIncidentsAreFoundByFingerprint(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		one, two, over, other := b.opens("alert a"), b.opens("alert b"), b.opens("alert c"), b.opens("alert d")
		b.resolves(&over)
		b.changes(&two, acknowledged(t))
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			open, err := tx.OpenIncidents(ctx, []incident.Fingerprint{one.Fingerprint, two.Fingerprint, over.Fingerprint, {}})
			require.NoError(t, err)
			require.Equal(t, map[incident.Fingerprint]*incident.Incident{one.Fingerprint: &one, two.Fingerprint: &two}, open)
			open, err = tx.OpenIncidents(ctx, []incident.Fingerprint{other.Fingerprint})
			require.NoError(t, err)
			require.Len(t, open, 1)
			open, err = tx.OpenIncidents(ctx, nil)
			require.NoError(t, err)
			require.Empty(t, open)
		})
	})
}

func TestTimelineKeepsItsOrder(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		i, other := b.opens("alert a"), b.opens("alert b")
		want := []incident.Entry{
			{At: at.Add(time.Hour), Kind: incident.EntryAcknowledged, Reason: "acknowledged by ada", By: "ada", Note: "I'm on it"},
			{At: at, Kind: incident.EntryDelivered, Reason: "opened delivered", Channel: "chat", Target: "ops", Delivery: delivery.NewID().String(), Event: 3},
			{At: at, Kind: "of_a_newer_alertd", Reason: "last"},
		}
		enter := func(number incident.Number, entries ...incident.Entry) {
			var c work.Changes
			for _, e := range entries {
				c.Entries = append(c.Entries, work.Entry{Incident: number, Entry: e})
			}
			b.save(c)
		}
		enter(i.Number, want[:2]...)
		enter(other.Number, incident.Entry{At: at, Kind: incident.EntryFailed, Reason: "another's"})
		enter(i.Number, want[2])
		found, err := b.Timeline(t.Context(), i.ID)
		require.NoError(t, err)
		require.Equal(t, incident.EntryOpened, found[0].Kind)
		require.Equal(t, want, found[1:])

		many := make([]incident.Entry, incident.MaxTimeline)
		for n := range many {
			many[n] = incident.Entry{At: at, Kind: incident.EntryUpdated, Reason: fmt.Sprint(n)}
		}
		enter(i.Number, many...)
		found, err = b.Timeline(t.Context(), i.ID)
		require.NoError(t, err)
		require.Equal(t, many, found, "the latest")
	})
}

func TestMissingIncidentIsNotFound(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		b.opens("alert")
		id := incident.NewID()
		_, err := b.Incident(t.Context(), id)
		requireCode(t, alerting.CodeNotFound, err)
		require.ErrorContains(t, err, id.String())
		requireCode(t, alerting.CodeNotFound, b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			_, err := tx.Incident(ctx, id)
			return err
		}))
		timeline, err := b.Timeline(t.Context(), id)
		require.NoError(t, err)
		require.Empty(t, timeline)
		events, err := b.IncidentEvents(t.Context(), id, 10)
		require.NoError(t, err)
		require.Empty(t, events)
		page, err := b.Deliveries(t.Context(), delivery.Query{Incident: id, Limit: 1})
		require.NoError(t, err)
		require.Empty(t, page.Deliveries)
		_, _, err = b.Delivery(t.Context(), delivery.NewID())
		requireCode(t, alerting.CodeNotFound, err)
		requireCode(t, alerting.CodeNotFound, b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			return retry(ctx, tx, delivery.NewID())
		}))
	})
}

// TestIncidentsAreFoundByEachFilter compares pages with those of a list.
func TestIncidentsAreFoundByEachFilter(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		const incidents = 600 // more than are looked at at once
		var model []incident.Incident
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			for n := range incidents {
				kind := incident.Fingerprint{byte(n), byte(n >> 8)}
				if n%3 == 2 { // they are resolved
					kind = incident.Fingerprint{byte(n % 30), 7}
				}
				model = append(model, incident.Incident{
					ID: incident.NewID(), Number: tx.NextIncident(), Fingerprint: kind, Generation: 1,
					Status: incident.Statuses()[n%3], Severity: alerting.Severities()[n%5], Category: alerting.Categories()[n%8], Source: fmt.Sprintf("source-%d", n%7),
					Message: fmt.Sprintf("Limit %d breached", n), FirstSeen: at, LastSeen: at.Add(time.Duration(n*37%100) * time.Minute), ToldAt: at,
				})
			}
			require.NoError(t, tx.Save(ctx, work.Changes{Incidents: model}))
		})
		slices.Reverse(model) // the latest first
		for name, q := range map[string]incident.Query{
			"everything": {}, "one status": {Statuses: []incident.Status{incident.Resolved}},
			"two statuses": {Statuses: []incident.Status{incident.Triggered, incident.Acknowledged}},
			"severity":     {MinSeverity: alerting.SeverityError}, "categories": {Categories: alerting.Categories()[2:4]},
			"sources": {Sources: []string{"source-1", "source-6", "nobody"}}, "since": {Since: at.Add(50 * time.Minute)},
			"text": {Text: "LIMIT 59"}, "rare text": {Text: "limit 0 "}, "no such text": {Text: "nothing"}, "before": {Before: 77}, "after": {After: 77, Ascending: true},
			"a kind": {Fingerprint: new(incident.Fingerprint{8, 7})}, "an open one of a kind": {Fingerprint: new(incident.Fingerprint{9}), Statuses: incident.Statuses()[:2]}, "no kind": {Fingerprint: new(incident.Fingerprint{8, 8})},
			"open ones between two": {Statuses: []incident.Status{incident.Acknowledged}, Before: 577, After: 19, Ascending: true}, "open ones before": {Statuses: []incident.Status{incident.Acknowledged}, Before: 577},
			"all of it": {
				Statuses: []incident.Status{incident.Resolved}, MinSeverity: alerting.SeverityWarning, Categories: alerting.Categories()[:6],
				Sources: []string{"source-1", "source-2", "source-3"}, Since: at.Add(time.Minute), Text: "breached", Before: 580,
			},
		} {
			var want []incident.Incident
			for _, i := range model {
				if (q.Before == 0 || i.Number < q.Before) && i.Number > q.After && (q.Fingerprint == nil || i.Fingerprint == *q.Fingerprint) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, i.Status)) &&
					i.Severity >= q.MinSeverity && (len(q.Categories) == 0 || slices.Contains(q.Categories, i.Category)) &&
					(len(q.Sources) == 0 || slices.Contains(q.Sources, i.Source)) && !i.LastSeen.Before(q.Since) &&
					strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.Text)) {
					want = append(want, i)
				}
			}
			for n, limit := range []int{max(1, len(want)/3), max(1, len(want)/3), max(1, len(want)), 1000} {
				var got []incident.Incident
				q := q
				q.Ascending = q.Ascending || n == 1 && q.Before == 0
				want := slices.Clone(want)
				if q.Ascending {
					slices.Reverse(want)
				}
				for page, q := (incident.Page{More: true}), q; page.More; {
					var err error
					q.Limit = limit
					page, err = b.Incidents(t.Context(), q)
					require.NoError(t, err)
					require.LessOrEqual(t, len(page.Incidents), limit)
					require.Zero(t, page.Unreadable)
					for _, i := range page.Incidents {
						if got = append(got, i); q.Ascending {
							q.After = i.Number
						} else {
							q.Before = i.Number
						}
					}
				}
				require.Equal(t, want, got, "%s, %d a page", name, limit)
			}
		}
	})
}

func TestIncidentsKnowTheirEvents(t *testing.T) {
	onEach(t, func(t *testing.T, b *bench) {
		var events []*alerting.Event
		for _, appended := range b.log.Add(t, storetest.Alerts(6)...) {
			events = append(events, appended.Event)
		}
		one, two := b.opens("alert a"), b.opens("alert b")
		fold := func(members ...work.Membership) error {
			return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return tx.Save(ctx, work.Changes{Folded: members}) })
		}
		incidentsOf := func(events []*alerting.Event) map[alerting.Seq]incident.ID {
			of, err := b.IncidentsOf(t.Context(), events)
			require.NoError(t, err)
			return of
		}
		eventsOf := func(limit int) (seqs []alerting.Seq) {
			found, err := b.IncidentEvents(t.Context(), one.ID, limit)
			require.NoError(t, err)
			for _, e := range found {
				seqs = append(seqs, e.Seq())
			}
			return seqs
		}
		require.NoError(t, fold(work.Membership{Event: 1, Incident: 1}, work.Membership{Event: 2, Incident: 2}, work.Membership{Event: 3, Incident: 1}, work.Membership{Event: 5, Incident: 1}))
		require.Equal(t, map[alerting.Seq]incident.ID{1: one.ID, 2: two.ID, 3: one.ID, 5: one.ID}, incidentsOf(events))
		require.Equal(t, map[alerting.Seq]incident.ID{2: two.ID}, incidentsOf(events[1:2]))
		require.Empty(t, incidentsOf(nil))
		for limit, want := range map[int][]alerting.Seq{1: {5}, 2: {5, 3}, 3: {5, 3, 1}, 10: {5, 3, 1}} {
			require.Equal(t, want, eventsOf(limit))
		}
		require.Error(t, fold(work.Membership{Event: 4, Incident: 1}, work.Membership{Event: 5, Incident: 2}), "what was folded is not folded again")
		require.NoError(t, fold(work.Membership{Event: 6, Incident: 1}))
		require.Equal(t, map[alerting.Seq]incident.ID{5: one.ID, 6: one.ID}, incidentsOf(events[3:]), "each from its own fold")
		for limit, want := range map[int][]alerting.Seq{1: {6}, 2: {6, 5}, 3: {6, 5, 3}} {
			require.Equal(t, want, eventsOf(limit))
		}
		b.inTurn(func(ctx context.Context, tx *work.Tx) {
			event, err := tx.Event(ctx, 5)
			require.NoError(t, err)
			require.Equal(t, events[4].JSON(), event.JSON())
			event, err = tx.Event(ctx, 7)
			require.NoError(t, err)
			require.Nil(t, event)
		})
	})
}
