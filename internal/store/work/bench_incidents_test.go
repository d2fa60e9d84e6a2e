package work_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// fillIncidents makes resolved incidents, and open ones evenly among them.
func fillIncidents(tb testing.TB, db storetest.Database, resolved, open int) {
	tb.Helper()
	all, id := resolved+open, `gen_random_uuid()`
	if db.Config.Driver == store.SQLite {
		id = `randomblob(16)`
	}
	isOpen := fmt.Sprintf(`n %% %d = 0`, all/open)
	state := `'{"status":"' || CASE WHEN ` + isOpen + ` THEN 'triggered' ELSE 'resolved' END || '","severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03 on the book of position ' || n || ', which is to be hedged by the desk","pattern":"VaR limit breached: # > # on the book of position #, which is to be hedged by the desk","grouped_by":"message","fingerprint":"5b2f7c0d9a1e4f3386c4d2b17e90aa51","first_seen":"2025-12-27T10:30:00Z","last_seen":"2025-12-27T10:30:00Z","count":12,"notices":3,"told_at":"2025-12-27T10:30:00Z","told_count":12,"generation":1,"first_event":1,"last_event":77}'`
	db.Exec(tb, `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < `+fmt.Sprint(all)+`)
		INSERT INTO incidents (number, incident_id, fingerprint, status, severity, category, source, last_seen, resolved, state)
		SELECT n, `+id+`, CASE WHEN `+isOpen+` THEN 'print ' || n ELSE 'print ' || (n % 1000) END, CASE WHEN `+isOpen+` THEN 1 ELSE 3 END, 4, 1, 'source', n,
			CASE WHEN `+isOpen+` THEN NULL ELSE 4000000000000000 END, `+state+` FROM numbers`)
	if db.Config.Driver == store.Postgres { // as autovacuum does by itself
		db.Exec(tb, `ANALYZE`)
	}
}

// BenchmarkOpenIncidents is what a page asks for that shows what is open.
func BenchmarkOpenIncidents(b *testing.B) {
	for _, c := range []struct{ resolved, open int }{{0, 10_000}, {200_000, 10_000}, {200_000, 20}} {
		for driver, create := range databases {
			b.Run(fmt.Sprintf("%d of %d/%s", c.open, c.resolved+c.open, driver), func(b *testing.B) {
				db := create(b)
				log := db.Open(b)
				fillIncidents(b, db, c.resolved, c.open)
				w := work.New(log.Store)
				b.Run("all", func(b *testing.B) {
					for b.Loop() {
						page, err := w.Incidents(b.Context(), incident.Query{Statuses: []incident.Status{incident.Triggered, incident.Acknowledged}, Limit: 1000})
						require.NoError(b, err)
						require.Len(b, page.Incidents, min(c.open, 1000))
					}
				})
				b.Run("none", func(b *testing.B) {
					for b.Loop() {
						page, err := w.Incidents(b.Context(), incident.Query{Statuses: []incident.Status{incident.Acknowledged}, Limit: 1})
						require.NoError(b, err)
						require.Empty(b, page.Incidents)
					}
				})
			})
		}
	}
}
