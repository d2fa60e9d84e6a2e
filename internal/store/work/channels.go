package work

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
)

// Outcome is what became of an attempt on a channel.
type Outcome struct {
	Channel string
	Result  channel.Result
}

// addOutcomes adds what became of attempts, in their order, to the channels' records.
func (t *Tx) addOutcomes(ctx context.Context, outcomes []Outcome) error {
	records := map[string]*added{}
	for _, o := range outcomes {
		if records[o.Channel] == nil {
			records[o.Channel] = &added{}
		}
		records[o.Channel].add(o.Result, t.now)
	}
	hour := instant(t.now.Truncate(time.Hour))
	var rows [][]any
	for _, name := range slices.Sorted(maps.Keys(records)) { // all replicas in one order
		if err := t.addRecord(ctx, name, *records[name]); err != nil {
			return err
		}
		rows = append(rows, []any{hour, name, int64(records[name].Successes), int64(records[name].Failures)}) //nolint:gosec // of one batch
	}
	return t.write(ctx, activityTable, rows)
}

var activityTable = table{name: "channel_tallies", key: "start, channel", columns: []column{
	{"start", numbers, kept},
	{"channel", texts, kept},
	{"successes", numbers, summed},
	{"failures", numbers, summed},
}}

// activityKept is how long the counts of an hour are kept: longer than anybody asks for.
const activityKept = 48 * time.Hour

// forgetActivity deletes the counts of hours that nobody asks for any more.
func (t *Tx) forgetActivity(ctx context.Context) error {
	_, err := t.exec(ctx, `DELETE FROM channel_tallies WHERE start < ?`, instant(t.now.Add(-activityKept)))
	return wrap("forget what channels did long ago", err)
}

// ChannelActivity returns how many attempts have ended on each channel, in those hours since a
// time in which there were some.
func (w *Work) ChannelActivity(ctx context.Context, since time.Time) (map[string][]delivery.Hour, error) {
	hours := map[string][]delivery.Hour{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var start int64
		var name string
		var h delivery.Hour
		err := rows.Scan(&start, &name, &h.Successes, &h.Failures)
		h.Start = time.UnixMicro(start).UTC()
		hours[name] = append(hours[name], h)
		return err
	}, `SELECT start, channel, successes, failures FROM channel_tallies WHERE start >= ? ORDER BY start`, instant(since))
	return hours, wrap("read what channels did", err)
}

// added is what attempts add to a record.
type added struct {
	delivery.Record
	worked bool // one of them has
}

func (a *added) add(r channel.Result, at time.Time) {
	a.worked = a.worked || r.Outcome == channel.Delivered
	a.Add(r, at)
}

func (t *Tx) addRecord(ctx context.Context, name string, a added) error {
	_, err := t.exec(ctx, `INSERT INTO channel_records AS r (channel, successes, failures, consecutive, last_error, last_failure, last_success)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (channel) DO UPDATE SET successes = r.successes + excluded.successes, failures = r.failures + excluded.failures,
			consecutive = excluded.consecutive + CASE WHEN excluded.successes > 0 THEN 0 ELSE r.consecutive END,
			last_error = CASE WHEN excluded.failures > 0 THEN excluded.last_error ELSE r.last_error END,
			last_failure = CASE WHEN excluded.failures > 0 THEN excluded.last_failure ELSE r.last_failure END,
			last_success = CASE WHEN excluded.successes > 0 THEN excluded.last_success ELSE r.last_success END`,
		name, int64(a.Successes), int64(a.Failures), int64(a.Consecutive), a.LastError, orZero(a.LastFailure), orZero(a.LastSuccess)) //nolint:gosec // of one batch
	return wrap("keep the channel's record", err)
}

func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// SaveChannels notes which channels this alertd has, and their fallbacks, so that
// messages of a channel that is not configured any more go there.
func (t *Tx) SaveChannels(ctx context.Context, policies []delivery.Policy) error {
	policies = slices.SortedFunc(slices.Values(policies), func(a, b delivery.Policy) int { return strings.Compare(a.Name, b.Name) })
	rows := make([][]any, len(policies))
	for i, p := range policies {
		rows[i] = []any{p.Name, int64(0), int64(0), int64(0), "", int64(0), int64(0), p.Fallback, instant(t.now)}
	}
	return t.write(ctx, channelsTable, rows)
}

var channelsTable = table{name: "channel_records", key: "channel", columns: []column{
	{"channel", texts, kept},
	{"successes", numbers, kept},
	{"failures", numbers, kept},
	{"consecutive", numbers, kept},
	{"last_error", texts, kept},
	{"last_failure", numbers, kept},
	{"last_success", numbers, kept},
	{"fallback", texts, replaced},
	{"seen", numbers, replaced},
}}

// Stranger is a channel with messages that wait and that this alertd does not have.
type Stranger struct {
	Channel, Fallback string
	// Seen is when an alertd that has it said so last; zero: never.
	Seen time.Time
}

// Strangers returns the channels with messages that wait and that are not among these, at
// the time that it returns too.
func (w *Work) Strangers(ctx context.Context, known []string) (strangers []Stranger, now time.Time, err error) {
	if now, err = w.Now(ctx); err != nil {
		return nil, now, err
	}
	err = w.eachOfOwn(ctx, func(rows *sql.Rows) error {
		var s Stranger
		var fallback sql.NullString
		var seen sql.NullInt64
		if err := rows.Scan(&s.Channel, &fallback, &seen); err != nil {
			return err
		}
		if s.Fallback, s.Seen = fallback.String, timeOf(seen); !slices.Contains(known, s.Channel) {
			strangers = append(strangers, s)
		}
		return nil
	}, `SELECT w.channel, r.fallback, r.seen FROM (SELECT DISTINCT channel FROM deliveries WHERE status IN (1, 2)) AS w
		LEFT JOIN channel_records r ON r.channel = w.channel ORDER BY w.channel`)
	return strangers, now, wrap("look for channels that are gone", err)
}

// ChannelRecords returns what became of the attempts of each channel that was used.
func (w *Work) ChannelRecords(ctx context.Context) (map[string]delivery.Record, error) {
	records := map[string]delivery.Record{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var name string
		var r delivery.Record
		var failure, success sql.NullInt64
		err := rows.Scan(&name, &r.Successes, &r.Failures, &r.Consecutive, &r.LastError, &failure, &success)
		r.LastFailure, r.LastSuccess = timeOf(failure), timeOf(success)
		records[name] = r
		return err
	}, `SELECT channel, successes, failures, consecutive, last_error, last_failure, last_success FROM channel_records`)
	return records, wrap("read the channels' records", err)
}

// Queue is what waits on a channel.
type Queue struct {
	// Waiting is how many deliveries, those included that are being sent.
	Waiting int
	// Oldest is when the first of them was planned.
	Oldest time.Time
}

// Queues returns what waits on each channel, at the time that it returns too.
func (w *Work) Queues(ctx context.Context) (map[string]Queue, time.Time, error) {
	now, err := w.Now(ctx)
	if err != nil {
		return nil, now, err
	}
	queues := map[string]Queue{}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var name string
		var q Queue
		var oldest sql.NullInt64
		err := rows.Scan(&name, &q.Waiting, &oldest)
		q.Oldest = timeOf(oldest)
		queues[name] = q
		return err
	}, `SELECT q.channel, q.waiting, d.created FROM (SELECT channel, count(*) AS waiting, min(number) AS oldest
		FROM deliveries WHERE status IN (1, 2) GROUP BY channel) AS q JOIN deliveries d ON d.number = q.oldest`)
	if err != nil {
		return nil, now, fmt.Errorf("look at the queues: %w", err)
	}
	return queues, now, nil
}
