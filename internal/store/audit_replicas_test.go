package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
)

// TestTheAuditLogHasNoForkAmongReplicas has replicas whose connections are lost now and
// then, also in mid-transaction.
func TestTheAuditLogHasNoForkAmongReplicas(t *testing.T) {
	t.Parallel()
	db := storetest.PostgreSQL(t)
	logs := []*storetest.Log{db.Open(t), db.Open(t)}
	errUndone := errors.New("undone")
	var mu sync.Mutex
	written := map[string]bool{} // whether its transaction was committed for certain
	var writers errgroup.Group
	for i := range 12 {
		log := logs[i%2]
		writers.Go(func() error {
			for n := range 15 {
				object := fmt.Sprintf("%d of writer %d", n, i)
				err := log.Transact(t.Context(), n%2 == 0, func(ctx context.Context, tx store.Transaction, now time.Time) error {
					e := audit.Entry{Actor: "ada", Kind: access.Token, Action: audit.Acknowledge, Object: object}
					if err := log.Record(ctx, tx, now, e, e); err != nil || n%5 != 4 {
						return err
					}
					return errUndone
				})
				mu.Lock()
				if written[object] = err == nil; errors.Is(err, errUndone) {
					delete(written, object)
				}
				mu.Unlock()
			}
			return nil
		})
	}
	ctx, end := context.WithCancel(t.Context())
	var killer errgroup.Group
	killed := 0
	killer.Go(func() error {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			var some int
			err := db.SQL.QueryRowContext(ctx, `SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%audit%' ORDER BY random() LIMIT 1) AS one`).Scan(&some)
			if err != nil && ctx.Err() == nil {
				return err
			}
			killed += some
		}
	})
	require.NoError(t, writers.Wait())
	end()
	require.NoError(t, killer.Wait())
	require.Positive(t, killed)

	for _, log := range logs { // what comes after is chained to it
		require.NoError(t, log.Audit(t.Context(), audit.Entry{Object: "last"}))
	}
	seen, err := db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, 1, seen.First)
	page, err := logs[0].AuditLog(t.Context(), audit.Query{Ascending: true, Limit: 10_000})
	require.NoError(t, err)
	times := map[string]int{}
	for _, r := range page.Records {
		times[r.Object]++
	}
	delete(times, "last")
	certain := 0
	for object, sure := range written {
		if sure {
			certain++
			require.Equal(t, 2, times[object], object)
		}
		require.Contains(t, []int{0, 2}, times[object], "a transaction is kept whole or not at all")
		delete(times, object)
	}
	require.Empty(t, times, "nothing was kept that was undone")
	require.Positive(t, certain)
	t.Logf("%d connections were killed, %d of %d transactions were committed for certain, %d records", killed, certain, len(written), len(page.Records))
}
