package failuretest_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
)

func TestLostCommitIsSettled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		at   fault
		kept bool
	}{
		{"the server has committed: it is acknowledged", cutAfter, true},
		{"the server has not heard of it: it is refused", cutBefore, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := pgtest.DSN(t)
			through, proxied := startProxy(t, dsn)
			s := start(t, postgres(proxied))
			stream, told := follow(t, s), newAccount()
			s.mustRegister(t, 0)
			one := alert()
			for range 3 {
				a := alert()
				event, err := s.register(t, a)
				require.NoError(t, told.note(a.EventID, event, err))
			}
			through.failNext(c.at)
			event, err := s.register(t, one)
			require.Len(t, through.failed, 1, "the proxy has not met the commit")
			require.NoError(t, told.note(one.EventID, event, err))
			if c.kept {
				require.NoError(t, err)
				require.Equal(t, alerting.Seq(4), event.Seq())
			} else {
				requireUnavailable(t, err, "the connection to the database was lost")
			}
			require.Equal(t, uint64(1), s.store.Counts().Unsettled)

			event, err = s.register(t, one) // as the client does
			require.NoError(t, err)
			require.Equal(t, alerting.Seq(4), event.Seq())
			require.NoError(t, told.note(one.EventID, event, err))
			log := readPostgres(t, dsn)
			require.Len(t, log, 4)
			told.check(t, log)
			stream.check(t, log)
			checkCounted(t, log, s)
		})
	}
}

// atOnce makes n calls at once, requires each to return within a time, and
// returns their errors.
func atOnce(tb testing.TB, most time.Duration, n int, call func() error) []error {
	tb.Helper()
	began := time.Now()
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = call() })
	}
	group.Wait()
	require.Less(tb, time.Since(began), most)
	return errs
}

// find looks for an event that there is not, which takes a query.
func (s *service) find(ctx context.Context) error {
	_, err := s.store.Find(ctx, alerting.NewEventID(), "")
	return err
}

// warmUp makes the service use all the connections that it may have.
func (s *service) warmUp(tb testing.TB) {
	tb.Helper()
	for _, err := range atOnce(tb, patience, 20, func() error { return s.find(tb.Context()) }) {
		require.NoError(tb, err)
	}
}

// requireQueries requires that many queries at once work within a time. The first
// few may fail.
func (s *service) requireQueries(tb testing.TB, within time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), within)
	defer cancel()
	for _, err := range atOnce(tb, within, 20, func() error {
		for {
			if err := s.find(ctx); err == nil || ctx.Err() != nil {
				return err
			}
		}
	}) {
		require.NoError(tb, err)
	}
}

func TestSilentServerBoundsEveryCall(t *testing.T) {
	dsn := pgtest.DSN(t)
	through, proxied := startProxy(t, dsn)
	config := postgres(proxied)
	config.Timeout = time.Second
	most := config.Timeout + config.Timeout/2
	s := start(t, config)
	stream, told := follow(t, s), newAccount()
	s.mustRegister(t, 150)
	s.store.Buffer().Forget(50) // the first ones are to be read
	s.warmUp(t)

	through.hang()
	// Also those who have to wait for their turn.
	for _, err := range atOnce(t, most, 40, func() error {
		a := alert()
		event, err := s.register(t, a)
		return errors.Join(err, told.note(a.EventID, event, err))
	}) {
		requireUnavailable(t, err, "the database does not answer in time")
	}
	requireUnavailable(t, s.store.Ready(), "the database does not answer in time")
	for name, call := range map[string]func(context.Context) error{
		"find":     s.find,
		"catch up": s.store.CatchUp,
		"extent": func(ctx context.Context) error {
			_, err := s.store.Extent(ctx)
			return err
		},
		"after": func(ctx context.Context) error {
			_, err := s.store.After(ctx, 1, alerting.Filter{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range atOnce(t, most, 20, func() error { return call(t.Context()) }) {
				requireUnavailable(t, err, "the event log is not available: the database")
			}
		})
	}
	for target, status := range map[string]int{
		"/events?limit=20": http.StatusOK, "/metrics": http.StatusOK, "/healthz": http.StatusOK,
		"/readyz": http.StatusServiceUnavailable,
	} {
		atOnce(t, config.Timeout/2, 1, func() error {
			require.Equal(t, status, s.get(t, target).status, target)
			return nil
		})
	}

	through.resume()
	atOnce(t, 5*time.Second, 1, func() error { s.waitReady(t); return nil })
	s.requireQueries(t, 5*time.Second)
	s.mustRegister(t, 5)
	log := readPostgres(t, dsn)
	told.check(t, log)
	stream.check(t, log)
	checkCounted(t, log, s)
}

// As when a firewall forgets its connections, or the server's machine is gone and
// another has its address.
func TestSilentlyLostConnectionsAreReplaced(t *testing.T) {
	dsn := pgtest.DSN(t)
	through, proxied := startProxy(t, dsn)
	config := postgres(proxied)
	config.Timeout = 2 * time.Second
	s, other := start(t, config), start(t, postgres(dsn))
	s.mustRegister(t, 150)
	s.warmUp(t)

	through.lose()
	require.Eventually(t, func() bool {
		_, err := s.register(t, alert())
		return err == nil
	}, 5*time.Second, time.Millisecond)
	s.requireQueries(t, 5*time.Second)
	// Word of other replicas' events comes again, not only by polling.
	quick := 0
	for deadline := time.Now().Add(patience); quick < 5; {
		event, err := other.register(t, alert())
		require.NoError(t, err)
		began := time.Now()
		require.Eventually(t, func() bool {
			_, ok := s.manager.Event(event.ID())
			return ok
		}, patience, time.Millisecond)
		if quick++; time.Since(began) > 200*time.Millisecond {
			quick = 0
		}
		require.Less(t, time.Now(), deadline, "word of other replicas' events comes late")
	}
	checkCounted(t, readPostgres(t, dsn), s, other)
}

func TestStoppedServerIsNotAskedAtEachRequest(t *testing.T) {
	t.Parallel()
	cluster := pgtest.StartCluster(t)
	through, proxied := startProxy(t, cluster.DSN(pgtest.MaintenanceDatabase))
	s := start(t, postgres(proxied))
	clients := run(t, s)
	clients.waitMore(t, 20)
	require.NoError(t, cluster.Stop(t.Context(), pgtest.Fast))
	clients.waitRefused(t)
	began, before := time.Now(), through.accepted.Load()
	clients.waitRefused(t)
	attempts := float64(through.accepted.Load() - before)
	require.Less(t, attempts/time.Since(began).Seconds(), 60.0, "attempts a second")
	require.NoError(t, cluster.Start(t.Context()))
	clients.waitMore(t, 20)
}

func TestStopDoesNotWaitForASilentServer(t *testing.T) {
	through, proxied := startProxy(t, pgtest.DSN(t))
	config := postgres(proxied)
	config.Timeout = time.Second
	s := start(t, config)
	s.mustRegister(t, 3)
	s.warmUp(t)
	clients := run(t, s)
	clients.waitMore(t, 20)
	through.hang()
	s.waitNotReady(t, "the database")
	atOnce(t, 2*config.Timeout, 1, func() error {
		s.stop()
		return nil
	})
	clients.stop()
	_, err := s.register(t, alert())
	requireUnavailable(t, err, "alertd is stopping")
}
