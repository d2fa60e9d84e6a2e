package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// Claim says whose a delivery is while it is sent. It ends by itself, so that another
// replica sends what a process has left behind that is gone.
type Claim struct {
	// ID is a new one for each claim: whoever comes back late has another's no more.
	ID delivery.ID
	// For is how long it lasts.
	For time.Duration
}

// Claimed is a delivery that is the caller's to send.
type Claimed struct {
	Delivery delivery.Delivery
	Notice   incident.Notice
	// Thread is what the first message about the incident on the channel has left.
	Thread string
	Claim  delivery.ID
}

const deliveryColumns = `d.delivery_id, d.number, d.incident, d.notice, d.reason, d.channel, d.status, d.created, d.due, d.give_up,
	d.finished, d.attempts, d.error, d.thread, d.fallback_for, d.lease`

// scanDelivery reads deliveryColumns, and then into more.
func (s *Store) scanDelivery(row scanner, now time.Time, more ...any) (delivery.Delivery, error) {
	var d delivery.Delivery
	var id, fallbackFor uuidValue
	var number, incidentNumber, reason, status, created, due, giveUp int64
	var finished, lease sql.NullInt64
	err := row.Scan(append([]any{
		&id, &number, &incidentNumber, &d.Notice, &reason, &d.Channel, &status, &created, &due, &giveUp,
		&finished, &d.Attempts, &d.Error, &d.Thread, &fallbackFor, &lease,
	}, more...)...)
	d.ID, d.FallbackFor = delivery.ID(id), delivery.ID(fallbackFor)
	d.Number, d.Incident = delivery.Number(number), incident.Number(incidentNumber)
	d.Reason, d.Status = incident.Reason(reason), delivery.Status(status) //nolint:gosec // as they were written
	d.CreatedAt, d.DueAt, d.GiveUpAt = time.UnixMicro(created).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(giveUp).UTC()
	d.FinishedAt = timeOf(finished)
	if d.Status == delivery.Waiting && timeOf(lease).After(now) {
		d.Status = delivery.Sending
	}
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
		id, err := delivery.ParseID(value)
		*u = uuidValue(id)
		return err
	}
	return fmt.Errorf("%T is not a UUID", value)
}

// deliveryKey turns an id into an argument; the zero id is NULL.
func (s *Store) deliveryKey(id delivery.ID) any {
	if id.IsZero() {
		return nil
	}
	return s.db.dialect().ID(alerting.EventID(id))
}

// AddDelivery plans a delivery, and reports whether it is new: a notice is told once
// on a channel. With a claim it is the caller's to send.
func (t *Tx) AddDelivery(ctx context.Context, d delivery.Delivery, claim Claim) (bool, error) {
	var lease any
	if !claim.ID.IsZero() {
		lease = t.now.Add(claim.For).UnixMicro()
	}
	n, err := t.exec(ctx, `INSERT INTO deliveries
		(delivery_id, incident, notice, reason, channel, status, created, due, give_up, claim, lease, fallback_for, error)
		VALUES (?, ?, ?, ?, ?, 1, ?, `+dueInLine+`, ?, ?, ?, ?, '') ON CONFLICT (incident, channel, notice) DO NOTHING`,
		t.store.deliveryKey(d.ID), d.Incident, d.Notice, int64(d.Reason), d.Channel, t.now.UnixMicro(),
		t.now.UnixMicro(), d.Incident, d.Channel, d.Notice,
		d.GiveUpAt.UnixMicro(), t.store.deliveryKey(claim.ID), lease, t.store.deliveryKey(d.FallbackFor))
	return n > 0, wrap("plan delivery", err)
}

// Thread returns what the first message about an incident on a channel has left for
// later ones; "" if there was none.
func (t *Tx) Thread(ctx context.Context, number incident.Number, name string) (string, error) {
	var thread string
	err := t.one(ctx, `SELECT f.thread FROM deliveries f WHERE f.incident = ? AND f.channel = ? AND f.thread <> ''
		ORDER BY f.notice LIMIT 1`, number, name).Scan(&thread)
	if isNoRows(err) {
		return "", nil
	}
	return thread, wrap("look for the first message", err)
}

// Told returns, for an incident, the channels that were told something of it or are
// about to be.
func (t *Tx) Told(ctx context.Context, number incident.Number) (map[string]bool, error) {
	told := map[string]bool{}
	err := t.each(ctx, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		told[name] = true
		return err
	}, `SELECT DISTINCT channel FROM deliveries WHERE incident = ? AND status NOT IN (?, ?)`,
		number, int64(delivery.Failed), int64(delivery.Superseded))
	return told, wrap("look for who was told", err)
}

// others returns the deliveries of the same incident on the same channel that come
// before, or after, a notice.
func (t *Tx) others(ctx context.Context, d delivery.Delivery, relation string, status delivery.Status) ([]delivery.Delivery, error) {
	var others []delivery.Delivery
	err := t.each(ctx, func(rows *sql.Rows) error {
		other, err := t.store.scanDelivery(rows, t.now)
		others = append(others, other)
		return err
	}, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.incident = ? AND d.channel = ? AND d.notice `+relation+` ? AND d.status = ?
		ORDER BY d.notice`, d.Incident, d.Channel, d.Notice, int64(status))
	return others, wrap("look for other messages about an incident", err)
}

// Heard reports whether a channel was told of the incident before a delivery.
func (t *Tx) Heard(ctx context.Context, d delivery.Delivery) (bool, error) {
	earlier, err := t.others(ctx, d, "<", delivery.Delivered)
	return len(earlier) > 0, err
}

// overtakes reports whether a delivery leaves nothing to be said by another one. heard
// says whether the channel hears of the incident without that one.
func overtakes(by, d delivery.Delivery, heard bool) bool {
	return by.Reason.Overtakes(d.Reason) && (heard || by.Reason.Introduces())
}

// Supersede ends what waits on a channel and is overtaken by a delivery that was just
// planned, and returns it. waiting is what waits on, so that the delivery has to wait
// for it.
func (t *Tx) Supersede(ctx context.Context, by delivery.Delivery) (superseded []delivery.Delivery, waiting bool, err error) {
	earlier, err := t.others(ctx, by, "<", delivery.Waiting)
	if err != nil || len(earlier) == 0 {
		return nil, false, err
	}
	heard, err := t.Heard(ctx, by)
	if err != nil {
		return nil, false, err
	}
	for _, d := range earlier {
		if d.Status != delivery.Waiting || !overtakes(by, d, heard) {
			waiting, heard = true, true // from that one
			continue
		}
		n, err := t.exec(ctx, `UPDATE deliveries SET status = ?, finished = ?, error = ?
			WHERE delivery_id = ? AND status = ? AND (lease IS NULL OR lease <= ?)`,
			int64(delivery.Superseded), t.now.UnixMicro(), overtaken(by), t.store.deliveryKey(d.ID), int64(delivery.Waiting), t.now.UnixMicro())
		if err != nil {
			return nil, false, fmt.Errorf("supersede delivery: %w", err)
		}
		if n == 0 { // somebody has begun to send it
			waiting, heard = true, true
			continue
		}
		superseded = append(superseded, d)
	}
	if len(superseded) > 0 {
		err = t.moveUp(ctx, by)
	}
	return superseded, waiting, err
}

func overtaken(by delivery.Delivery) string {
	return fmt.Sprintf("overtaken by notice %d (%s)", by.Notice, by.Reason)
}

// Overtaken returns the notice that leaves nothing to be said by a delivery, or nil.
func (t *Tx) Overtaken(ctx context.Context, d delivery.Delivery) (*delivery.Delivery, error) {
	heard, err := t.Heard(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, status := range []delivery.Status{delivery.Waiting, delivery.Delivered} {
		later, err := t.others(ctx, d, ">", status)
		if err != nil {
			return nil, err
		}
		for _, other := range later {
			if overtakes(other, d, heard) {
				return &other, nil
			}
		}
	}
	return nil, nil
}

// Which says which deliveries are wanted of a channel.
type Which struct {
	Channel string
	// Most is how many, at most.
	Most int
	// Early takes what is not due yet, too.
	Early bool
}

// owed is the condition that delivery d has an attempt to come that was due before it was
// to be given up, as when alertd was down or off meanwhile.
const owed = `(d.attempts = 0 OR d.due < d.give_up)`

// claimQuery goes through what is due, in its order, until it has enough. Its
// conditions beyond that are subqueries for one row each: as joins, PostgreSQL would
// look at everything that waits first.
const claimQuery = `SELECT ` + deliveryColumns + `,
		(SELECT n.notice FROM notices n WHERE n.incident = d.incident AND n.number = d.notice),
		(SELECT f.thread FROM deliveries f WHERE f.incident = d.incident AND f.channel = d.channel AND f.thread <> '' ORDER BY f.notice LIMIT 1)
	FROM deliveries d
	WHERE d.channel = ? AND d.status = 1 AND d.due <= ? AND (d.give_up > ? OR ` + owed + `) AND (d.lease IS NULL OR d.lease <= ?) AND ` + isFirst + `
	ORDER BY d.due, d.number LIMIT ?`

// Claim takes deliveries of a channel that wait to be sent, the longest due first: of
// each incident only the first one, so that its messages go out in order. next is how long
// it is until the first of the others is due: 0 if one is and comes later, or there were
// too many, and negative if there are no others.
func (t *Tx) Claim(ctx context.Context, which Which, claim Claim) (claimed []Claimed, next time.Duration, err error) {
	due := t.now
	if which.Early {
		due = t.now.AddDate(100, 0, 0)
	}
	err = t.each(ctx, func(rows *sql.Rows) error {
		var notice string
		var thread sql.NullString
		d, err := t.store.scanDelivery(rows, t.now, &notice, &thread)
		if err != nil {
			return err
		}
		c := Claimed{Delivery: d, Thread: thread.String, Claim: claim.ID}
		claimed = append(claimed, c)
		return decode(notice, &claimed[len(claimed)-1].Notice)
	}, claimQuery+t.store.db.dialect().SkipLocked,
		which.Channel, due.UnixMicro(), t.now.UnixMicro(), t.now.UnixMicro(), which.Most)
	if err != nil {
		return nil, -1, fmt.Errorf("look for deliveries: %w", err)
	}
	if len(claimed) > 0 {
		numbers := make([]int64, len(claimed))
		for i, c := range claimed {
			numbers[i] = int64(c.Delivery.Number)
		}
		d := t.store.db.dialect()
		_, err := t.exec(ctx, `UPDATE deliveries SET claim = ?, lease = ? WHERE number `+d.AnyOf,
			t.store.deliveryKey(claim.ID), t.now.Add(claim.For).UnixMicro(), d.List(numbers))
		if err != nil {
			return nil, -1, fmt.Errorf("claim deliveries: %w", err)
		}
	}
	var first sql.NullInt64
	err = t.one(ctx, `SELECT min(due) FROM (SELECT due FROM deliveries WHERE channel = ? AND status = 1 AND claim IS NULL
		ORDER BY due, number LIMIT 1) AS other`, which.Channel).Scan(&first)
	if next = -1; first.Valid {
		next = max(0, time.UnixMicro(first.Int64).Sub(t.now))
	}
	return claimed, next, wrap("look for other deliveries", err)
}

// Finish records an attempt and what follows from it, and reports whether the claim
// still held: if not, nothing is recorded, as the delivery is another's.
func (t *Tx) Finish(ctx context.Context, c Claimed, a delivery.Attempt, next delivery.Step, thread string) (bool, error) {
	var finished any
	if next.Status != delivery.Waiting {
		finished = t.now.UnixMicro()
	}
	var number int64
	err := t.one(ctx, `UPDATE deliveries SET status = ?, due = ?, finished = ?, error = ?, thread = ?,
			attempts = attempts + 1, claim = NULL, lease = NULL
		WHERE delivery_id = ? AND claim = ? AND status = 1 RETURNING attempts`,
		int64(next.Status), next.DueAt.UnixMicro(), finished, a.Error, thread,
		t.store.deliveryKey(c.Delivery.ID), t.store.deliveryKey(c.Claim)).Scan(&number)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("record delivery: %w", err)
	}
	if next.Status == delivery.Waiting {
		err = t.holdUp(ctx, c.Delivery, next.DueAt)
	} else {
		err = t.moveUp(ctx, c.Delivery)
	}
	if err != nil {
		return false, err
	}
	_, err = t.exec(ctx, `INSERT INTO delivery_attempts (delivery_id, number, at, took, outcome, code, error) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		t.store.deliveryKey(c.Delivery.ID), number, a.At.UnixMicro(), a.Duration.Microseconds(), int64(a.Outcome), a.Code, a.Error)
	return true, wrap("record attempt", err)
}

// Release gives a delivery back that was not sent, to be sent at once.
func (t *Tx) Release(ctx context.Context, c Claimed) error {
	_, err := t.exec(ctx, `UPDATE deliveries SET claim = NULL, lease = NULL, due = CASE WHEN due < ? THEN due ELSE ? END
		WHERE delivery_id = ? AND claim = ? AND status = 1`, t.now.UnixMicro(), t.now.UnixMicro(), t.store.deliveryKey(c.Delivery.ID), t.store.deliveryKey(c.Claim))
	return wrap("give delivery back", err)
}

// ForgetClaims gives back what an earlier process has left behind, where nobody but
// this one can have a claim: an SQLite file has one alertd. On PostgreSQL it does nothing,
// and claims end by themselves.
func (s *Store) ForgetClaims(ctx context.Context) error {
	if s.config.Driver != SQLite {
		return nil
	}
	return s.Work(ctx, func(ctx context.Context, t *Tx) error {
		_, err := t.exec(ctx, `UPDATE deliveries SET claim = NULL, lease = NULL WHERE status = 1 AND claim IS NOT NULL`)
		return wrap("forget old claims", err)
	})
}

// End ends a delivery that waits, and reports whether it still did.
func (t *Tx) End(ctx context.Context, d delivery.Delivery, status delivery.Status, why string) (bool, error) {
	n, err := t.exec(ctx, `UPDATE deliveries SET status = ?, finished = ?, error = ?, claim = NULL, lease = NULL
		WHERE delivery_id = ? AND status = 1 AND (lease IS NULL OR lease <= ?)`,
		int64(status), t.now.UnixMicro(), why, t.store.deliveryKey(d.ID), t.now.UnixMicro())
	if err != nil || n == 0 {
		return false, wrap("end delivery", err)
	}
	return true, t.moveUp(ctx, d)
}

// strangersGrace is how much longer a delivery waits for a replica that knows its
// channel.
const strangersGrace = time.Minute

// Expired returns deliveries that wait and are to be given up: at once those of the
// channels in known, somewhat later others, which another replica may know. Those with an
// attempt to come that was due before, on a channel in working, are not among them.
func (t *Tx) Expired(ctx context.Context, known, working []string, limit int) ([]delivery.Delivery, error) {
	dialect := t.store.db.dialect()
	var expired []delivery.Delivery
	err := t.each(ctx, func(rows *sql.Rows) error {
		d, err := t.store.scanDelivery(rows, t.now)
		expired = append(expired, d)
		return err
	}, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.status = 1 AND d.give_up <= ? AND (d.lease IS NULL OR d.lease <= ?)
			AND (d.give_up <= ? OR d.channel `+dialect.AnyText+`) AND (NOT `+owed+` OR NOT d.channel `+dialect.AnyText+`)
		ORDER BY d.give_up LIMIT ?`+dialect.SkipLocked,
		t.now.UnixMicro(), t.now.UnixMicro(), t.now.Add(-strangersGrace).UnixMicro(), dialect.Texts(known), dialect.Texts(working), limit)
	return expired, wrap("look for deliveries to give up", err)
}

// Later returns what comes after a delivery on its channel and waits, is being sent or
// was delivered: first what was delivered, then the rest, each in the order of notices.
func (t *Tx) Later(ctx context.Context, d delivery.Delivery) ([]delivery.Delivery, error) {
	delivered, err := t.others(ctx, d, ">", delivery.Delivered)
	if err != nil {
		return nil, err
	}
	waiting, err := t.others(ctx, d, ">", delivery.Waiting)
	return append(delivered, waiting...), err
}

// Passed reports whether the delivery's channel was told what came after it, or is
// about to be just now, so that it comes too late. If not, nobody begins to tell it of
// that until the transaction ends.
func (t *Tx) Passed(ctx context.Context, d delivery.Delivery) (bool, error) {
	if hold := t.store.db.dialect().Hold; hold != "" { // nobody begins to tell of it meanwhile
		err := t.each(ctx, func(*sql.Rows) error { return nil }, `SELECT d.number FROM deliveries d
			WHERE d.incident = ? AND d.channel = ? AND d.notice > ? AND d.status = 1 ORDER BY d.notice`+hold,
			d.Incident, d.Channel, d.Notice)
		if err != nil {
			return false, fmt.Errorf("hold what comes after a delivery: %w", err)
		}
	}
	later, err := t.Later(ctx, d)
	return slices.ContainsFunc(later, func(other delivery.Delivery) bool { return other.Status != delivery.Waiting }), err
}

// Retry makes a delivery that has failed wait again, until giveUp. The error is an
// [*alerting.Error]: [alerting.CodeNotFound], or [alerting.CodeConflict] if it has not
// failed, or if the channel was told since what came after it.
func (t *Tx) Retry(ctx context.Context, id delivery.ID, giveUp time.Time) error {
	before, err := t.Delivery(ctx, id)
	if err != nil {
		return err
	}
	if passed, err := t.Passed(ctx, before); err != nil {
		return err
	} else if passed && before.Status == delivery.Failed {
		return &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf(
			"channel %s was told since what came after delivery %s; to tell it now would turn the order around", before.Channel, id)}
	}
	n, err := t.exec(ctx, `UPDATE deliveries SET status = ?, due = ?, give_up = ?, finished = NULL, reported = 0 WHERE delivery_id = ? AND status = ?`,
		int64(delivery.Waiting), t.now.UnixMicro(), giveUp.UnixMicro(), t.store.deliveryKey(id), int64(delivery.Failed))
	if err != nil || n > 0 {
		return wrap("retry delivery", err)
	}
	d, err := t.Delivery(ctx, id)
	if err != nil {
		return err
	}
	return &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf(
		"delivery %s is %s; only one that has failed can be retried", id, d.Status)}
}

// Conclude plans, for a delivery that is retried by hand, the one of a later notice that it
// is not complete without, unless there is one: one that was superseded, as the channel had
// heard nothing, waits again.
func (t *Tx) Conclude(ctx context.Context, d delivery.Delivery) error {
	if added, err := t.AddDelivery(ctx, d, Claim{}); err != nil || added {
		return err
	}
	_, err := t.exec(ctx, `UPDATE deliveries SET status = ?, due = ?, give_up = ?, finished = NULL, error = ''
		WHERE incident = ? AND channel = ? AND notice = ? AND status = ?`, int64(delivery.Waiting), t.now.UnixMicro(), d.GiveUpAt.UnixMicro(),
		d.Incident, d.Channel, d.Notice, int64(delivery.Superseded))
	return wrap("plan the end of an incident", err)
}

// Delivery returns one delivery. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (t *Tx) Delivery(ctx context.Context, id delivery.ID) (delivery.Delivery, error) {
	d, err := t.store.scanDelivery(t.one(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.delivery_id = ?`, t.store.deliveryKey(id)), t.now)
	return d, noSuchDelivery(id, err)
}

func noSuchDelivery(id delivery.ID, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no delivery with the id %s", id)}
	}
	return wrap("read delivery", err)
}

// Unreported is a delivery that has failed and about which alertd has not raised an
// alert yet.
type Unreported struct {
	Delivery delivery.Delivery
	Incident incident.Incident
}

// Unreported returns such deliveries, the first planned first.
func (s *Store) Unreported(ctx context.Context, limit int) ([]Unreported, error) {
	var unreported []Unreported
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var state string
		d, err := s.scanDelivery(rows, time.Time{}, &state)
		if err != nil {
			return err
		}
		unreported = append(unreported, Unreported{Delivery: d})
		return decode(state, &unreported[len(unreported)-1].Incident)
	}, `SELECT `+deliveryColumns+`, i.state FROM deliveries d JOIN incidents i ON i.number = d.incident
		WHERE d.status = 4 AND d.reported = 0 ORDER BY d.number LIMIT ?`, limit)
	return unreported, wrap("look for deliveries that have failed", err)
}

// Reported notes that an alert was raised about a delivery, unless it was tried again
// since.
func (t *Tx) Reported(ctx context.Context, d delivery.Delivery) error {
	_, err := t.exec(ctx, `UPDATE deliveries SET reported = 1 WHERE delivery_id = ? AND status = 4 AND give_up = ?`,
		t.store.deliveryKey(d.ID), d.GiveUpAt.UnixMicro())
	return wrap("note an alert about a delivery", err)
}

// Hurry makes everything due that waits on a channel and that nobody is sending.
func (t *Tx) Hurry(ctx context.Context, name string) error {
	_, err := t.exec(ctx, `UPDATE deliveries SET due = ? WHERE channel = ? AND status = 1 AND due > ? AND (lease IS NULL OR lease <= ?)`,
		t.now.UnixMicro(), name, t.now.UnixMicro(), t.now.UnixMicro())
	return wrap("bring deliveries forward", err)
}

// Note records in a channel's record what became of an attempt.
func (t *Tx) Note(ctx context.Context, name string, r channel.Result) error {
	success, failure := number(r.Outcome == channel.Delivered), number(r.Outcome != channel.Delivered)
	_, err := t.exec(ctx, `INSERT INTO channel_records AS r (channel, successes, failures, consecutive, last_error, last_failure, last_success)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (channel) DO UPDATE SET successes = r.successes + excluded.successes, failures = r.failures + excluded.failures,
			consecutive = CASE excluded.failures WHEN 0 THEN 0 ELSE r.consecutive + 1 END,
			last_error = CASE excluded.failures WHEN 0 THEN r.last_error ELSE excluded.last_error END,
			last_failure = CASE excluded.failures WHEN 0 THEN r.last_failure ELSE excluded.last_failure END,
			last_success = CASE excluded.failures WHEN 0 THEN excluded.last_success ELSE r.last_success END`,
		name, success, failure, failure, r.Error, failure*t.now.UnixMicro(), success*t.now.UnixMicro())
	return wrap("keep the channel's record", err)
}
