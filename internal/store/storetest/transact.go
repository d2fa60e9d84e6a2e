package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

var transactCases = []testCase{
	{"rows are inserted with few statements, and changed where they are", insertedRows},
	{"a transaction that fails leaves nothing", failedTransaction},
	{"a snapshot sees one time, changes nothing, and holds up nobody", snapshot},
	{"an unreadable row is logged and counted once", unreadableRow},
	{"an event that cannot be read is left out of those asked for by number", unreadableEvents},
	{"queries hold up nothing that alertd itself reads", queriesHoldUpNoUpkeep},
}

// inserts changes the numbers under which readers of the log have names.
func (l *Log) inserts(tb testing.TB, rows ...[]any) {
	tb.Helper()
	require.NoError(tb, l.Transact(tb.Context(), false, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
		return l.InsertRows(ctx, tx, `INSERT INTO log_cursors (name, seq) `, []string{"text", "bigint"}, rows,
			` ON CONFLICT (name) DO UPDATE SET seq = excluded.seq`)
	}))
}

func insertedRows(t *testing.T, db Database) {
	log := db.Open(t)
	log.inserts(t)
	for _, n := range []int64{1, 2, 63, 64, 65, 200} {
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{fmt.Sprintf("reader %d", i), n}
		}
		log.inserts(t, rows...)
		require.Equal(t, n, db.Number(t, `SELECT count(*) FROM log_cursors WHERE name LIKE 'reader %'`))
		require.Equal(t, n*n, db.Number(t, `SELECT sum(seq) FROM log_cursors WHERE name LIKE 'reader %'`))
	}

	// The kinds of columns, and none of each.
	id := alerting.NewEventID()
	require.NoError(t, log.Transact(t.Context(), true, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
		return errors.Join(
			log.InsertRows(ctx, tx, `INSERT INTO folds (through, events) `, []string{"bigint", "bytea"}, [][]any{{int64(3), []byte{0, 255}}}, ""),
			log.InsertRows(ctx, tx, `INSERT INTO incidents (number, incident_id, fingerprint, status, severity, category, source, last_seen, resolved, state) `,
				[]string{"bigint", "uuid", "text", "bigint", "bigint", "bigint", "text", "bigint", "bigint", "text"}, [][]any{
					{int64(1), log.Dialect().ID(id), "a", int64(3), int64(1), int64(1), "", int64(5), int64(6), "{}"},
					{int64(2), log.Dialect().ID(alerting.NewEventID()), "b", int64(3), int64(1), int64(1), "", int64(5), nil, "{}"},
				}, ""))
	}))
	require.Equal(t, int64(1), db.Number(t, `SELECT count(*) FROM incidents WHERE resolved IS NULL`))
	var events []byte
	require.NoError(t, db.SQL.QueryRowContext(t.Context(), `SELECT events FROM folds`).Scan(&events))
	require.Equal(t, []byte{0, 255}, events)
	var number int64
	require.NoError(t, log.EachRow(t.Context(), func(rows *sql.Rows) error { return rows.Scan(&number) },
		`SELECT number FROM incidents WHERE incident_id = ?`, log.Dialect().ID(id)))
	require.Equal(t, int64(1), number)
}

func failedTransaction(t *testing.T, db Database) {
	log := db.Open(t)
	wrong := errors.New("wrong")
	for _, inTurn := range []bool{false, true} {
		err := log.Transact(t.Context(), inTurn, func(ctx context.Context, tx store.Transaction, now time.Time) error {
			require.WithinDuration(t, time.Now(), now, patience)
			rows := [][]any{{"reader", int64(7)}}
			return errors.Join(log.InsertRows(ctx, tx, `INSERT INTO log_cursors (name, seq) `, []string{"text", "bigint"}, rows, ""), wrong)
		})
		require.ErrorIs(t, err, wrong)
	}
	require.Zero(t, db.Number(t, `SELECT count(*) FROM log_cursors WHERE name = 'reader'`))
}

func snapshot(t *testing.T, db Database) {
	log := db.Open(t)
	log.inserts(t, []any{"reader", int64(1)})
	seen := func(ctx context.Context, tx store.Transaction) (seq int64) {
		require.NoError(t, tx.QueryRowContext(ctx, `SELECT seq FROM log_cursors WHERE name = 'reader'`).Scan(&seq))
		return seq
	}
	require.NoError(t, log.Snapshot(t.Context(), func(ctx context.Context, tx store.Transaction, now time.Time) error {
		require.WithinDuration(t, time.Now(), now, patience)
		require.Equal(t, int64(1), seen(ctx, tx))
		log.inserts(t, []any{"reader", int64(2)}) //nolint:contextcheck // it is somebody else
		require.Equal(t, int64(1), seen(ctx, tx))
		return nil
	}))
	require.Error(t, log.Snapshot(t.Context(), func(ctx context.Context, tx store.Transaction, _ time.Time) error {
		require.Equal(t, int64(2), seen(ctx, tx))
		_, err := tx.ExecContext(ctx, `UPDATE log_cursors SET seq = 3 WHERE name = 'reader'`)
		return err
	}))
	require.Equal(t, int64(2), db.Number(t, `SELECT seq FROM log_cursors WHERE name = 'reader'`))
}

func unreadableRow(t *testing.T, db Database) {
	log := db.Open(t)
	require.Equal(t, map[string]int{"events": 0}, log.Counts().Unreadable)
	require.True(t, log.SetAside("notices", "7/1", errors.New("cut")))
	require.False(t, log.SetAside("notices", "7/1", errors.New("cut")))
	require.True(t, log.SetAside("notices", "7/2", errors.New("cut")))
	require.True(t, log.SetAside("incidents", "7/2", errors.New("cut")))
	require.Equal(t, map[string]int{"events": 0, "notices": 2, "incidents": 1}, log.Counts().Unreadable)
}

func unreadableEvents(t *testing.T, db Database) {
	log := db.Start(t)
	log.Add(t, Alerts(5)...)
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq IN (2, 4)`)
	for range 2 {
		events, err := log.Events(t.Context(), []alerting.Seq{5, 4, 3, 9})
		require.NoError(t, err)
		requireSeqs(t, []alerting.Seq{3, 5}, seqsOf(events))
	}
	require.NoError(t, log.Transact(t.Context(), false, func(ctx context.Context, tx store.Transaction, _ time.Time) error {
		events, err := log.EventsIn(ctx, tx, []alerting.Seq{1, 2})
		requireSeqs(t, []alerting.Seq{1}, seqsOf(events))
		return err
	}))
	require.Equal(t, map[string]int{"events": 2}, log.Counts().Unreadable)
}

// queriesHoldUpNoUpkeep has more queries under way than there are connections.
func queriesHoldUpNoUpkeep(t *testing.T, db Database) {
	log := db.Start(t)
	log.Add(t, Alert("alert"))
	release, busy := make(chan struct{}), make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var queries errgroup.Group
	for range 20 {
		queries.Go(func() error {
			_ = log.EachRow(ctx, func(*sql.Rows) error {
				busy <- struct{}{}
				<-release
				return nil
			}, `SELECT seq FROM log_cursors`)
			return nil
		})
	}
	<-busy
	for asking := true; asking; { // until nobody else gets a connection
		select {
		case <-busy:
		case <-time.After(200 * time.Millisecond):
			asking = false
		}
	}
	soon, end := context.WithTimeout(t.Context(), 5*time.Second) // before the queries run into their limit
	defer end()
	part, err := log.Unfolded(soon, 0, 10)
	require.NoError(t, err)
	require.NotZero(t, part.Through)
	require.NoError(t, log.EachRowOfUpkeep(soon, func(*sql.Rows) error { return nil }, `SELECT seq FROM log_cursors`))
	log.Add(t, Alert("another"))
	cancel()
	close(release)
	require.NoError(t, queries.Wait())
}
