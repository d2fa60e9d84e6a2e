package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/store/searchindex"
)

// readPage is how many events are read at once where many are wanted.
const readPage = 500

// readBytes is how many bytes of events, about, [Store.After] reads at once.
const readBytes = 4 << 20

// keyLifetime is how long an idempotency key is remembered.
const keyLifetime = 24 * time.Hour

// queries is the SQL that both databases understand, each in its dialect.
type queries struct {
	extent, onFrom, bySeq, byID, byKey, unfolded            string
	segments, blocks, keepEvent, insertSegment, insertBlock string
	keepFrom, deleteEvents, deleteBlocks, deleteSegments    string
	deleteKeys, deleteSessions, slowest, saveCursor, probe  string
	cursor, tally                                           string
}

func newQueries(d Dialect) queries {
	sql := func(text string) string { return d.Rebind(text) }
	return queries{
		extent: sql(`SELECT (SELECT min(seq) FROM events), (SELECT max(seq) FROM events),
			(SELECT received FROM events ORDER BY seq LIMIT 1), (SELECT received FROM events ORDER BY seq DESC LIMIT 1)`),
		onFrom: sql(`SELECT ` + eventColumns + ` FROM events e WHERE e.seq >= ? ORDER BY e.seq LIMIT ?`),
		bySeq:  sql(`SELECT ` + eventColumns + ` FROM events e WHERE e.seq ` + d.AnyOf + ` ORDER BY e.seq`),
		byID:   sql(`SELECT ` + eventColumns + ` FROM events e WHERE e.event_id = ?`),
		byKey: sql(`SELECT ` + eventColumns + ` FROM idempotency_keys k JOIN events e ON e.event_id = k.event_id
			WHERE k.key = ? AND k.at > ` + d.Now + ` - ?`),

		unfolded: sql(`SELECT ` + eventColumns + ` FROM events e WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq`),

		// The minute and the beginning of the severity stand at the same place in each event's
		// JSON: see the layout in package alerting.
		tally: sql(`SELECT substr(json, 65, 16), substr(json, 106, 4), count(*), max(seq)
			FROM (SELECT seq, json FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?) AS part GROUP BY 1, 2`),

		segments:      sql(`SELECT segment, zones, directory, presence FROM event_segments WHERE segment > ? ORDER BY segment`),
		blocks:        sql(`SELECT id, data FROM event_blocks WHERE id ` + d.AnyOf),
		keepEvent:     sql(`SELECT seq FROM events WHERE seq = ?` + d.Keeping),
		insertSegment: sql(`INSERT INTO event_segments (segment, zones, directory, presence) VALUES (?, ?, ?, ?)`),
		insertBlock:   sql(`INSERT INTO event_blocks (id, data) VALUES (?, ?)`),

		// The first event that must be kept, of the next few: by its age, if the
		// second argument is not 0.
		keepFrom: sql(`SELECT min(seq) FROM (SELECT seq, received FROM events ORDER BY seq LIMIT ?) AS oldest
			WHERE received >= ` + d.Now + ` - ?`),
		deleteEvents:   sql(`DELETE FROM events WHERE seq < ?`),
		deleteBlocks:   sql(`DELETE FROM event_blocks WHERE id < ?`),
		deleteSegments: sql(`DELETE FROM event_segments WHERE segment < ?`),
		deleteKeys: sql(`DELETE FROM idempotency_keys WHERE key IN
			(SELECT key FROM idempotency_keys WHERE at <= ` + d.Now + ` - ? ORDER BY at LIMIT ?)`),
		deleteSessions: sql(`DELETE FROM sessions WHERE token IN
			(SELECT token FROM sessions WHERE expires <= ` + d.Now + ` - ? ORDER BY expires LIMIT ?)`),
		slowest:    sql(`SELECT min(seq) FROM log_cursors`),
		saveCursor: sql(`INSERT INTO log_cursors (name, seq) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq`),
		cursor:     sql(`SELECT seq FROM log_cursors WHERE name = ?`),
		probe:      sql(`UPDATE probe SET at = ` + d.Now + ` WHERE id = 1`),
	}
}

// limit bounds one statement or transaction.
func (s *Store) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.config.Timeout)
}

// write runs a short transaction of upkeep.
func (s *Store) write(ctx context.Context, upkeep func(ctx context.Context, tx *sql.Tx) error) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	return s.db.write(ctx, upkeep)
}

// read runs a read, and once more from its beginning if it has lost its connection,
// which may have been dead for long. The error is for the user.
func (s *Store) read(ctx context.Context, db *sql.DB, read func(ctx context.Context, db querier) error) error {
	ctx, cancel := s.limit(ctx)
	defer cancel()
	err := read(ctx, db)
	if err == nil || ctx.Err() != nil || !s.db.lostConnection(err) {
		return s.reading(err)
	}
	conn, err := s.db.living(ctx, db)
	if err != nil {
		return s.reading(err)
	}
	defer func() { _ = conn.Close() }() // back to the others
	return s.reading(read(ctx, conn))
}

// reading turns a failure of a query into an error for the user.
func (s *Store) reading(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if reason := s.db.explain(err); reason != "" {
		s.suspect()
		return &alerting.Error{Code: alerting.CodeUnavailable, Message: "the event log is not available: " + reason, Cause: err}
	}
	return err
}

// keptEvent is an event as the database has it.
type keptEvent struct {
	seq      alerting.Seq
	json     string
	dispatch int64
}

// eventColumns are what a [keptEvent] is scanned from, of table e.
const eventColumns = `e.seq, e.json, e.dispatch`

// columns are where the eventColumns go.
func (k *keptEvent) columns() []any { return []any{&k.seq, &k.json, &k.dispatch} }

// load reads it back. The error is a [damagedError].
func (k *keptEvent) load() (*alerting.Event, error) {
	event, err := alerting.LoadEvent(k.json, k.dispatch == 1)
	if err == nil && event.Seq() != k.seq {
		err = fmt.Errorf("it says that it is event %d", event.Seq())
	}
	if err != nil {
		return nil, damagedError{seq: k.seq, error: err}
	}
	return event, nil
}

// damagedError says that an event is not what was written.
type damagedError struct {
	seq alerting.Seq
	error
}

func (e damagedError) Error() string { return fmt.Sprintf("event %d is damaged: %s", e.seq, e.error) }

func (e damagedError) Unwrap() error { return e.error }

func isDamaged(err error) bool {
	_, damaged := errors.AsType[damagedError](err)
	return damaged
}

// loadEvents runs a query for events. If one is damaged, it returns those before
// it, too.
func (s *Store) loadEvents(ctx context.Context, db *sql.DB, query string, args ...any) ([]*alerting.Event, error) {
	return s.loadSome(ctx, db, math.MaxInt, query, args...)
}

// errEnough ends a query before its last row.
var errEnough = errors.New("there are enough")

// loadSome does so and stops once they have so many bytes.
func (s *Store) loadSome(ctx context.Context, db *sql.DB, most int, query string, args ...any) ([]*alerting.Event, error) {
	var events []*alerting.Event
	var damaged error
	err := s.read(ctx, db, func(ctx context.Context, db querier) error {
		events, damaged = nil, nil
		bytes := 0
		err := eachRow(ctx, db, func(rows *sql.Rows) error {
			var kept keptEvent
			if err := rows.Scan(kept.columns()...); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			event, err := kept.load()
			if err != nil {
				damaged = err
				return errEnough
			}
			events = append(events, event)
			if bytes += len(kept.json); bytes >= most {
				return errEnough
			}
			return nil
		}, query, args...)
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.setAsideEvent(damaged)
	return events, damaged
}

// readOnFrom returns up to limit events from a number on, oldest first. It is for
// the log itself.
func (s *Store) readOnFrom(ctx context.Context, from alerting.Seq, limit int) ([]*alerting.Event, error) {
	return s.loadEvents(ctx, s.db.upkeep(), s.queries.onFrom, from, limit)
}

// Find implements alerting.Log.
func (s *Store) Find(ctx context.Context, id alerting.EventID, key string) (*alerting.Event, error) {
	if !id.IsZero() {
		if events, err := s.loadEvents(ctx, s.db.read(), s.queries.byID, s.db.dialect().ID(id)); err != nil || len(events) > 0 {
			return first(events), err
		}
	}
	if key == "" {
		return nil, nil
	}
	events, err := s.loadEvents(ctx, s.db.read(), s.queries.byKey, key, keyLifetime.Microseconds())
	return first(events), err
}

func first(events []*alerting.Event) *alerting.Event {
	if len(events) == 0 {
		return nil
	}
	return events[0]
}

// Extent implements alerting.Log.
func (s *Store) Extent(ctx context.Context) (alerting.Extent, error) {
	return s.extentBy(ctx, s.db.read())
}

func (s *Store) extentBy(ctx context.Context, pool *sql.DB) (alerting.Extent, error) {
	var extent alerting.Extent
	err := s.read(ctx, pool, func(ctx context.Context, db querier) (err error) {
		extent, err = scanExtent(db.QueryRowContext(ctx, s.queries.extent))
		return err
	})
	return extent, err
}

// scanExtent reads the answer to the query for the extent.
func scanExtent(row *sql.Row) (alerting.Extent, error) {
	var first, last, oldest, newest sql.NullInt64
	if err := row.Scan(&first, &last, &oldest, &newest); err != nil || !first.Valid || !last.Valid {
		return alerting.Extent{}, err
	}
	return alerting.Extent{
		First: alerting.Seq(first.Int64), Last: alerting.Seq(last.Int64),
		Oldest: time.UnixMicro(oldest.Int64).UTC(), Newest: time.UnixMicro(newest.Int64).UTC(),
	}, nil
}

// SaveCursor notes that a reader of the log has seen all events up to a number.
// Retention deletes nothing that any reader has not seen.
func (s *Store) SaveCursor(ctx context.Context, name string, seq alerting.Seq) error {
	err := s.write(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, s.queries.saveCursor, name, seq)
		return err
	})
	return s.reading(err)
}

// queryDatabase adds to a page what comes before the events that it has, from the
// database.
func (s *Store) queryDatabase(ctx context.Context, q alerting.Query, page alerting.Page) (alerting.Page, error) {
	before := q.Before
	if page.Oldest > 0 && (before == 0 || page.Oldest < before) {
		before = page.Oldest
	}
	extent, err := s.Extent(ctx)
	if err != nil || extent.Last == 0 {
		return page, err
	}
	page.Oldest = extent.First
	if before == 0 || before > extent.Last {
		before = extent.Last + 1
	}
	walk := s.segments.index.Backwards(searchindex.NewPlan(q.Filter), extent.First, before)
	for {
		batch, err := walk.Next(ctx, max(64, q.Limit+1-len(page.Events)))
		if err != nil || len(batch) == 0 {
			return page, err
		}
		events, err := s.loadEvents(ctx, s.db.read(), s.queries.bySeq, s.db.dialect().List(batch))
		if err != nil {
			return page, err
		}
		for _, event := range slices.Backward(events) {
			if !q.Filter.Matches(event) {
				continue
			}
			if len(page.Events) == q.Limit {
				page.More = true
				return page, nil
			}
			page.Events = append(page.Events, event)
		}
	}
}

// databaseAfter is [Store.After] from the database. A stretch has at most [readPage]
// events, of one segment of the index, and not more once they have [readBytes].
func (s *Store) databaseAfter(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	extent, err := s.Extent(ctx)
	for err == nil && extent.Last > after {
		stretch := alerting.Stretch{From: max(after+1, extent.First)}
		var missing bool
		if missing, err = s.readStretch(ctx, &stretch, extent.Last, filter); err != nil || !missing {
			return stretch, err
		}
		// If retention was faster, the stretch must begin later, so that the reader
		// learns of the gap.
		if extent, err = s.Extent(ctx); extent.First <= stretch.From {
			return stretch, err
		}
	}
	return alerting.Stretch{From: after + 1, Through: after}, err
}

// readStretch looks through the log from stretch.From on, and reports whether
// events are missing.
func (s *Store) readStretch(ctx context.Context, stretch *alerting.Stretch, last alerting.Seq, filter alerting.Filter) (missing bool, err error) {
	segment := searchindex.SegmentOf(stretch.From)
	stretch.Through = min(last, searchindex.LastOf(segment))
	slots, err := s.segments.index.Candidates(ctx, searchindex.NewPlan(filter), segment)
	if err != nil {
		return false, err
	}
	var batch []int64
	for seq := stretch.From; seq <= stretch.Through; seq++ {
		if !slots.Has(seq) {
			continue
		}
		if len(batch) == readPage {
			stretch.Through = seq - 1
			break
		}
		batch = append(batch, int64(seq))
	}
	if len(batch) == 0 {
		return false, nil
	}
	events, err := s.loadSome(ctx, s.db.read(), readBytes, s.queries.bySeq, s.db.dialect().List(batch))
	if n := len(events); n > 0 && n < len(batch) { // it has stopped, or retention took what came first
		stretch.Through = min(stretch.Through, events[n-1].Seq())
	}
	for _, event := range events {
		if filter.Matches(event) {
			stretch.Events = append(stretch.Events, event)
		}
	}
	return len(events) < len(batch), err
}
