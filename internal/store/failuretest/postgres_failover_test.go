package failuretest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
)

func TestFailoverLosesNothing(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	standby := pgtest.StartStandby(t, primary)
	config := postgres(pgtest.FailoverDSN(pgtest.MaintenanceDatabase, primary, standby))
	s, other := start(t, config), start(t, config)
	stream, otherStream := follow(t, s), follow(t, other)
	clients := run(t, s)
	others := runOn(t, clients.account, other, 4)
	clients.waitMore(t, 100)
	others.waitMore(t, 20)

	require.NoError(t, primary.Kill(t.Context()))
	s.waitNotReady(t, "the event log is not available: the")
	require.NoError(t, standby.Promote(t.Context()))
	promoted := time.Now()
	clients.waitMore(t, 50)
	others.waitMore(t, 20)
	s.waitReady(t)
	require.Less(t, time.Since(promoted), 5*time.Second, "ingest goes on by itself soon")
	clients.stop()
	others.stop()
	log := readPostgres(t, standby.DSN(pgtest.MaintenanceDatabase))
	clients.account.check(t, log)
	stream.check(t, log)
	otherStream.check(t, log)
	checkCounted(t, log, s, other)
}

// The server shows a commit that it has stopped waiting for to all, though it is
// on no disk but its own.
func TestCommitWithoutStandbyIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	standby := pgtest.StartStandby(t, primary)
	config := postgres(pgtest.FailoverDSN(pgtest.MaintenanceDatabase, primary, standby))
	config.Timeout = time.Second
	s, told := start(t, config), newAccount()
	s.mustRegister(t, 3)
	require.NoError(t, standby.Stop(t.Context(), pgtest.Fast))
	lost := alert()
	for _, reason := range []string{"whether it was kept is not known", "the database does not answer in time"} {
		event, err := s.register(t, lost)
		requireUnavailable(t, err, reason)
		require.NoError(t, told.note(lost.EventID, event, err))
	}
	requireUnavailable(t, s.store.Ready(), "the database does not answer in time")

	require.NoError(t, primary.Kill(t.Context()))
	require.NoError(t, standby.Start(t.Context()))
	require.NoError(t, standby.Promote(t.Context()))
	s.waitReady(t)
	event, err := s.register(t, lost)
	require.NoError(t, err)
	require.Equal(t, alerting.Seq(4), event.Seq())
	require.NoError(t, told.note(lost.EventID, event, err))
	told.check(t, readPostgres(t, standby.DSN(pgtest.MaintenanceDatabase)))
}

func TestStandbyIsReadOnly(t *testing.T) {
	t.Parallel()
	primary := pgtest.StartCluster(t)
	start(t, postgres(primary.DSN(pgtest.MaintenanceDatabase))).mustRegister(t, 3)
	standby := pgtest.StartStandby(t, primary)

	s := start(t, postgres(standby.DSN(pgtest.MaintenanceDatabase)))
	_, err := s.register(t, alert())
	requireUnavailable(t, err, "the database server is read-only, such as a standby")
	requireUnavailable(t, s.store.Ready(), "the database server is read-only, such as a standby")
	require.Equal(t, 3, s.manager.Count(), "what it has can be read")
}
