package work

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/incident"
)

const deliveryColumns = `d.number, d.delivery_id, d.incident, d.generation, d.notice, d.reason, d.channel, d.target, d.status, d.ready,
	d.created, d.due, d.give_up, d.finished, d.attempts, d.tried, d.claim, d.lease, d.error, d.thread, d.fallback_for, d.reported`

// scanDelivery reads deliveryColumns, and then into more.
func scanDelivery(row scanner, more ...any) (delivery.Delivery, error) {
	var d delivery.Delivery
	var key, claim, fallbackFor uuidValue
	var status, ready, created, due, giveUp, reported int64
	var finished, tried, lease sql.NullInt64
	err := row.Scan(append([]any{
		&d.Number, &key, &d.Incident, &d.Generation, &d.Notice, &d.Reason, &d.Channel, &d.Target, &status, &ready,
		&created, &due, &giveUp, &finished, &d.Attempts, &tried, &claim, &lease, &d.Error, &d.Thread, &fallbackFor, &reported,
	}, more...)...)
	d.ID, d.Claim, d.FallbackFor = delivery.ID(key), delivery.ID(claim), delivery.ID(fallbackFor)
	d.Status, d.Ready, d.Reported = delivery.StatusOf(status), ready != 0, reported != 0
	d.CreatedAt, d.DueAt, d.GiveUpAt = time.UnixMicro(created).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(giveUp).UTC()
	d.FinishedAt, d.TriedAt, d.Lease = timeOf(finished), timeOf(tried), timeOf(lease)
	return d, err
}

// uuidValue is a UUID as either driver returns it; none is the zero value.
type uuidValue [16]byte

// Scan implements sql.Scanner.
func (u *uuidValue) Scan(value any) error {
	switch value := value.(type) {
	case nil:
		*u = uuidValue{}
		return nil
	case []byte:
		if len(value) == len(u) {
			copy(u[:], value)
			return nil
		}
	case string:
		parsed, err := delivery.ParseID(value)
		*u = uuidValue(parsed)
		return err
	}
	return fmt.Errorf("%T is not a UUID", value)
}

// inOrder sorts deliveries by their numbers. The sum keeps PostgreSQL from going through
// all numbers there are for the sake of their order.
const inOrder = ` ORDER BY number + 0`

// Stories returns what is told of incidents: all deliveries about each. Nobody else
// changes an open one of them until the transaction ends.
func (t *Tx) Stories(ctx context.Context, numbers []incident.Number) (map[incident.Number]*delivery.Story, error) {
	stories := make(map[incident.Number]*delivery.Story, len(numbers))
	if len(numbers) == 0 {
		return stories, nil
	}
	for _, number := range numbers {
		stories[number] = delivery.NewStory(number)
	}
	d := t.work.dialect()
	list := d.List(asInts(numbers))
	if d.Hold != "" && !t.rehearsal { // in a statement of its own: the next one sees what others have committed meanwhile
		err := t.each(ctx, func(*sql.Rows) error { return nil }, `SELECT number FROM deliveries
			WHERE status IN (1, 2) AND incident `+d.AnyOf+inOrder+d.Hold, list)
		if err != nil {
			return nil, fmt.Errorf("hold deliveries: %w", err)
		}
	}
	err := t.each(ctx, func(rows *sql.Rows) error {
		one, err := scanDelivery(rows)
		if err == nil {
			stories[one.Incident].Load(one)
		}
		return err
	}, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.incident `+d.AnyOf+` AND (d.incident > 0 OR d.status IN (1, 2))
		ORDER BY d.incident, d.channel, d.target, d.notice`, list)
	if err != nil {
		return stories, fmt.Errorf("read deliveries: %w", err)
	}
	if digests := stories[incident.Digests]; digests != nil {
		return stories, t.loadDigests(ctx, digests)
	}
	return stories, nil
}

// loadDigests loads the incidents that open digests are about.
func (t *Tx) loadDigests(ctx context.Context, digests *delivery.Story) error {
	err := t.each(ctx, func(rows *sql.Rows) error {
		var number delivery.Number
		var ref incident.Ref
		var key uuidValue
		err := rows.Scan(&number, &ref.Number, &key)
		ref.ID = incident.ID(key)
		if d := digests.Find(number); d != nil {
			d.Others = append(d.Others, ref)
		}
		return err
	}, `SELECT o.delivery, o.incident, i.incident_id FROM deliveries d JOIN delivery_incidents o ON o.delivery = d.number JOIN incidents i ON i.number = o.incident
		WHERE d.incident = ? AND d.status IN (1, 2)`, int64(incident.Digests))
	return wrap("read digests", err)
}

// ToldInDigests returns on which targets of channels incidents were told in a digest that
// was delivered, or is on its way.
func (t *Tx) ToldInDigests(ctx context.Context, numbers []incident.Number, told func(number incident.Number, channel, target string)) error {
	d := t.work.dialect()
	err := t.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		var channel, target string
		err := rows.Scan(&number, &channel, &target)
		told(number, channel, target)
		return err
	}, `SELECT DISTINCT o.incident, d.channel, d.target FROM delivery_incidents o JOIN deliveries d ON d.number = o.delivery
		WHERE o.incident `+d.AnyOf+` AND d.status IN (1, 2, 3)`, d.List(asInts(numbers)))
	return wrap("look for digests", err)
}

// IncidentsOf returns the incidents of deliveries; of those that are not there any more
// nothing.
func (t *Tx) IncidentsOf(ctx context.Context, deliveries []delivery.Number) (map[delivery.Number]incident.Number, error) {
	of := make(map[delivery.Number]incident.Number, len(deliveries))
	d := t.work.dialect()
	err := t.each(ctx, func(rows *sql.Rows) error {
		var number delivery.Number
		var about incident.Number
		err := rows.Scan(&number, &about)
		of[number] = about
		return err
	}, `SELECT number, incident FROM deliveries WHERE number `+d.AnyOf, d.List(asInts(deliveries)))
	return of, wrap("look for the incidents of deliveries", err)
}

// Claimable is a delivery that can be claimed, and what is to be sent.
type Claimable struct {
	Delivery delivery.Delivery
	// Generation is the incident's, now.
	Generation int
	// Notice is what is to be told. If it cannot be read, it is made of what the incident
	// is now; Err says why, and is not nil if that cannot be read either.
	Notice incident.Notice
	Err    error
	// Thread is what the first message about the incident to the target has left.
	Thread string
}

// readyQuery goes through what is ready, in its order, until it has enough. Its columns
// beyond those of deliveries are subqueries for one row each: as joins, PostgreSQL would
// look at everything that waits first.
const readyQuery = `SELECT ` + deliveryColumns + `,
		(SELECT n.notice FROM notices n WHERE n.incident = d.incident AND n.number = d.notice),
		(SELECT i.generation FROM incidents i WHERE i.number = d.incident),
		(SELECT f.thread FROM deliveries f WHERE f.incident = d.incident AND f.channel = d.channel AND f.target = d.target AND f.thread <> ''
			ORDER BY f.notice LIMIT 1)
	FROM deliveries d WHERE d.channel = ? AND d.status = 1 AND `

// Ready returns deliveries of a channel that can be claimed, the longest due first, and
// leaves out those that another transaction has.
func (t *Tx) Ready(ctx context.Context, channel string, limit int) ([]Claimable, error) {
	return t.claimable(ctx, `d.ready = 1 ORDER BY d.due, d.number LIMIT ?`+t.work.dialect().SkipLocked, channel, limit)
}

// WaitingFor returns deliveries of a channel that wait for their turn or their time, the
// longest due first.
func (t *Tx) WaitingFor(ctx context.Context, channel string, limit int) ([]Claimable, error) {
	return t.claimable(ctx, `d.status IN (1, 2) AND d.ready = 0 ORDER BY d.due, d.number LIMIT ?`, channel, limit)
}

func (t *Tx) claimable(ctx context.Context, which string, args ...any) (found []Claimable, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var c Claimable
		var notice, thread sql.NullString
		var generation sql.NullInt64
		if c.Delivery, err = scanDelivery(rows, &notice, &generation, &thread); err != nil {
			return err
		}
		c.Generation, c.Thread = int(generation.Int64), thread.String
		if c.Err = decode(notice.String, &c.Notice); c.Err != nil {
			t.work.setAside("notices", c.Err, int64(c.Delivery.Incident), int64(c.Delivery.Notice))
		}
		found = append(found, c)
		return nil
	}, readyQuery+which, args...)
	if err != nil {
		return nil, fmt.Errorf("look for deliveries: %w", err)
	}
	for i := range found {
		if found[i].Err != nil {
			if err := t.makeNotice(ctx, &found[i]); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// makeNotice makes a notice of what the incident is now, in place of one that cannot be
// read.
func (t *Tx) makeNotice(ctx context.Context, c *Claimable) error {
	incidents, err := t.Incidents(ctx, []incident.Number{c.Delivery.Incident})
	if err != nil {
		return err
	}
	if len(incidents) > 0 {
		c.Notice, c.Err = incidents[0].Recount(c.Delivery.Notice, c.Delivery.Reason, t.now), nil
	}
	return nil
}

// Claim saves that attempts at deliveries begin. It is [Tx.Save] for nothing but that.
func (t *Tx) Claim(ctx context.Context, claimed []*delivery.Delivery) error {
	if len(claimed) == 0 {
		return nil
	}
	numbers := make([]int64, len(claimed))
	var timers timerChanges
	for i, d := range claimed {
		numbers[i] = int64(d.Number)
		timers.set(deliveryTimer, int64(d.Number), d.WakeAt(t.now))
	}
	d := t.work.dialect()
	_, err := t.exec(ctx, `UPDATE deliveries SET status = 2, ready = 0, claim = ?, lease = ? WHERE number `+d.AnyOf,
		t.work.deliveryKey(claimed[0].Claim), instant(claimed[0].Lease), d.List(numbers))
	if err != nil {
		return fmt.Errorf("claim deliveries: %w", err)
	}
	return t.saveTimers(ctx, timers)
}

// retryNow has everything looked at now that waits for its next attempt on a channel, as
// the channel works again.
func (t *Tx) retryNow(ctx context.Context, channel string) error {
	d := t.work.dialect()
	waiting, err := t.numbers(ctx, `SELECT d.number FROM deliveries d WHERE d.channel = ? AND d.status = 1 AND d.status IN (1, 2) AND d.due > ?`+inOrder+d.SkipLocked,
		channel, instant(t.now))
	if err != nil || len(waiting) == 0 {
		return wrap("look for what waits on a channel", err)
	}
	if _, err := t.exec(ctx, `UPDATE deliveries SET due = ? WHERE number `+d.AnyOf, instant(t.now), d.List(waiting)); err != nil {
		return fmt.Errorf("bring deliveries forward: %w", err)
	}
	_, err = t.exec(ctx, `UPDATE timers SET due = ? WHERE kind = ? AND subject `+d.AnyOf, instant(t.now), int64(deliveryTimer), d.List(waiting))
	return wrap("bring timers forward", err)
}

// Waiting returns the numbers of open deliveries of a channel that come after one, in
// their order.
func (t *Tx) Waiting(ctx context.Context, channel string, after delivery.Number, limit int) ([]delivery.Number, error) {
	var waiting []delivery.Number
	err := t.each(ctx, func(rows *sql.Rows) error {
		var number delivery.Number
		err := rows.Scan(&number)
		waiting = append(waiting, number)
		return err
	}, `SELECT number FROM deliveries WHERE channel = ? AND status IN (1, 2) AND number > ?`+inOrder+` LIMIT ?`, channel, int64(after), limit)
	return waiting, wrap("look for what waits on a channel", err)
}

// ForgetClaims gives back what an earlier process has left behind, where nobody but
// this one can have a claim: an SQLite file has one alertd. On PostgreSQL it does nothing,
// and claims end by themselves.
func (w *Work) ForgetClaims(ctx context.Context) error {
	if w.store.Shared() {
		return nil
	}
	return w.Transact(ctx, func(ctx context.Context, t *Tx) error {
		_, err := t.exec(ctx, `UPDATE timers SET due = ? WHERE kind = 2 AND subject IN (SELECT number FROM deliveries WHERE status IN (1, 2) AND status = 2)`, instant(t.now))
		if err != nil {
			return fmt.Errorf("forget old claims: %w", err)
		}
		_, err = t.exec(ctx, `UPDATE deliveries SET lease = ? WHERE status IN (1, 2) AND status = 2`, instant(t.now))
		return wrap("forget old claims", err)
	})
}

// Failures are deliveries that have failed and about which alertd has not raised an alert
// yet.
func (w *Work) Failures(ctx context.Context, limit int) ([]delivery.Failure, error) {
	var failures []delivery.Failure
	err := w.eachOfOwn(ctx, func(rows *sql.Rows) error {
		var f delivery.Failure
		var err error
		f.Delivery, err = scanDelivery(rows, &f.Source)
		failures = append(failures, f)
		return err
	}, `SELECT `+deliveryColumns+`, coalesce((SELECT i.source FROM incidents i WHERE i.number = d.incident), '') FROM deliveries d
		WHERE d.status = 4 AND d.reported = 0 ORDER BY d.number LIMIT ?`, limit)
	return failures, wrap("look for deliveries that have failed", err)
}

// Reported notes that an alert was raised about deliveries, as far as they were not tried
// again since.
func (t *Tx) Reported(ctx context.Context, failures []delivery.Failure) error {
	numbers, limits := make([]int64, len(failures)), make([]int64, len(failures))
	for i, f := range failures {
		numbers[i], limits[i] = int64(f.Delivery.Number), instant(f.Delivery.GiveUpAt)
	}
	pairs, args := t.work.dialect().Pairs(numbers, limits)
	_, err := t.exec(ctx, `UPDATE deliveries SET reported = 1 WHERE status = 4 AND (number, give_up) IN (`+pairs+`)`, args...)
	return wrap("note alerts about deliveries", err)
}
