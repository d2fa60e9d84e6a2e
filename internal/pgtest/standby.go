package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Standby makes and starts a standby of a running cluster: a cluster of its own
// that follows this one, answers queries, and takes over when it is promoted.
// Close is due. From now on this cluster commits nothing before the standby has
// it on disk too, so that nothing acknowledged is lost with this one, and waits
// as long as the standby does not run.
//
// Once the standby is promoted, this cluster must not be started again.
func (c *Cluster) Standby(ctx context.Context) (*Cluster, error) {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	standby, err := newCluster()
	if err != nil {
		return nil, err
	}
	err = standby.run(ctx, "pg_basebackup", "--pgdata", standby.data(), "--host", "127.0.0.1", "--port", strconv.Itoa(c.port),
		"--username", superuser, "--no-password", "--wal-method", "stream", "--checkpoint", "fast", "--write-recovery-conf", "--no-sync")
	if err == nil {
		err = standby.Start(ctx)
	}
	if err == nil {
		err = c.waitForStandby(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a standby: %w", err), standby.Close()) //nolint:contextcheck // also when ctx has ended
	}
	return standby, nil
}

// waitForStandby makes the replication synchronous and returns when it is.
func (c *Cluster) waitForStandby(ctx context.Context) error {
	for _, statement := range []string{"alter system set synchronous_standby_names = '*'", "select pg_reload_conf()"} {
		if err := execute(ctx, c.DSN(MaintenanceDatabase), statement); err != nil {
			return err
		}
	}
	const query = "select exists (select from pg_stat_replication where sync_state in ('sync', 'quorum'))"
	return waitUntil(ctx, func() (bool, error) {
		var synchronous bool
		err := c.query(ctx, query, &synchronous)
		return synchronous, err
	})
}

// Promote makes a standby take over. It returns when it takes writes.
func (c *Cluster) Promote(ctx context.Context) error {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	// It is not waited for within the statement, which what is replayed may conflict with:
	// then the one would wait for the other.
	var signalled bool
	err := c.query(ctx, "select pg_promote(false)", &signalled)
	if err == nil {
		err = waitUntil(ctx, func() (bool, error) {
			var recovering bool
			err := c.query(ctx, "select pg_is_in_recovery()", &recovering)
			return !recovering, err
		})
	}
	if err != nil {
		return fmt.Errorf("promote a standby: %w; its log ends: %s", err, c.logTail())
	}
	return nil
}

// FailoverDSN returns how to connect to a database on the one of the clusters
// that takes writes.
func FailoverDSN(database string, clusters ...*Cluster) string {
	return dsn(database, url.Values{"target_session_attrs": {"read-write"}}, clusters...)
}

// query reads one value.
func (c *Cluster) query(ctx context.Context, query string, into any) error {
	return withConnection(ctx, c.DSN(MaintenanceDatabase), func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, query).Scan(into)
	})
}
