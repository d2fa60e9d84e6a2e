package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
)

// Drivers.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Config says which database, and how the log is kept. Zero values stand for the
// defaults.
type Config struct {
	// Driver is [SQLite] or [Postgres].
	Driver string
	// Path is the SQLite file. Its folder is made if need be.
	Path string
	// DSN is where PostgreSQL is, as a URL or in keywords; it may name several
	// hosts. It holds a secret.
	DSN string
	// MaxConnections bounds the connections to PostgreSQL; 0 stands for 10, and less
	// than 9 for 9: six are for what queries must not hold up.
	MaxConnections int
	// Retention is how long events are kept, by when they were received, and incidents,
	// by when they were resolved; 0: for good.
	Retention time.Duration
	// RetentionEvents is how many events are kept; 0: all.
	RetentionEvents int
	// AuditRetention is how long records of the audit log are kept; 0: for good.
	AuditRetention time.Duration
	// MaxQueue bounds the bytes of events that wait to be written; 0 stands for 64 MiB.
	MaxQueue int64
	// Timeout bounds one statement or transaction; 0 stands for 10 s. Whether a
	// transaction of unknown outcome was committed is asked for as long again.
	Timeout time.Duration
	// Logger is required.
	Logger *slog.Logger
}

// Store is the durable event log. It implements alerting.Log. Safe for
// concurrent use.
type Store struct {
	config     Config
	log        *slog.Logger
	db         database
	queries    queries
	queue      *queue
	publisher  *publisher
	segments   *segments
	buffer     *alerting.Buffer
	changes    *changes
	counts     counts
	health     health
	unreadable unreadable
	behind     *behind
	announced  alerting.Seq // up to where the audit log says that retention deletes events
}

// counts are what metrics show.
type counts struct {
	queueFull, commits, commitNanos, unsettled, failures, deleted atomic.Uint64
}

// Counts are what the store has done since it was opened.
type Counts struct {
	// Commits is how many transactions took events, and CommitTime how long all
	// of them took.
	Commits    uint64
	CommitTime time.Duration
	// QueueFull is how many requests were refused as the queue was full, Failures
	// how many transactions and reads came to nothing, Unsettled how many were of unknown
	// outcome at first.
	QueueFull, Failures, Unsettled uint64
	// Deleted is how many events retention has deleted.
	Deleted uint64
	// QueueBytes are the bytes of events that wait, QueueCapacity is the most.
	QueueBytes, QueueCapacity int64
	// Unreadable is how many rows of each table were found that cannot be decoded; tables
	// without any are missing, save for that of events.
	Unreadable map[string]int
	// Unindexed is how many events the index has not taken in yet.
	Unindexed int64
	// Writable says whether the last write worked.
	Writable bool
}

// Counts returns a snapshot. Its cost is fixed.
func (s *Store) Counts() Counts {
	return Counts{
		Commits: s.counts.commits.Load(), CommitTime: time.Duration(s.counts.commitNanos.Load()), //nolint:gosec // 292 years
		QueueFull: s.counts.queueFull.Load(), Failures: s.counts.failures.Load(), Unsettled: s.counts.unsettled.Load(),
		Deleted: s.counts.deleted.Load(), QueueBytes: s.queue.size(), QueueCapacity: s.queue.most,
		Unindexed: s.segments.unindexed(), Unreadable: s.unreadable.counts(), Writable: s.Ready() == nil,
	}
}

// Open opens the database and brings its schema up to date. Nothing is started.
// The error is for the user; it holds no secrets.
func Open(ctx context.Context, config Config) (*Store, error) {
	return open(ctx, config, openDatabase)
}

func (c Config) withDefaults() Config {
	setDefault(&c.MaxConnections, 10)
	setDefault(&c.MaxQueue, 64<<20)
	setDefault(&c.Timeout, 10*time.Second)
	return c
}

// open puts a store on the database that connect returns.
func open(ctx context.Context, config Config, connect func(context.Context, Config) (database, error)) (*Store, error) {
	if config.Logger == nil {
		return nil, errors.New("store: Logger is required")
	}
	config = config.withDefaults()
	db, err := connect(ctx, config)
	if err != nil {
		return nil, err
	}
	s := &Store{config: config, log: config.Logger, db: db, queries: newQueries(db.dialect()), queue: newQueue(config.MaxQueue)}
	s.publisher = newPublisher(s)
	s.health.suspected = make(chan struct{}, 1)
	s.buffer = newBuffer()
	s.changes = newChanges()
	s.behind = newBehind()
	s.segments = newSegments(s)
	if err := s.segments.index.Load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open event log: %w", err), db.close())
	}
	return s, nil
}

func openDatabase(ctx context.Context, config Config) (database, error) {
	switch config.Driver {
	case SQLite:
		return openSQLite(ctx, config)
	case Postgres:
		return openPostgres(ctx, config)
	default:
		return nil, unknownDriver(config)
	}
}

func unknownDriver(config Config) error {
	return fmt.Errorf("store: driver %q is not one of %s, %s", config.Driver, SQLite, Postgres)
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

// Attach implements alerting.Log.
func (s *Store) Attach(ctx context.Context, sink alerting.Sink, recent int) error {
	return s.publisher.start(ctx, sink, recent)
}

// Run does the store's work until ctx ends, then writes what still waits and
// returns. [Store.Attach] comes before it.
func (s *Store) Run(ctx context.Context) error {
	drained := context.WithoutCancel(ctx)
	_, _ = s.appendDrafts(drained, nil) // so that readiness is true from the start
	group, upkeep := errgroup.WithContext(ctx)
	group.Go(func() error {
		s.writeLoop(drained)
		return nil
	})
	group.Go(func() error {
		<-upkeep.Done()
		s.queue.close()
		return nil
	})
	for _, loop := range []func(context.Context) error{s.followLoop, s.segments.run, s.retentionLoop, s.probeLoop, s.writeBehind} {
		group.Go(func() error { return loop(upkeep) })
	}
	return group.Wait()
}

// Close closes the database. [Store.Run] must have returned.
func (s *Store) Close() error { return s.db.close() }

// CatchUp implements alerting.Log.
func (s *Store) CatchUp(ctx context.Context) error { return s.publisher.catchUpNow(ctx) }

// followLoop publishes what other replicas append.
func (s *Store) followLoop(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(wake)
		return s.db.follow(ctx, func() {
			select {
			case wake <- struct{}{}:
			default:
			}
		}, s.changes.announce)
	})
	group.Go(func() error {
		failing := false
		for range wake {
			err := s.publisher.catchUpNow(ctx)
			if err != nil && ctx.Err() == nil {
				s.counts.failures.Add(1)
				s.suspect()
				if !failing { // once is enough
					s.log.Warn("new events of other replicas cannot be read", "error", err)
				}
			}
			failing = err != nil
		}
		return nil
	})
	return group.Wait()
}
