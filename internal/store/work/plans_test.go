package work_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// fill makes tables so large that nobody wants to read them whole: of 10,000
// deliveries of as many incidents 250 wait, and 25 have failed and are not reported.
func fill(tb testing.TB, db storetest.Database) {
	tb.Helper()
	const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000) `
	id, packed := `gen_random_uuid()`, `'\x0101'::bytea`
	if db.Config.Driver == store.SQLite {
		id, packed = `randomblob(16)`, `x'0101'`
	}
	for _, rows := range []string{
		`incidents (number, incident_id, fingerprint, status, severity, category, source, last_seen, resolved, state)
			SELECT n, ` + id + `, 'print ' || n, CASE WHEN n % 40 = 0 THEN 1 ELSE 3 END, 1, 1, 'source', n, CASE WHEN n % 40 <> 0 THEN 4000000000000000 END, '{}'`,
		`folds (through, events) SELECT n, ` + packed,
		`incident_folds (incident, through) SELECT n, n`,
		`events (seq, event_id, received, json, dispatch) SELECT n, ` + id + `, n, '{}', 1`,
		`incident_entries (incident, entry) SELECT n, '{}'`,
		`notices (incident, number, notice) SELECT n, 1, '{}'`,
		`timers (kind, subject, due) SELECT 2 - n % 80 / 40, n, n`,
		`deliveries (number, delivery_id, incident, generation, notice, reason, channel, target, status, ready, created, due, give_up, finished, attempts, error, thread, reported)
			SELECT n, ` + id + `, n, 1, 1, 'opened', 'channel ' || (n / 40 % 4), '', CASE WHEN n % 40 = 0 THEN 1 WHEN n % 400 = 1 THEN 4 ELSE 3 END,
			CASE WHEN n % 80 = 0 THEN 1 ELSE 0 END, n, n, 4000000000000000, CASE WHEN n % 40 <> 0 THEN n END, 0, '', '', 0`,
		`delivery_incidents (delivery, incident) SELECT n, n + 1`,
		`holds (holder, incident, since, notices, events, held) SELECT 'digest channel ' || (n / 40 % 4), n, n, 1, 1, CASE WHEN n % 40 = 0 THEN 1 ELSE 0 END`,
	} {
		db.Exec(tb, numbers+`INSERT INTO `+rows+` FROM numbers`)
	}
	db.Exec(tb, `INSERT INTO delivery_attempts (delivery_id, number, at, took, outcome, code, error) SELECT delivery_id, 1, 1, 1, 1, 200, '' FROM deliveries WHERE status > 2`)
	if db.Config.Driver == store.Postgres { // SQLite has no statistics, also when alertd runs
		db.Exec(tb, `ANALYZE`)
	}
}

// planOf returns how the database goes about a statement, whatever its arguments.
func planOf(ctx context.Context, tb testing.TB, driver string, on store.Transaction, statement string, args int) string {
	tb.Helper()
	explain, nulls := `EXPLAIN QUERY PLAN `+statement, make([]any, args)
	if driver == store.Postgres {
		exec := func(step string) {
			_, err := on.ExecContext(ctx, step)
			require.NoError(tb, err, step)
		}
		exec(`SET plan_cache_mode = force_generic_plan`)
		exec(`PREPARE plan AS ` + statement)
		defer exec(`DEALLOCATE plan`)
		explain, nulls = `EXPLAIN EXECUTE plan`, nil
		if args > 0 {
			explain += `(` + strings.TrimSuffix(strings.Repeat(`NULL, `, args), ", ") + `)`
		}
	}
	rows, err := on.QueryContext(ctx, explain, nulls...)
	require.NoError(tb, err, statement)
	defer func() { require.NoError(tb, rows.Close()) }()
	var lines []string
	for rows.Next() {
		var line string
		into := []any{&line}
		if driver == store.SQLite {
			into = []any{new(int), new(int), new(int), &line}
		}
		require.NoError(tb, rows.Scan(into...))
		lines = append(lines, line)
	}
	require.NoError(tb, rows.Err())
	return strings.Join(lines, "\n")
}

// wholeTable is what reads a table row by row, or goes through its key and leaves out most,
// in the words of either database. An index of what is open, or has failed and is not
// reported, has few rows, and a query's own rows do not count.
var wholeTable = regexp.MustCompile(`Seq Scan on (folds|deliveries|incidents|incident_|notices|delivery_|events|timers|holds)` +
	`|(?m)using (deliveries|incidents|timers)_pkey on .*\n\s*(Index Cond: \(\w+ [<>] .*\n\s*)?Filter|^SEARCH timers USING PRIMARY KEY \(kind<` +
	`|^SCAN (folds|deliveries|incidents|incident_\w+|notices|delivery_\w+|events|timers|holds|channel_tallies|[defhimo])( USING (COVERING )?INDEX (sqlite_|\w+_once|\w+_of|\w+_finished|\w+_resolved).*| USING (PRIMARY|INTEGER).*)?$`)

// indexes are those that queries go by, each by a part of its text: what has fewer rows
// than a table's key.
var indexes = map[string]string{
	"AND incident =": "deliveries_once", "AND incident IN": "deliveries_once", "d.incident = ANY": "deliveries_once", "d.incident IN (SELECT value": "deliveries_once",
	"d.ready = 1": "deliveries_ready", "d.ready = 0": "deliveries_open", "d.due > ": "deliveries_open", "number > $2": "deliveries_open", "number > ? ORDER": "deliveries_open",
	"GROUP BY channel": "deliveries_open", "SELECT DISTINCT channel": "deliveries_open", "SELECT number FROM deliveries WHERE incident": "deliveries_once",
	"d.reported = 0": "deliveries_unreported", "d.finished IS NOT NULL": "deliveries_finished", "i.resolved <=": `incidents_resolved[^\n]*(\n\s*Index Cond: \(resolved|\(resolved<)`,
	"IN (1, 2) AND fingerprint": `incidents_open\b`, "kind, subject FROM timers": "timers_due", "SELECT due FROM timers": "timers_due",
	"held = 1 ORDER BY since": "holds_held", "held = 1 AND holder": "holds_held", "DISTINCT holder": "holds_held", "GROUP BY fingerprint": "incidents_alike", "GROUP BY severity, status": `incidents_open_by_severity`, "o.number FROM": "incidents_open", "u.number FROM": "incidents_unresolved", "fingerprint = ?": "incidents_alike", "fingerprint = $": "incidents_alike", "w.subject = o.number": "incidents_open",
}

func TestNoQueryReadsAWholeTable(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		log := db.Open(t) // what fills it is no events
		b := &bench{work.New(log.Store), log, db, t}
		fill(t, db)
		driver := db.Config.Driver
		conn, err := db.SQL.Conn(t.Context())
		require.NoError(t, err)
		defer func() { require.NoError(t, conn.Close()) }()
		within := func(f func(ctx context.Context, tx *work.Tx) error) func(work.Note) error {
			return func(note work.Note) error {
				return b.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
					tx.Listen(note)
					return f(ctx, tx)
				})
			}
		}
		outside := func(f func(ctx context.Context) error) func(work.Note) error {
			return func(note work.Note) error {
				defer b.Listen(conn, note)()
				return f(t.Context())
			}
		}
		event := eventOf(t, 7, storetest.Alert("x"))
		d := &delivery.Delivery{ID: delivery.NewID(), Number: 9_999, Incident: 9_999, Notice: 1, Status: delivery.Delivered}
		for name, ask := range map[string]func(work.Note) error{
			"stories": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.Stories(ctx, []incident.Number{40, 41})
				return err
			}),
			"ready":   within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.Ready(ctx, "channel 0", 4); return err }),
			"waiting": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.WaitingFor(ctx, "channel 0", 4); return err }),
			"claim":   within(func(ctx context.Context, tx *work.Tx) error { return tx.Claim(ctx, []*delivery.Delivery{d}) }),
			"save": within(func(ctx context.Context, tx *work.Tx) error {
				return tx.Save(ctx, work.Changes{Deliveries: []*delivery.Delivery{d}, Recovered: []string{"channel 0"}})
			}),
			"open waiting": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.Waiting(ctx, "channel 0", 5_000, 100)
				return err
			}),
			"due": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.Due(ctx, true, 100); return err }),
			"incidents of": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.IncidentsOf(ctx, []delivery.Number{1, 2})
				return err
			}),
			"open": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.OpenIncidents(ctx, make([]incident.Fingerprint, 3))
				return err
			}),
			"incidents": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.Incidents(ctx, []incident.Number{1, 2})
				return err
			}),
			"by id": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.Incident(ctx, incident.NewID()); return err }),
			"one delivery": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.Delivery(ctx, delivery.NewID())
				return err
			}),
			"held by": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.HeldBy(ctx, "digest channel 0", 100)
				return err
			}),
			"look at": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.LookAt(ctx, 40); return err }),
			"by ids": within(func(ctx context.Context, tx *work.Tx) error {
				_, _, err := tx.IncidentsByID(ctx, []incident.ID{incident.NewID(), incident.NewID()})
				return err
			}),
			"holders":  within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.Holders(ctx, "window"); return err }),
			"holds of": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.HoldsOf(ctx, 40); return err }),
			"release": within(func(ctx context.Context, tx *work.Tx) error {
				return tx.Save(ctx, work.Changes{Released: []string{"digest channel 0"}})
			}),
			"told in digests": within(func(ctx context.Context, tx *work.Tx) error {
				return tx.ToldInDigests(ctx, []incident.Number{40, 41}, func(incident.Number, string, string) {})
			}),
			"resolved since": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.ResolvedSince(ctx, make([]incident.Fingerprint, 3), time.Now())
				return err
			}),
			"open of": within(func(ctx context.Context, tx *work.Tx) error {
				_, err := tx.OpenOf(ctx, []incident.Number{40, 41})
				return err
			}),
			"look at others": within(func(ctx context.Context, tx *work.Tx) error { return tx.LookAtOthers(ctx) }),
			"all open":       within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.Open(ctx); return err }),
			"reported": within(func(ctx context.Context, tx *work.Tx) error {
				return tx.Reported(ctx, []delivery.Failure{{Delivery: *d}})
			}),
			"forget folds": within(func(ctx context.Context, tx *work.Tx) error { _, err := tx.ForgetFolds(ctx, 100); return err }),
			"delete": within(func(ctx context.Context, tx *work.Tx) error {
				for range 2 { // first its delivery, then the rest
					if _, _, err := tx.DeleteSomeOf(ctx, []int64{9_998}); err != nil {
						return err
					}
				}
				return nil
			}),
			"next timer": outside(func(ctx context.Context) error { _, _, err := b.NextTimer(ctx, true); return err }),
			"failures":   outside(func(ctx context.Context) error { _, err := b.Failures(ctx, 100); return err }),
			"backlog":    outside(func(ctx context.Context) error { _, err := b.Backlog(ctx); return err }),
			"strangers":  outside(func(ctx context.Context) error { _, _, err := b.Strangers(ctx, nil); return err }),
			"of events": outside(func(ctx context.Context) error {
				_, err := b.IncidentsOf(ctx, []*alerting.Event{event})
				return err
			}),
			"timeline":        outside(func(ctx context.Context) error { _, err := b.Timeline(ctx, incident.NewID()); return err }),
			"incident events": outside(func(ctx context.Context) error { _, err := b.IncidentEvents(ctx, incident.NewID(), 10); return err }),
			"delivery":        outside(func(ctx context.Context) error { _, _, err := b.Delivery(ctx, delivery.NewID()); return err }),
			"incident":        outside(func(ctx context.Context) error { _, err := b.Incident(ctx, incident.NewID()); return err }),
			"deliveries of an incident": outside(func(ctx context.Context) error {
				_, err := b.Deliveries(ctx, delivery.Query{Incident: incident.NewID(), Limit: 10})
				return err
			}),
			"deliveries": outside(func(ctx context.Context) error { _, err := b.Deliveries(ctx, delivery.Query{Limit: 10}); return err }),
			"failed deliveries": outside(func(ctx context.Context) error {
				_, err := b.Deliveries(ctx, delivery.Query{Statuses: []delivery.Status{delivery.Failed}, Limit: 10})
				return err
			}),
			"retain": outside(func(ctx context.Context) error { _, err := b.Retain(ctx, time.Hour); return err }),
			"list": outside(func(ctx context.Context) error {
				_, err := b.Incidents(ctx, incident.Query{Limit: 10})
				return err
			}),
			"list of open": outside(func(ctx context.Context) error {
				_, err := b.Incidents(ctx, incident.Query{Statuses: []incident.Status{incident.Triggered, incident.Acknowledged}, Limit: 10})
				return err
			}),
			"list of a kind": outside(func(ctx context.Context) error {
				_, err := b.Incidents(ctx, incident.Query{Fingerprint: new(incident.Fingerprint), Limit: 10})
				return err
			}),
			"list of a kind, upwards": outside(func(ctx context.Context) error {
				_, err := b.Incidents(ctx, incident.Query{Fingerprint: new(incident.Fingerprint), Ascending: true, After: 7, Limit: 10})
				return err
			}),
			"open by severity": outside(func(ctx context.Context) error { _, err := b.CountOpen(ctx); return err }),
			"activity":         outside(func(ctx context.Context) error { _, err := b.ChannelActivity(ctx, time.Now()); return err }),
			"records":          outside(func(ctx context.Context) error { _, err := b.ChannelRecords(ctx); return err }),
		} {
			t.Run(name, func(t *testing.T) {
				asked := 0
				err := ask(func(ctx context.Context, on store.Transaction, statement string, args int) {
					asked++
					plan := planOf(ctx, t, driver, on, statement, args)
					require.NotRegexp(t, wholeTable, plan, statement)
					for query, index := range indexes {
						if strings.Contains(statement, query) {
							require.Regexp(t, index, plan, statement)
						}
					}
					if strings.Contains(statement, "d.ready = 1") {
						require.NotRegexp(t, `Sort|TEMP B-TREE`, plan, "it goes through the index until it has enough")
					}
				})
				var known *alerting.Error
				if !errors.As(err, &known) || known.Code != alerting.CodeNotFound {
					require.NoError(t, err)
				}
				require.Positive(t, asked)
			})
		}
	})
}
