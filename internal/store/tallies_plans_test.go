package store_test

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

// TestNoStatementReadsAllTallies has a year of minutes, and events, and asks the databases how
// they would run each statement whatever its arguments are.
func TestNoStatementReadsAllTallies(t *testing.T) {
	t.Parallel()
	for name, create := range map[string]func(testing.TB) storetest.Database{store.SQLite: storetest.SQLite, store.Postgres: storetest.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := create(t)
			log := db.Open(t)
			db.Exec(t, `WITH RECURSIVE minutes(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM minutes WHERE n < 50000)
				INSERT INTO event_tallies (width, start, debug, info, warning, error, critical) SELECT 60000000, n * CAST(60000000 AS bigint), 1, 1, 1, 1, 1 FROM minutes`)
			db.Insert(t, storetest.History(t, 5000)...)
			db.Exec(t, `ANALYZE`)
			conn, err := db.SQL.Conn(t.Context())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			for statement, args := range log.TallyQueries() {
				plan := tallyPlan(t, conn, name, statement, args)
				require.NotRegexp(t, `Seq Scan|SCAN (event_tallies|events)`, plan, statement)
				require.Regexp(t, `event_tallies_pkey|events_pkey|SEARCH event_tallies USING PRIMARY KEY \(width=\? AND start[>=]|SEARCH events USING INTEGER PRIMARY KEY \(rowid>\? AND rowid<\?`, plan, statement)
			}
		})
	}
}

// tallyPlan returns how a database would run a statement.
func tallyPlan(t *testing.T, conn *sql.Conn, driver, statement string, args int) string {
	t.Helper()
	explain, arguments := `EXPLAIN QUERY PLAN `+statement, make([]any, args)
	for i := range arguments {
		arguments[i] = 1
	}
	if driver == store.Postgres {
		for _, step := range []string{`SET plan_cache_mode = force_generic_plan`, `DEALLOCATE ALL`, `PREPARE plan AS ` + statement} {
			_, err := conn.ExecContext(t.Context(), step)
			require.NoError(t, err, step)
		}
		explain, arguments = `EXPLAIN EXECUTE plan (`+strings.TrimSuffix(strings.Repeat(`NULL, `, args), ", ")+`)`, nil
	} else if args == 1 {
		arguments[0] = `[[1, 2]]`
	}
	rows, err := conn.QueryContext(t.Context(), explain, arguments...)
	require.NoError(t, err, statement)
	defer func() { require.NoError(t, rows.Close()) }()
	var plan strings.Builder
	for rows.Next() {
		var line string
		into := []any{&line}
		if driver == store.SQLite {
			into = []any{new(int), new(int), new(int), &line}
		}
		require.NoError(t, rows.Scan(into...))
		plan.WriteString(line + "\n")
	}
	require.NoError(t, rows.Err())
	return plan.String()
}
