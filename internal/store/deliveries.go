package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// Deliveries returns the deliveries that match, the latest planned first.
func (s *Store) Deliveries(ctx context.Context, q delivery.Query) (delivery.Page, error) {
	var page delivery.Page
	now, err := s.Now(ctx)
	if err != nil {
		return page, err
	}
	c := conditions{text: "d.number > 0"}
	if q.Before > 0 {
		c.add("d.number < ?", q.Before)
	}
	if q.Channel != "" {
		c.add("d.channel = ?", q.Channel)
	}
	if !q.Incident.IsZero() {
		c.add("i.incident_id = ?", s.incidentKey(q.Incident))
	}
	s.statusIs(&c, q.Statuses, now)
	err = s.EachRow(ctx, func(rows *sql.Rows) error {
		var of uuidValue
		d, err := s.scanDelivery(rows, now, &of)
		if err != nil {
			return err
		}
		if len(page.Deliveries) == q.Limit {
			page.More = true
			return nil
		}
		d.IncidentID = incident.ID(of)
		page.Deliveries = append(page.Deliveries, d)
		return nil
	}, `SELECT `+deliveryColumns+`, i.incident_id FROM deliveries d JOIN incidents i ON i.number = d.incident
		WHERE `+c.text+` ORDER BY d.number DESC LIMIT ?`, append(c.args, q.Limit+1)...)
	return page, wrap("look for deliveries", err)
}

// statusIs adds the condition that a delivery has one of some statuses: one that is
// being sent is one that waits and whose claim holds.
func (s *Store) statusIs(c *conditions, statuses []delivery.Status, now time.Time) {
	if len(statuses) == 0 {
		return
	}
	var either conditions
	for _, status := range statuses {
		if either.text != "" {
			either.text += " OR "
		}
		switch status {
		case delivery.Waiting:
			either.text += "(d.status = 1 AND (d.lease IS NULL OR d.lease <= ?))"
			either.args = append(either.args, now.UnixMicro())
		case delivery.Sending:
			either.text += "(d.status = 1 AND d.lease > ?)"
			either.args = append(either.args, now.UnixMicro())
		case delivery.Delivered, delivery.Failed, delivery.Superseded: // as their index wants it
			either.text += "(d.status = ? AND d.finished IS NOT NULL)"
			either.args = append(either.args, int64(status))
		}
	}
	c.add("("+either.text+")", either.args...)
}

// Delivery returns one delivery with its attempts, oldest first. The error is an
// [*alerting.Error] with [alerting.CodeNotFound] if there is none.
func (s *Store) Delivery(ctx context.Context, id delivery.ID) (delivery.Delivery, []delivery.Attempt, error) {
	var d delivery.Delivery
	now, err := s.Now(ctx)
	if err != nil {
		return d, nil, err
	}
	key, of := s.deliveryKey(id), uuidValue{}
	err = s.read(ctx, s.db.read(), func(ctx context.Context, db querier) (err error) {
		d, err = s.scanDelivery(db.QueryRowContext(ctx, s.sql(`SELECT `+deliveryColumns+`, i.incident_id
			FROM deliveries d JOIN incidents i ON i.number = d.incident WHERE d.delivery_id = ?`), key), now, &of)
		return noSuchDelivery(id, err)
	})
	if err != nil {
		return d, nil, err
	}
	d.IncidentID = incident.ID(of)
	var attempts []delivery.Attempt
	err = s.EachRow(ctx, func(rows *sql.Rows) error {
		var a delivery.Attempt
		var at, took, outcome int64
		err := rows.Scan(&a.Number, &at, &took, &outcome, &a.Code, &a.Error)
		a.At, a.Duration = time.UnixMicro(at).UTC(), time.Duration(took)*time.Microsecond
		a.Outcome = channel.Outcome(outcome) //nolint:gosec // as it was written
		attempts = append(attempts, a)
		return err
	}, `SELECT number, at, took, outcome, code, error FROM delivery_attempts WHERE delivery_id = ? ORDER BY number`, key)
	return d, attempts, wrap("read attempts", err)
}

// ChannelRecords returns what became of the attempts of each channel that was used.
func (s *Store) ChannelRecords(ctx context.Context) (map[string]delivery.Record, error) {
	records := map[string]delivery.Record{}
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var name string
		var r delivery.Record
		var successes, failures int64
		var failure, success sql.NullInt64
		err := rows.Scan(&name, &successes, &failures, &r.Consecutive, &r.LastError, &failure, &success)
		r.Successes, r.Failures = uint64(max(0, successes)), uint64(max(0, failures))
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

// Backlog is what is still to be done, at Now.
type Backlog struct {
	Now    time.Time
	Queues map[string]Queue
	// Unfolded is when the oldest event was received that is not folded yet; zero: all
	// are.
	Unfolded time.Time
	// Incidents counts the open ones by status.
	Incidents map[incident.Status]int
}

// Queues returns what waits on each channel, at the time that it returns too.
func (s *Store) Queues(ctx context.Context) (map[string]Queue, time.Time, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return nil, now, err
	}
	queues := map[string]Queue{}
	err = s.EachRow(ctx, func(rows *sql.Rows) error {
		var name string
		var q Queue
		var oldest sql.NullInt64
		err := rows.Scan(&name, &q.Waiting, &oldest)
		q.Oldest = timeOf(oldest)
		queues[name] = q
		return err
	}, `SELECT q.channel, q.waiting, d.created FROM (SELECT channel, count(*) AS waiting, min(number) AS oldest
		FROM deliveries WHERE status = 1 GROUP BY channel) AS q JOIN deliveries d ON d.number = q.oldest`)
	return queues, now, wrap("look at the queues", err)
}

// Backlog returns what is still to be done.
func (s *Store) Backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{Incidents: make(map[incident.Status]int)}
	var err error
	if b.Queues, b.Now, err = s.Queues(ctx); err != nil {
		return b, err
	}
	unfolded, err := s.readNumber(ctx, s.sql(`SELECT received FROM events WHERE dispatch = 1 AND seq >
		(SELECT seq FROM log_cursors WHERE name = ?) ORDER BY seq LIMIT 1`), engineCursor)
	if err != nil && !isNoRows(err) {
		return b, fmt.Errorf("look for what is not folded yet: %w", s.reading(err))
	}
	b.Unfolded = timeOf(unfolded)
	err = s.EachRow(ctx, func(rows *sql.Rows) error {
		var status int64
		var n int
		err := rows.Scan(&status, &n)
		b.Incidents[incident.Status(status)] = n //nolint:gosec // as it was written
		return err
	}, `SELECT status, count(*) FROM incidents WHERE status < 3 GROUP BY status`)
	return b, wrap("count open incidents", err)
}

// Lag returns how long ago the oldest event was received that is not folded yet; 0 if
// all are.
func (b Backlog) Lag() time.Duration {
	if b.Unfolded.IsZero() {
		return 0
	}
	return max(0, b.Now.Sub(b.Unfolded))
}
