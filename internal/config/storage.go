package config

import (
	"math"
	"time"
)

// Storage is the [storage] section.
type Storage struct {
	// Driver is sqlite or postgres.
	Driver string
	Path   string
	DSN    string
	// Retention is how long history is kept. 0 keeps everything.
	Retention time.Duration
	// RetentionEvents is how many events are kept. 0 keeps all.
	RetentionEvents int
	// AuditRetention is how long rows of the audit log are kept. 0 keeps everything.
	AuditRetention time.Duration
	// MaxConnections bounds the connections to PostgreSQL.
	MaxConnections int
	// QueueSize bounds the bytes of events that wait to be written.
	QueueSize int64
	// Timeout bounds one transaction.
	Timeout time.Duration
}

func defaultStorage() Storage {
	return Storage{
		Driver: "sqlite", Path: "data/alertd.db", Retention: 90 * day,
		MaxConnections: 10, QueueSize: 64 << 20, Timeout: 10 * time.Second,
	}
}

// settings are the keys of the section. None changes while alertd runs.
func (s *Storage) settings() []setting {
	return []setting{
		text("driver", &s.Driver),
		text("path", &s.Path),
		text("dsn", &s.DSN),
		duration("retention", 0, math.MaxUint16*day, &s.Retention),
		whole("retention_events", 0, math.MaxInt32, &s.RetentionEvents),
		duration("audit_retention", 0, math.MaxUint16*day, &s.AuditRetention),
		whole("max_connections", 1, 1000, &s.MaxConnections),
		size("queue_size", 1<<20, 16<<30, &s.QueueSize),
		duration("timeout", 100*time.Millisecond, 10*time.Minute, &s.Timeout),
	}
}

func (s *Storage) read(t *table) {
	t.private = true
	t.read(s.settings())
	switch s.Driver {
	case "sqlite":
		if s.Path == "" {
			t.problem("path", s.Path, "the file of the database")
		}
	case "postgres":
		if s.DSN == "" {
			t.r.problem(join(t.key, "dsn"), "is missing or empty, the driver postgres needs it")
		}
	default:
		t.problem("driver", s.Driver, "sqlite or postgres")
	}
	t.done()
}
