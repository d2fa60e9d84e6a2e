package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pingAfter is how long a connection is taken to work since it did last.
const pingAfter = time.Second

// connectionSettings returns how every connection is made and set up. The error holds no
// secrets.
func connectionSettings(config Config, setUp pgconn.AfterConnectFunc) (*pgx.ConnConfig, error) {
	settings, err := pgx.ParseConfig(config.DSN)
	if err != nil {
		return nil, errors.New("the dsn cannot be read; it must be as libpq takes it, " +
			"such as postgres://user:password@host1,host2/alertd?target_session_attrs=read-write")
	}
	// One host that does not answer must leave time for the next.
	patience := min(config.Timeout/time.Duration(len(settings.Fallbacks)+2), 5*time.Second)
	if settings.ConnectTimeout == 0 || settings.ConnectTimeout > patience {
		settings.ConnectTimeout = patience
	}
	if settings.RuntimeParams["application_name"] == "" {
		settings.RuntimeParams["application_name"] = "alertd"
	}
	settings.AfterConnect = setUp
	return settings, nil
}

// durableSession sets up the sessions of an alertd.
func durableSession(config Config) pgconn.AfterConnectFunc {
	return sessionSettings(
		// A commit is on disk before it is answered; a stricter setting stays.
		setting{"synchronous_commit", "on"},
		// alertd has timeouts of its own, and the server's could end a commit's wait for
		// a standby with success.
		setting{"statement_timeout", "0"},
		// A replica that is gone in mid-transaction must not keep the log's lock from
		// the others.
		setting{"idle_in_transaction_session_timeout", milliseconds(config.Timeout / 2)},
		setting{"tcp_keepalives_idle", "5"}, setting{"tcp_keepalives_interval", "5"}, setting{"tcp_keepalives_count", "3"},
	)
}

// workerSettings are for connections of the engine of deliveries, whose tables grow from
// nothing to much within a storm, before the server knows. A plan that was right for ten
// rows must not read 100,000: what it asks for has an index in its order. Without one, as on a
// small table, a plan so ruled has a cost for which the server would compile the statement (JIT),
// which takes longer than all else.
func workerSettings(settings *pgx.ConnConfig) *pgx.ConnConfig {
	worker := settings.Copy()
	plans := sessionSettings(setting{"enable_seqscan", "off"}, setting{"enable_bitmapscan", "off"}, setting{"enable_sort", "off"}, setting{"jit", "off"})
	worker.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		if settings.AfterConnect != nil {
			if err := settings.AfterConnect(ctx, conn); err != nil {
				return err
			}
		}
		return plans(ctx, conn)
	}
	return worker
}

// setting is one of a session, whatever the server's or the user's is.
type setting struct{ name, value string }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// sessionSettings returns what sets up a session. What a server does not know is
// left out.
func sessionSettings(settings ...setting) pgconn.AfterConnectFunc {
	values := make([]string, 0, len(settings))
	for _, s := range settings {
		values = append(values, "('"+s.name+"', '"+s.value+"')")
	}
	query := `SELECT set_config(s.name, v.setting, false) FROM pg_settings s JOIN (VALUES ` + strings.Join(values, ", ") +
		`) v (name, setting) USING (name) WHERE s.name <> 'synchronous_commit' OR s.setting IN ('off', 'local')`
	return func(ctx context.Context, conn *pgconn.PgConn) error { return conn.Exec(ctx, query).Close() }
}

// checkEncoding refuses a database that cannot hold every character. It would take
// alerts for as long as none has one that is missing.
func checkEncoding(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, `SHOW server_encoding`).Scan(&encoding); err != nil {
		return fmt.Errorf("read the database's encoding: %w", err)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the database's encoding is %s, and must be UTF8, which has every character; "+
			"make it with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8'", encoding)
	}
	return nil
}

// openReaders returns connections that read, and write now and then.
func openReaders(config Config, settings *pgx.ConnConfig, most int) *sql.DB {
	ping := func(ctx context.Context, p stdlib.ShouldPingParams) bool {
		if p.IdleDuration < pingAfter {
			return false
		}
		ctx, cancel := context.WithTimeout(ctx, pingTimeout(config))
		defer cancel()
		// A second ping, without an end of its own, finds a connection that is closed.
		return p.Conn.PgConn().Ping(ctx) != nil
	}
	db := stdlib.OpenDB(*settings, stdlib.OptionShouldPing(ping))
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
	return db
}

// living implements database. What ends one connection, such as a restart of the
// server, ends most of them, those too that were being made for somebody else; and
// those that were never used are not asked for a sign of life when they are taken.
func (d *postgresDB) living(ctx context.Context, db *sql.DB) (conn *sql.Conn, err error) {
	most, refused := db.Stats().MaxOpenConnections, 0
	for range 1 + 2*most {
		if conn, err = db.Conn(ctx); err == nil {
			if err = d.pingPooled(ctx, conn); err == nil {
				return conn, nil
			}
			_ = conn.Close() // it is dead
		} else if refused++; refused > most || !hasEndedConnection(err) {
			break
		}
	}
	return nil, fmt.Errorf("connect: %w", err)
}

func (d *postgresDB) pingPooled(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout(d.config))
	defer cancel()
	return conn.PingContext(ctx)
}

// pingTimeout bounds the wait for a sign of life, so that there is time left for
// another connection.
func pingTimeout(config Config) time.Duration { return min(time.Second, config.Timeout/5) }

func (d *postgresDB) ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, pingTimeout(d.config))
	defer cancel()
	return conn.PgConn().Ping(ctx)
}

// dial makes a connection.
func (d *postgresDB) dial(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.Timeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, d.settings.Copy())
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// connect makes sure of the writer's connection, and says whether it was made
// just now. A server that cannot be reached is not asked at each request: they wait
// for the next attempt, which is due soon.
func (d *postgresDB) connect(ctx context.Context) (fresh bool, err error) {
	if d.writer != nil && !d.writer.IsClosed() && (time.Since(d.used) < pingAfter || d.ping(ctx, d.writer) == nil) {
		return false, nil
	}
	d.discard(ctx)
	if wait := time.Until(d.again); wait > 0 && !sleep(ctx, wait) {
		return false, d.refused
	}
	if d.writer, d.refused = d.dial(ctx); d.refused != nil {
		d.again = time.Now().Add(d.wait.duration())
		return false, d.refused
	}
	d.again, d.wait = time.Time{}, newBackoff()
	return true, nil
}

// discard gives up the writer's connection, and with it a transaction that is
// open. The next one may reach another server.
func (d *postgresDB) discard(ctx context.Context) {
	if d.writer != nil {
		giveUp(ctx, d.writer)
		d.writer = nil
	}
}

// giveUp closes a connection without waiting for the server, which may not answer.
func giveUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithDeadline(ctx, time.Now())
	defer cancel()
	_ = conn.Close(ctx) // it is not used again
}
