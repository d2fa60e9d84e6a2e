package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/pgtest"
)

// listening notes the statements that a database is given.
type listening struct {
	database
	mu         sync.Mutex
	statements map[string]int // how many arguments each takes
}

func (l *listening) dialect() Dialect {
	d := l.database.dialect()
	rebind := d.Rebind
	d.Rebind = func(query string) string {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.statements[rebind(query)] = strings.Count(query, "?")
		return rebind(query)
	}
	return d
}

// fillForPlans makes tables so large that nobody wants to read them whole: of 40,000
// deliveries 1,000 wait, and 100 have failed and are not reported.
func fillForPlans(tb testing.TB, db *sql.DB, driver string) {
	tb.Helper()
	const numbers = `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 40000) `
	id, packed := `gen_random_uuid()`, `'\x0101'::bytea`
	if driver == SQLite {
		id, packed = `randomblob(16)`, `x'0101'`
	}
	for _, statement := range []string{
		`INSERT INTO incidents (number, incident_id, fingerprint, status, severity, category, source, last_seen, update_due, resolved, state)
			SELECT n, ` + id + `, 'print ' || n, CASE WHEN n % 40 = 0 THEN 1 ELSE 3 END, 1, 1, 'source', n,
			CASE WHEN n % 80 = 0 THEN n END, CASE WHEN n % 40 = 0 THEN NULL ELSE 4000000000000000 END, '{}' FROM numbers`,
		`INSERT INTO folds (through, events) SELECT n, ` + packed + ` FROM numbers`,
		`INSERT INTO incident_folds (incident, through) SELECT n, n FROM numbers`,
		`INSERT INTO events (seq, event_id, received, json) SELECT n, ` + id + `, n, '{}' FROM numbers`,
		`INSERT INTO incident_entries (incident, entry) SELECT n, '{}' FROM numbers`,
		`INSERT INTO notices (incident, number, notice) SELECT n, 1, '{}' FROM numbers`,
		`INSERT INTO deliveries (delivery_id, incident, notice, reason, channel, status, created, due, give_up, finished)
			SELECT ` + id + `, n, 1, 1, 'channel ' || (n % 4), CASE WHEN n % 40 = 0 THEN 1 WHEN n % 400 = 1 THEN 4 ELSE 3 END, n, n, 4000000000000000, CASE WHEN n % 40 = 0 THEN NULL ELSE n END FROM numbers`,
		`INSERT INTO delivery_attempts (delivery_id, number, at, took, outcome, code, error) SELECT delivery_id, 1, 1, 1, 1, 200, '' FROM deliveries WHERE status <> 1`,
	} {
		if strings.Contains(statement, "numbers") {
			statement = numbers + statement
		}
		_, err := db.ExecContext(tb.Context(), statement)
		require.NoError(tb, err)
	}
	if driver == Postgres { // SQLite has no statistics, also when alertd runs
		_, err := db.ExecContext(tb.Context(), `ANALYZE`)
		require.NoError(tb, err)
	}
}

// planOf returns how the database goes about a statement, whatever its arguments.
func planOf(tb testing.TB, db *sql.DB, driver, statement string, args int) string {
	tb.Helper()
	conn, err := db.Conn(tb.Context())
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	explain, nulls := `EXPLAIN QUERY PLAN `+statement, make([]any, args)
	if driver == Postgres {
		exec := func(step string) {
			_, err := conn.ExecContext(tb.Context(), step)
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
	rows, err := conn.QueryContext(tb.Context(), explain, nulls...)
	require.NoError(tb, err, statement)
	defer func() { require.NoError(tb, rows.Close()) }()
	var lines []string
	for rows.Next() {
		var line string
		into := []any{&line}
		if driver == SQLite {
			into = []any{new(int), new(int), new(int), &line}
		}
		require.NoError(tb, rows.Scan(into...))
		lines = append(lines, line)
	}
	require.NoError(tb, rows.Err())
	return strings.Join(lines, "\n")
}

// wholeTable is what reads a table row by row, in the words of either database. A
// query's own rows, such as those of a list, do not count.
var wholeTable = regexp.MustCompile(`Seq Scan on (folds|deliveries|incidents|incident_|notices|delivery_|events)|(?m)^SCAN (folds|deliveries|incidents|incident_\w+|notices|delivery_attempts|events|[defim])$`)

// indexes are those of some queries, by a part of their text.
var indexes = map[string]string{
	"d.due <= ": "deliveries_waiting", "min(e.notice)": "deliveries_line", "ORDER BY due, number": "deliveries_waiting",
	"d.give_up <= ": "deliveries_give_up", "d.reported = 0": "deliveries_unreported", "GROUP BY channel": "deliveries_(waiting|line|give_up)",
	"update_due <= ": "incidents_update_due", "i.resolved <= ": "incidents_resolved", "status < 3 AND fingerprint": "incidents_open",
	"d.finished IS NOT NULL": "deliveries_finished", "m.incident = i.number": "incident_folds|m USING PRIMARY KEY",
}

func TestNothingTheEngineAsksReadsAWholeTable(t *testing.T) {
	for driver, config := range map[string]Config{
		SQLite:   {Driver: SQLite, Path: filepath.Join(t.TempDir(), "alertd.db")},
		Postgres: {Driver: Postgres},
	} {
		t.Run(driver, func(t *testing.T) {
			if driver == Postgres {
				config.DSN = pgtest.DSN(t)
			}
			config.Logger, config.Retention = slog.New(slog.DiscardHandler), time.Hour
			s, err := Open(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, s.Close()) })
			workers := s.db.read()
			if e, ok := s.db.(*postgresDB); ok {
				workers = e.workers
			}
			fillForPlans(t, connectFor(t, s), driver)

			d := delivery.Delivery{ID: delivery.NewID(), Incident: 39_999, Notice: 2, Reason: incident.Updated, Channel: "channel 0"}
			event, err := alerting.NewDraft(alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: "x", Message: "x"}, time.Now())
			require.NoError(t, err)
			db := s.db.read()
			within := func(f func(ctx context.Context, tx *Tx) error) func() error {
				return func() error {
					db = workers
					return s.Work(t.Context(), f)
				}
			}
			for name, ask := range map[string]func() error{
				"claim": within(func(ctx context.Context, tx *Tx) error {
					claimed, _, err := tx.Claim(ctx, Which{Channel: "channel 0", Most: 4}, Claim{ID: delivery.NewID(), For: time.Minute})
					require.Len(t, claimed, 4)
					return err
				}),
				"add":       within(func(ctx context.Context, tx *Tx) error { _, err := tx.AddDelivery(ctx, d, Claim{}); return err }),
				"supersede": within(func(ctx context.Context, tx *Tx) error { _, _, err := tx.Supersede(ctx, d); return err }),
				"overtaken": within(func(ctx context.Context, tx *Tx) error { _, err := tx.Overtaken(ctx, d); return err }),
				"told":      within(func(ctx context.Context, tx *Tx) error { _, err := tx.Told(ctx, 5); return err }),
				"thread":    within(func(ctx context.Context, tx *Tx) error { _, err := tx.Thread(ctx, 5, "channel 0"); return err }),
				"finish": within(func(ctx context.Context, tx *Tx) error {
					claimed, _, err := tx.Claim(ctx, Which{Channel: "channel 0", Most: 2}, Claim{ID: delivery.NewID(), For: time.Minute})
					for n, status := range []delivery.Status{delivery.Waiting, delivery.Delivered} {
						if err == nil {
							_, err = tx.Finish(ctx, claimed[n], delivery.Attempt{Outcome: channel.Transient}, delivery.Step{Status: status}, "")
						}
					}
					return err
				}),
				"release": within(func(ctx context.Context, tx *Tx) error {
					return tx.Release(ctx, Claimed{Delivery: d, Claim: delivery.NewID()})
				}),
				"end": within(func(ctx context.Context, tx *Tx) error { _, err := tx.End(ctx, d, delivery.Failed, ""); return err }),
				"expired": within(func(ctx context.Context, tx *Tx) error {
					_, err := tx.Expired(ctx, []string{"chat", "mail"}, nil, 100)
					return err
				}),
				"hurry":    within(func(ctx context.Context, tx *Tx) error { return tx.Hurry(ctx, "channel 0") }),
				"reported": within(func(ctx context.Context, tx *Tx) error { return tx.Reported(ctx, d) }),
				"due":      within(func(ctx context.Context, tx *Tx) error { _, err := tx.DueIncidents(ctx, 100); return err }),
				"open": within(func(ctx context.Context, tx *Tx) error {
					_, err := tx.OpenIncidents(ctx, make([]incident.Fingerprint, 3))
					return err
				}),
				"reminders":  func() error { _, err := s.RemindersDue(t.Context()); return err },
				"unreported": func() error { _, err := s.Unreported(t.Context(), 100); return err },
				"queues":     func() error { _, _, err := s.Queues(t.Context()); return err },
				"of":         func() error { _, err := s.IncidentsOf(t.Context(), []*alerting.Event{event.Finish(7)}); return err },
				"timeline":   func() error { _, err := s.Timeline(t.Context(), incident.NewID()); return err },
				"events":     func() error { _, err := s.IncidentEvents(t.Context(), incident.NewID(), 10); return err },
				"delivery":   func() error { _, _, err := s.Delivery(t.Context(), d.ID); return err },
				"deliveries": func() error {
					_, err := s.Deliveries(t.Context(), delivery.Query{Incident: incident.NewID(), Limit: 10})
					return err
				},
				"forget": within(func(ctx context.Context, tx *Tx) error { return tx.forgetFolds(ctx, 100) }),
				"old":    func() error { _, err := s.oldIncidents(t.Context()); return err },
				"delete": func() error {
					for range 2 { // first its delivery, then the rest
						if _, _, err := s.deleteSomeOf(t.Context(), []int64{39_999}); err != nil {
							return err
						}
					}
					return nil
				},
			} {
				t.Run(name, func(t *testing.T) {
					heard := &listening{database: s.db, statements: map[string]int{}}
					s.db, db = heard, s.db.read()
					err := ask()
					s.db = heard.database
					if known, ok := err.(*alerting.Error); !ok || known.Code != alerting.CodeNotFound { //nolint:errorlint // as it was returned
						require.NoError(t, err)
					}
					require.NotEmpty(t, heard.statements)
					for statement, args := range heard.statements {
						plan := planOf(t, db, driver, statement, args)
						require.NotRegexp(t, wholeTable, plan, statement)
						for query, index := range indexes {
							if strings.Contains(statement, query) {
								require.Regexp(t, index, plan, statement)
							}
						}
						if name == "claim" && strings.Contains(statement, "ORDER BY d.due") {
							require.NotRegexp(t, `Sort|TEMP B-TREE FOR ORDER BY`, plan, "it goes through the index until it has enough")
						}
					}
				})
			}
		})
	}
}

// connectFor opens a store's database beside it.
func connectFor(tb testing.TB, s *Store) *sql.DB {
	tb.Helper()
	name, dsn := "pgx", s.config.DSN
	if s.config.Driver == SQLite {
		name, dsn = "sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(20000)", s.config.Path)
	}
	db, err := sql.Open(name, dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}
