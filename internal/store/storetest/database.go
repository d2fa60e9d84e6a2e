package storetest

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

// SQLite returns a file of the test's own that does not exist yet.
func SQLite(tb testing.TB) Database {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "folder", "alerts #1?.db")
	db := Database{Config: store.Config{Driver: store.SQLite, Path: path}}
	db.SQL = openSQL(tb, "sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(20000)&_txlock=immediate")
	db.Insert = func(tb testing.TB, events ...*alerting.Event) {
		tb.Helper()
		tx, err := db.SQL.BeginTx(tb.Context(), nil)
		require.NoError(tb, err)
		defer func() { require.NoError(tb, tx.Commit()) }()
		insert, err := tx.PrepareContext(tb.Context(), `INSERT INTO events (seq, event_id, received, json) VALUES (?, ?, ?, ?)`)
		require.NoError(tb, err)
		defer func() { require.NoError(tb, insert.Close()) }()
		for _, event := range events {
			id := event.ID()
			_, err := insert.ExecContext(tb.Context(), int64(event.Seq()), id[:], event.ReceivedAt().UnixMicro(), event.JSON())
			require.NoError(tb, err)
		}
	}
	db.Advance = func(tb testing.TB, by time.Duration) {
		tb.Helper()
		for table, columns := range map[string][]string{
			"events": {"received"}, "idempotency_keys": {"at"}, "incidents": {"last_seen", "resolved"}, "timers": {"due"},
			"deliveries": {"created", "due", "give_up", "finished", "tried", "lease"}, "delivery_attempts": {"at"},
			"channel_records": {"last_failure", "last_success", "seen"},
		} {
			for i, column := range columns {
				columns[i] = fmt.Sprintf("%s = %s - %d", column, column, by.Microseconds())
			}
			db.Exec(tb, `UPDATE `+table+` SET `+strings.Join(columns, ", "))
		}
	}
	return db
}

// PostgreSQL returns an empty database of the test's own.
func PostgreSQL(tb testing.TB) Database {
	tb.Helper()
	dsn := pgtest.DSN(tb)
	db := Database{Config: store.Config{Driver: store.Postgres, DSN: dsn}}
	db.SQL = openSQL(tb, "pgx", dsn)
	db.Insert = func(tb testing.TB, events ...*alerting.Event) {
		tb.Helper()
		var seqs, received []int64
		var ids, jsons []string
		for _, event := range events {
			seqs, received = append(seqs, int64(event.Seq())), append(received, event.ReceivedAt().UnixMicro())
			ids, jsons = append(ids, event.ID().String()), append(jsons, event.JSON())
		}
		_, err := db.SQL.ExecContext(tb.Context(), `INSERT INTO events (seq, event_id, received, json)
			SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[])`, seqs, ids, received, jsons)
		require.NoError(tb, err)
	}
	advanced := time.Duration(0)
	advance := func(by time.Duration) string {
		advanced += by
		return fmt.Sprintf(`CREATE OR REPLACE FUNCTION alertd_now() RETURNS bigint LANGUAGE sql VOLATILE
			AS 'SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + %d'`, advanced.Microseconds())
	}
	db.Advance = func(tb testing.TB, by time.Duration) {
		tb.Helper()
		db.Exec(tb, advance(by))
	}
	db.Pass = func(tb testing.TB, by time.Duration) {
		tb.Helper()
		// Or what is being sent just now would be taken for lost, and sent again. Where an attempt
		// hangs, that is meant.
		sending := func() (n int) {
			require.NoError(tb, db.SQL.QueryRowContext(tb.Context(), `SELECT count(*) FROM deliveries WHERE status = 2`).Scan(&n))
			return n
		}
		for end := time.Now().Add(3 * time.Second); sending() > 0 && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond) //nolint:forbidigo // in a loop
		}
		db.Exec(tb, fmt.Sprintf(`SELECT 1 FROM engine FOR UPDATE; -- so that there is no turn meanwhile
			%s;
			UPDATE states SET state = jsonb_set(state::jsonb, '{at}', to_jsonb((state::jsonb->>'at')::timestamptz + interval '%d microseconds'))
			WHERE kind = 'hearing'`, advance(by), by.Microseconds()))
	}
	return db
}

func openSQL(tb testing.TB, driver, dsn string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}
