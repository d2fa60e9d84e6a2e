package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// newFile returns a database with two events in its write-ahead log only, as after a crash,
// and a connection to it.
func newFile(tb testing.TB) (sqliteFile, *sql.DB) {
	tb.Helper()
	s := sqliteFile{filepath.Join(tb.TempDir(), "alertd.db")}
	database, err := sql.Open("sqlite", "file:"+s.path+"?_pragma=journal_mode(wal)")
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, database.Close()) })
	for _, statement := range []string{
		"create table events (seq integer primary key, event_id text)", "insert into events values (3, 'a'), (7, 'b')",
	} {
		_, err := database.ExecContext(tb.Context(), statement)
		require.NoError(tb, err)
	}
	return s, database
}

func TestTallyCountsTheWALAndChangesNothing(t *testing.T) {
	s, database := newFile(t)
	before, err := os.ReadFile(s.path + "-wal")
	require.NoError(t, err)
	require.NotEmpty(t, before)
	for range 2 {
		got, err := s.tally(t.Context())
		require.NoError(t, err)
		require.Equal(t, tally{events: 2, ids: 2, lastSeq: 7}, got)
	}
	after, err := os.ReadFile(s.path + "-wal")
	require.NoError(t, err)
	require.Equal(t, before, after)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.path), "copy-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	_, err = database.ExecContext(t.Context(), "insert into events values (8, 'b')")
	require.NoError(t, err)
	got, err := s.tally(t.Context())
	require.NoError(t, err)
	require.Equal(t, tally{events: 3, ids: 2, lastSeq: 8}, got)
}

func TestTallyOfADamagedFileIsAnError(t *testing.T) {
	s, database := newFile(t)
	_, err := database.ExecContext(t.Context(), "create index by_id on events (event_id)")
	require.NoError(t, err)
	_, err = database.ExecContext(t.Context(), "pragma wal_checkpoint(truncate)")
	require.NoError(t, err)
	// An index entry without an event: damage that reads do not notice.
	text, err := os.ReadFile(s.path)
	require.NoError(t, err)
	const page = 4096
	text[len(text)-1] ^= 1
	require.Zero(t, len(text)%page)
	require.NoError(t, os.WriteFile(s.path, text, 0o600))
	_, err = s.tally(t.Context())
	require.ErrorContains(t, err, "integrity_check")
}

func TestTallyOfNoFileIsAnError(t *testing.T) {
	_, err := sqliteFile{filepath.Join(t.TempDir(), "alertd.db")}.tally(t.Context())
	require.ErrorContains(t, err, "no such table")
}
