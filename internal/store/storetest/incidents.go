package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

var incidentCases = []testCase{
	{"a decision is whole or nothing", decidesWholly},
	{"a decision that panics is undone, and others can be made", decidesAfterPanics},
	{"decisions happen one at a time, on all replicas", decidesAlone},
	{"a number is given to one incident only", numbersIncidents},
	{"of incidents that are alike at most one is open", opensOnce},
	{"an incident comes back as it was saved", savesIncidents},
	{"open incidents are found by their fingerprints", findsOpenIncidents},
	{"incidents are due, the longest due first", findsDueIncidents},
	{"events know their incident, and incidents their events", joinsEvents},
	{"a timeline is in the order in which it was written", keepsTimelines},
	{"an incident that does not exist is not found", missesIncidents},
	{"incidents are found by each filter, page by page", queriesIncidents},
}

// decidesWholly does all that a fold does, once in vain.
func decidesWholly(t *testing.T, db Database) {
	log := db.Start(t)
	log.Add(t, Alerts(3)...)
	tables := []string{"incidents", "incident_folds", "incident_entries", "notices", "deliveries"}
	count := func(table string) int64 { return db.Number(t, `SELECT count(*) FROM `+table) }
	changesItsMind := errors.New("no")
	var number incident.Number
	fold := func(outcome error) error {
		return log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			var err error
			number, err = tx.NextIncident(ctx)
			require.NoError(t, err)
			i, change := open(number, eventOf(t, 1, Alert("alert")), tx.Now())
			require.NoError(t, tx.SaveIncident(ctx, i))
			require.NoError(t, tx.AddEvents(ctx, []int64{1, 2}, []int64{int64(number), int64(number)}))
			require.NoError(t, tx.AddEntries(ctx, number, change.Entries...))
			require.NoError(t, tx.AddNotice(ctx, *change.Notice))
			planIn(ctx, t, tx, &i, incident.Opened, "chat")
			require.NoError(t, tx.Advance(ctx, 2))
			return outcome
		})
	}
	require.ErrorIs(t, fold(changesItsMind), changesItsMind)
	for _, table := range tables {
		require.Zero(t, count(table), table)
	}
	cursor, err := log.EngineCursor(t.Context())
	require.NoError(t, err)
	require.Zero(t, cursor)

	require.NoError(t, fold(nil))
	require.Equal(t, incident.Number(1), number, "what came to nothing has used no number")
	for _, table := range tables {
		require.Positive(t, count(table), table)
	}
	cursor, err = log.EngineCursor(t.Context())
	require.NoError(t, err)
	require.Equal(t, alerting.Seq(2), cursor)
}

func decidesAfterPanics(t *testing.T, db Database) {
	log := db.Start(t)
	require.PanicsWithValue(t, "bug", func() {
		_ = log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			require.NoError(t, tx.Advance(ctx, 7))
			panic("bug")
		})
	})
	require.Equal(t, incident.Number(1), log.opens(t, "alert").Number)
	cursor, err := log.EngineCursor(t.Context())
	require.NoError(t, err)
	require.Zero(t, cursor)
	log.Add(t, Alert("alert"))
}

// decidesAlone counts with the cursor: of two decisions that overlap, one would be lost.
func decidesAlone(t *testing.T, db Database) {
	const deciders, decisions = 4, 10
	logs := replicas(t, db)
	var under atomic.Int32
	var group errgroup.Group
	for n := range deciders {
		group.Go(func() error {
			for range decisions {
				err := logs[n%2].Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
					defer under.Add(-1)
					if others := under.Add(1) - 1; others > 0 {
						return fmt.Errorf("%d others decide", others)
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
	cursor, err := logs[0].EngineCursor(t.Context())
	require.NoError(t, err)
	require.Equal(t, alerting.Seq(deciders*decisions), cursor)
}

func numbersIncidents(t *testing.T, db Database) {
	log := db.Start(t)
	for n := range 3 {
		require.Equal(t, incident.Number(n+1), log.opens(t, fmt.Sprintf("alert %c", 'a'+n)).Number)
	}
	db.Exec(t, `DELETE FROM incidents`)
	require.Equal(t, incident.Number(4), log.opens(t, "alert d").Number)
	log.Stop()
	require.Equal(t, incident.Number(5), db.Start(t).opens(t, "alert e").Number)
}

func opensOnce(t *testing.T, db Database) {
	log := db.Start(t)
	first := log.opens(t, "alert")
	again := first
	again.ID, again.Number = incident.NewID(), 2
	save := func(i incident.Incident) error {
		return log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.SaveIncident(ctx, i) })
	}
	require.Error(t, save(again))
	log.changes(t, &first, func(i *incident.Incident, now time.Time) {
		_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
		require.NoError(t, err)
	})
	require.Error(t, save(again), "it is still open")
	log.resolves(t, &first)
	require.NoError(t, save(again))
	require.Equal(t, int64(2), db.Number(t, `SELECT count(*) FROM incidents`))
}

// whole returns an incident each of whose fields has a value.
func whole(tb testing.TB) incident.Incident {
	tb.Helper()
	at := time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)
	i := incident.Incident{
		ID: incident.NewID(), Number: 1, Fingerprint: incident.Fingerprint{1, 15: 0xff}, Pattern: "pattern # \"ä\"\n", Grouping: incident.ByDedupKey,
		Status: incident.Acknowledged, Severity: alerting.SeverityCritical, Category: alerting.CategoryRiskLimit,
		Source: "source 'x'", Message: "message <&> \u2028", Count: 1 << 40, FirstSeen: at, LastSeen: at.Add(time.Microsecond), FirstEvent: 3, LastEvent: 1 << 50,
		AcknowledgedAt: at.Add(2 * time.Second), AcknowledgedBy: "ada", ResolvedAt: at.Add(3 * time.Second), ResolvedBy: "grace",
		Notices: 7, ToldAt: at.Add(4 * time.Second), ToldCount: 8, UpdateDue: at.Add(time.Hour),
	}
	value := reflect.ValueOf(i)
	for n := range value.NumField() {
		require.False(tb, value.Field(n).IsZero(), "%s has no value", value.Type().Field(n).Name)
	}
	return i
}

func savesIncidents(t *testing.T, db Database) {
	log := db.Start(t)
	saved := whole(t)
	check := func() {
		log.changes(t, &saved, func(*incident.Incident, time.Time) {})
		found, err := log.Incident(t.Context(), saved.ID)
		require.NoError(t, err)
		require.Equal(t, saved, found)
		page, err := log.Incidents(t.Context(), incident.Query{Limit: 1})
		require.NoError(t, err)
		require.Equal(t, []incident.Incident{saved}, page.Incidents)
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			within, err := tx.Incident(ctx, saved.ID)
			require.NoError(t, err)
			require.Equal(t, saved, within)
			due, err := tx.DueIncidents(ctx, 1)
			require.NoError(t, err)
			require.Equal(t, []incident.Incident{saved}, due)
		})
	}
	check()
	saved.Severity, saved.Message, saved.Count, saved.LastEvent = alerting.SeverityError, "later", 9, 10
	saved.Status, saved.AcknowledgedAt, saved.AcknowledgedBy = incident.Triggered, time.Time{}, ""
	saved.ResolvedAt, saved.ResolvedBy, saved.LastSeen = time.Time{}, "", saved.LastSeen.Add(time.Hour)
	check()
	for _, filter := range []incident.Query{
		{Statuses: []incident.Status{incident.Acknowledged}},
		{MinSeverity: alerting.SeverityCritical},
		{Since: saved.LastSeen.Add(time.Microsecond)},
	} {
		filter.Limit = 1
		page, err := log.Incidents(t.Context(), filter)
		require.NoError(t, err)
		require.Empty(t, page.Incidents, "it is found by what it was: %+v", filter)
	}
}

func findsOpenIncidents(t *testing.T, db Database) {
	log := db.Start(t)
	a, b, resolved, other := log.opens(t, "alert a"), log.opens(t, "alert b"), log.opens(t, "alert c"), log.opens(t, "alert d")
	log.resolves(t, &resolved)
	log.changes(t, &b, func(i *incident.Incident, now time.Time) {
		_, err := i.Acknowledge(incident.Action{By: "ada"}, nil, now)
		require.NoError(t, err)
	})
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		open, err := tx.OpenIncidents(ctx, []incident.Fingerprint{a.Fingerprint, b.Fingerprint, resolved.Fingerprint, {}})
		require.NoError(t, err)
		require.Equal(t, map[incident.Fingerprint]*incident.Incident{a.Fingerprint: &a, b.Fingerprint: &b}, open)
		open, err = tx.OpenIncidents(ctx, []incident.Fingerprint{other.Fingerprint})
		require.NoError(t, err)
		require.Len(t, open, 1)
		open, err = tx.OpenIncidents(ctx, nil)
		require.NoError(t, err)
		require.Empty(t, open)
	})
}

func findsDueIncidents(t *testing.T, db Database) {
	log := db.Start(t)
	for n, wait := range []time.Duration{0, 3 * time.Hour, time.Hour, 2 * time.Hour, 9 * time.Hour} {
		i := log.opens(t, fmt.Sprintf("alert %c", 'a'+n))
		log.changes(t, &i, func(i *incident.Incident, now time.Time) {
			if wait > 0 {
				i.UpdateDue = now.Add(wait)
			}
		})
	}
	due := func(limit int) (numbers []incident.Number) {
		log.decide(t, func(ctx context.Context, tx *store.Tx) {
			incidents, err := tx.DueIncidents(ctx, limit)
			require.NoError(t, err)
			for _, i := range incidents {
				numbers = append(numbers, i.Number)
			}
		})
		return numbers
	}
	reminders := func() bool {
		is, err := log.RemindersDue(t.Context())
		require.NoError(t, err)
		return is
	}
	require.Empty(t, due(10))
	require.False(t, reminders())
	db.Advance(t, 90*time.Minute)
	require.Equal(t, []incident.Number{3}, due(10))
	require.True(t, reminders())
	db.Advance(t, 2*time.Hour)
	require.Equal(t, []incident.Number{3, 4, 2}, due(10))
	require.Equal(t, []incident.Number{3, 4}, due(2))
}

func joinsEvents(t *testing.T, db Database) {
	log := db.Start(t)
	var events []*alerting.Event
	for _, appended := range log.Add(t, Alerts(6)...) {
		events = append(events, appended.Event)
	}
	a, b := log.opens(t, "alert a"), log.opens(t, "alert b")
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		require.NoError(t, tx.AddEvents(ctx, nil, nil))
		require.NoError(t, tx.AddEvents(ctx, []int64{1, 2, 3, 5}, []int64{1, 2, 1, 1}))
	})
	of, err := log.IncidentsOf(t.Context(), events)
	require.NoError(t, err)
	require.Equal(t, map[alerting.Seq]incident.ID{1: a.ID, 2: b.ID, 3: a.ID, 5: a.ID}, of)
	of, err = log.IncidentsOf(t.Context(), events[1:2])
	require.NoError(t, err)
	require.Equal(t, map[alerting.Seq]incident.ID{2: b.ID}, of)
	of, err = log.IncidentsOf(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, of)
	for limit, want := range map[int][]alerting.Seq{1: {5}, 2: {5, 3}, 3: {5, 3, 1}, 10: {5, 3, 1}} {
		found, err := log.IncidentEvents(t.Context(), a.ID, limit)
		require.NoError(t, err)
		require.Equal(t, want, seqsOf(found))
	}
	require.Error(t, log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.AddEvents(ctx, []int64{4, 5}, []int64{1, 2})
	}), "what was folded is not folded again")
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		require.NoError(t, tx.AddEvents(ctx, []int64{6}, []int64{1}))
	})
	of, err = log.IncidentsOf(t.Context(), events[3:])
	require.NoError(t, err)
	require.Equal(t, map[alerting.Seq]incident.ID{5: a.ID, 6: a.ID}, of, "each from its own fold")
	for limit, want := range map[int][]alerting.Seq{1: {6}, 2: {6, 5}, 3: {6, 5, 3}} {
		found, err := log.IncidentEvents(t.Context(), a.ID, limit)
		require.NoError(t, err)
		require.Equal(t, want, seqsOf(found))
	}
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		event, err := tx.Event(ctx, 5)
		require.NoError(t, err)
		require.Equal(t, events[4].JSON(), event.JSON())
		event, err = tx.Event(ctx, 7)
		require.NoError(t, err)
		require.Nil(t, event)
	})
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 5`)
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		event, err := tx.Event(ctx, 5)
		require.NoError(t, err, "a damaged event does not keep its incident from being told of")
		require.Nil(t, event)
	})
}

func keepsTimelines(t *testing.T, db Database) {
	log := db.Start(t)
	i, other := log.opens(t, "alert a"), log.opens(t, "alert b")
	at := time.Date(2026, 3, 2, 9, 30, 0, 123456000, time.UTC)
	want := []incident.Entry{
		{At: at.Add(time.Hour), Kind: incident.EntryAcknowledged, Reason: "acknowledged by ada", By: "ada", Note: "I'm on it"},
		{At: at, Kind: incident.EntryDelivered, Reason: "opened delivered", Channel: "chat", Delivery: delivery.NewID().String(), Event: 3},
		{At: at, Kind: incident.EntryResolved, Reason: "last"},
	}
	log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.AddEntries(ctx, i.Number, want[:2]...)) })
	log.work(t, func(ctx context.Context, tx *store.Tx) {
		require.NoError(t, tx.AddEntries(ctx, other.Number, incident.Entry{At: at, Kind: incident.EntryFailed, Reason: "another's"}))
		require.NoError(t, tx.AddEntries(ctx, i.Number))
		require.NoError(t, tx.AddEntries(ctx, i.Number, want[2]))
	})
	found, err := log.Timeline(t.Context(), i.ID)
	require.NoError(t, err)
	require.Len(t, found, 4)
	require.Equal(t, incident.EntryOpened, found[0].Kind)
	require.Equal(t, want, found[1:])

	many := make([]incident.Entry, incident.MaxTimeline)
	for n := range many {
		many[n] = incident.Entry{At: at, Kind: incident.EntryUpdated, Reason: fmt.Sprint(n)}
	}
	log.decide(t, func(ctx context.Context, tx *store.Tx) { require.NoError(t, tx.AddEntries(ctx, i.Number, many...)) })
	found, err = log.Timeline(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, many, found, "the latest")
}

func missesIncidents(t *testing.T, db Database) {
	log := db.Start(t)
	log.opens(t, "alert")
	id := incident.NewID()
	_, err := log.Incident(t.Context(), id)
	requireCode(t, alerting.CodeNotFound, err)
	require.ErrorContains(t, err, id.String())
	requireCode(t, alerting.CodeNotFound, log.Decide(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Incident(ctx, id)
		return err
	}))
	timeline, err := log.Timeline(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, timeline)
	events, err := log.IncidentEvents(t.Context(), id, 10)
	require.NoError(t, err)
	require.Empty(t, events)
}

// queriesIncidents compares answers with those of a list.
func queriesIncidents(t *testing.T, db Database) {
	const incidents = 600 // more than are looked at at once
	log := db.Start(t)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	var model []incident.Incident // the latest first
	log.decide(t, func(ctx context.Context, tx *store.Tx) {
		for n := range incidents {
			i := whole(t)
			i.Number, i.Fingerprint = incident.Number(n+1), incident.Fingerprint{byte(n), byte(n >> 8)}
			i.Status, i.Severity = incident.Statuses()[n%3], alerting.Severities()[n%5]
			i.Category, i.Source = alerting.Categories()[n%8], fmt.Sprintf("source-%d", n%7)
			i.Message, i.LastSeen = fmt.Sprintf("Limit %d breached", n), at.Add(time.Duration(n*37%100)*time.Minute)
			require.NoError(t, tx.SaveIncident(ctx, i))
			model = append([]incident.Incident{i}, model...)
		}
	})
	for name, q := range map[string]incident.Query{
		"everything": {}, "one status": {Statuses: []incident.Status{incident.Resolved}},
		"two statuses": {Statuses: []incident.Status{incident.Triggered, incident.Acknowledged}},
		"severity":     {MinSeverity: alerting.SeverityError}, "categories": {Categories: alerting.Categories()[2:4]},
		"sources": {Sources: []string{"source-1", "source-6", "nobody"}}, "since": {Since: at.Add(50 * time.Minute)},
		"text": {Text: "LIMIT 59"}, "rare text": {Text: "limit 0 "}, "no such text": {Text: "nothing"}, "before": {Before: 77},
		"all of it": {
			Statuses: []incident.Status{incident.Resolved}, MinSeverity: alerting.SeverityWarning, Categories: alerting.Categories()[:6],
			Sources: []string{"source-1", "source-2", "source-3"}, Since: at.Add(time.Minute), Text: "breached", Before: 580,
		},
	} {
		var want []incident.Number
		for _, i := range model {
			if (q.Before == 0 || i.Number < q.Before) && (len(q.Statuses) == 0 || slices.Contains(q.Statuses, i.Status)) &&
				i.Severity >= q.MinSeverity && (len(q.Categories) == 0 || slices.Contains(q.Categories, i.Category)) &&
				(len(q.Sources) == 0 || slices.Contains(q.Sources, i.Source)) && !i.LastSeen.Before(q.Since) &&
				strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.Text)) {
				want = append(want, i.Number)
			}
		}
		for _, limit := range []int{2, 7, len(want), 1000} {
			got, next := []incident.Number(nil), q
			next.Limit = max(1, limit)
			for page := (incident.Page{More: true}); page.More && len(got) < 20*next.Limit; {
				var err error
				page, err = log.Incidents(t.Context(), next)
				require.NoError(t, err)
				require.LessOrEqual(t, len(page.Incidents), next.Limit)
				for _, i := range page.Incidents {
					got, next.Before = append(got, i.Number), i.Number
				}
			}
			require.Equal(t, want[:min(len(want), 20*next.Limit)], got, "%s, %d at a time", name, limit)
		}
	}
}
