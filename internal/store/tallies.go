package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"alertd/internal/alerting"
)

// The table of tallies counts the events of the log by their timestamp and severity. It keeps
// to this: each event that is kept, up to the cursor of the tallies, is counted once at each
// width. So the transaction that counts events moves the cursor, and the one that deletes
// events takes them off.

// talliesName is the name of the cursor of the tallies.
const talliesName = "tallies"

// tallyBatch is how many events one transaction counts at most: there may be many to catch up
// with after an upgrade, and ingest waits for it on SQLite.
const tallyBatch = 4096

// tallyWidths are the widths at which events are counted, ascending.
var tallyWidths = [...]time.Duration{time.Minute, time.Hour, 24 * time.Hour}

// tallyKey says of what a row of the table is the count.
type tallyKey struct{ width, start int64 }

// tallies are counts by severity.
type tallies map[tallyKey]*[alerting.SeverityCritical + 1]int64

func (t tallies) add(at time.Time, severity alerting.Severity, n int64) {
	micros := at.UnixMicro()
	for _, w := range tallyWidths {
		width := w.Microseconds()
		key := tallyKey{width, micros - micros%width}
		if t[key] == nil {
			t[key] = new([alerting.SeverityCritical + 1]int64)
		}
		t[key][severity] += n
	}
}

// TallyPart counts, within a transaction in turn, the events of a part of the log that are
// not counted yet. If some before it are not either, it counts a few of those instead, and
// reports whether there are more.
func (s *Store) TallyPart(ctx context.Context, tx Transaction, part Unfolded) (more bool, err error) {
	var cursor alerting.Seq
	err = tx.QueryRowContext(ctx, s.queries.cursor, talliesName).Scan(&cursor)
	if err != nil || cursor >= part.Through {
		return false, wrapTally(err)
	}
	counted, last := tallies{}, part.Through
	if part.After <= cursor { // they are at hand
		for _, event := range part.All {
			if event.Seq() > cursor && event.Seq() <= part.Through {
				counted.add(event.Timestamp(), event.Severity(), 1)
			}
		}
	} else {
		counted, last, more, err = s.tally(ctx, tx, cursor, part.Through, tallyBatch)
	}
	if err == nil {
		err = s.addTallies(ctx, tx, counted)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, s.queries.saveCursor, talliesName, last)
	}
	return more, wrapTally(err)
}

// untally takes the events through a number off the tallies, at most [retainBatch]: they are
// about to be deleted.
func (s *Store) untally(ctx context.Context, tx Transaction, through alerting.Seq) error {
	counted, _, _, err := s.tally(ctx, tx, 0, through, retainBatch)
	if err == nil {
		for _, n := range counted {
			for severity := range n {
				n[severity] *= -1
			}
		}
		err = s.addTallies(ctx, tx, counted)
	}
	if err == nil {
		err = s.dropEmpty(ctx, tx, counted)
	}
	return wrapTally(err)
}

func wrapTally(err error) error {
	if err != nil {
		return fmt.Errorf("count events by their time: %w", err)
	}
	return nil
}

// tally counts the first events after a number and through another, at most so many. It also
// returns the number up to which it has counted, and whether there may be more.
func (s *Store) tally(ctx context.Context, tx Transaction, after, through alerting.Seq, most int) (counted tallies, last alerting.Seq, more bool, err error) {
	counted = tallies{}
	seen := 0
	err = eachRow(ctx, tx, func(rows *sql.Rows) error {
		var minute, name string
		var n int
		var newest alerting.Seq
		if err := rows.Scan(&minute, &name, &n, &newest); err != nil {
			return err
		}
		seen, last = seen+n, max(last, newest)
		at, err := time.Parse("2006-01-02T15:04", minute)
		i := slices.IndexFunc(alerting.Severities(), func(s alerting.Severity) bool { return s.String()[:severityBytes] == name })
		if err == nil && i >= 0 { // else it is damaged, and in no answer
			counted.add(at, alerting.Severities()[i], int64(n))
		}
		return nil
	}, s.queries.tally, after, through, most)
	if more = seen == most; !more {
		last = through
	}
	return counted, last, more, err
}

// severityBytes is how much of a severity's name tells it from the others.
const severityBytes = 4

// addTallies adds counts to the table.
func (s *Store) addTallies(ctx context.Context, tx Transaction, counted tallies) error {
	keys := slices.SortedFunc(maps.Keys(counted), func(a, b tallyKey) int { // all transactions in one order
		return cmp.Or(cmp.Compare(a.width, b.width), cmp.Compare(a.start, b.start))
	})
	rows := make([][]any, len(keys))
	for i, key := range keys {
		rows[i] = []any{key.width, key.start}
		for _, severity := range alerting.Severities() {
			rows[i] = append(rows[i], counted[key][severity])
		}
	}
	return s.InsertRows(ctx, tx, `INSERT INTO event_tallies (width, start, debug, info, warning, error, critical) `,
		[]string{"bigint", "bigint", "bigint", "bigint", "bigint", "bigint", "bigint"}, rows,
		` ON CONFLICT (width, start) DO UPDATE SET debug = event_tallies.debug + excluded.debug, info = event_tallies.info + excluded.info,
			warning = event_tallies.warning + excluded.warning, error = event_tallies.error + excluded.error, critical = event_tallies.critical + excluded.critical`)
}

// dropEmpty deletes rows that count nothing any more.
func (s *Store) dropEmpty(ctx context.Context, tx Transaction, counted tallies) error {
	var widths, starts []int64
	for key := range counted {
		widths, starts = append(widths, key.width), append(starts, key.start)
	}
	pairs, args := s.db.dialect().Pairs(widths, starts)
	_, err := tx.ExecContext(ctx, s.sql(dropEmptyQuery(pairs)), args...)
	return err
}

func dropEmptyQuery(pairs string) string {
	return `DELETE FROM event_tallies WHERE (width, start) IN (` + pairs + `)
		AND debug <= 0 AND info <= 0 AND warning <= 0 AND error <= 0 AND critical <= 0`
}

const tallyQuery = `SELECT start - start % ?, sum(debug), sum(info), sum(warning), sum(error), sum(critical) FROM event_tallies
	WHERE width = ? AND start >= ? AND start < ? GROUP BY 1`

// Tally adds to a histogram the events that are kept and counted. Its cost does not depend on
// how many there are: it reads at most 60 rows a bucket.
func (s *Store) Tally(ctx context.Context, h *alerting.Histogram) error {
	stored := tallyWidths[0]
	for _, width := range tallyWidths {
		if h.Width%width == 0 {
			stored = width
		}
	}
	return s.EachRow(ctx, func(rows *sql.Rows) error {
		var start int64
		var events [alerting.SeverityCritical + 1]int64
		err := rows.Scan(&start, &events[alerting.SeverityDebug], &events[alerting.SeverityInfo], &events[alerting.SeverityWarning],
			&events[alerting.SeverityError], &events[alerting.SeverityCritical])
		for _, severity := range alerting.Severities() {
			h.Add(time.UnixMicro(start), severity, max(0, events[severity]))
		}
		return err
	}, tallyQuery, h.Width.Microseconds(), stored.Microseconds(), h.Since().UnixMicro(), h.Until().UnixMicro())
}
