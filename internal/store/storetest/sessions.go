package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/store"
)

var sessionCases = []testCase{
	{"a session is found on every replica until it ends, and nothing revives it", sessionEnds},
	{"a session is over when its time is, and retention deletes it", sessionExpires},
	{"the database has no session's token", sessionHashed},
}

func sessionEnds(t *testing.T, db Database) {
	log := db.Open(t)
	// Two of one database stand for two replicas: neither keeps anything in memory.
	one, other := store.NewSessions(log.Store), store.NewSessions(log.Store)
	later := time.Now().Add(time.Hour)
	holds := func(token, data string) {
		t.Helper()
		got, found, err := other.FindCtx(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, data != "", found)
		require.Equal(t, data, string(got))
	}
	holds("a", "")
	require.NoError(t, one.CommitCtx(t.Context(), "a", []byte("first"), later))
	require.NoError(t, one.CommitCtx(t.Context(), "b", []byte("of another"), later))
	holds("a", "first")
	require.NoError(t, one.CommitCtx(t.Context(), "a", []byte("second"), later))
	holds("a", "second")
	require.NoError(t, other.DeleteCtx(t.Context(), "a"))
	require.NoError(t, other.DeleteCtx(t.Context(), "a"), "it need not be there")
	require.NoError(t, other.DeleteCtx(t.Context(), "unknown"))
	holds("a", "")
	require.NoError(t, one.CommitCtx(t.Context(), "a", []byte("by a request that was under way"), later))
	holds("a", "")
	holds("b", "of another")
}

func sessionExpires(t *testing.T, db Database) {
	log := db.Open(t)
	sessions := store.NewSessions(log.Store)
	require.NoError(t, sessions.CommitCtx(t.Context(), "over", []byte("x"), time.Now().Add(-time.Second)))
	require.NoError(t, sessions.CommitCtx(t.Context(), "ended", []byte("x"), time.Now().Add(time.Hour)))
	require.NoError(t, sessions.DeleteCtx(t.Context(), "ended"))
	require.NoError(t, sessions.CommitCtx(t.Context(), "valid", []byte("x"), time.Now().Add(time.Hour)))
	_, found, err := sessions.FindCtx(t.Context(), "over")
	require.NoError(t, err)
	require.False(t, found)
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(2), db.Number(t, `SELECT count(*) FROM sessions`), "one that has ended is remembered for requests under way")
	db.Exec(t, `UPDATE sessions SET expires = 0 WHERE data IS NULL`)
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM sessions`))
	_, found, err = sessions.FindCtx(t.Context(), "valid")
	require.NoError(t, err)
	require.True(t, found)
}

func sessionHashed(t *testing.T, db Database) {
	sessions := store.NewSessions(db.Open(t).Store)
	require.NoError(t, sessions.CommitCtx(t.Context(), "a-secret-token", []byte("x"), time.Now().Add(time.Hour)))
	var kept []byte
	require.NoError(t, db.SQL.QueryRowContext(t.Context(), `SELECT token FROM sessions`).Scan(&kept))
	require.Len(t, kept, 32)
	require.NotContains(t, string(kept), "secret")
	_, found, err := sessions.FindCtx(t.Context(), string(kept))
	require.NoError(t, err)
	require.False(t, found, "what is in the database opens no session")
}
