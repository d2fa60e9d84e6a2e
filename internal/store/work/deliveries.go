package work

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// Deliveries returns the deliveries that match, the latest planned first.
func (w *Work) Deliveries(ctx context.Context, q delivery.Query) (delivery.Page, error) {
	var page delivery.Page
	c := conditions{text: "d.number > 0"}
	if q.Before > 0 {
		c.add("d.number < ?", int64(q.Before))
	}
	if q.Channel != "" {
		c.add("d.channel = ?", q.Channel)
	}
	if !q.Incident.IsZero() {
		of := `(SELECT number FROM incidents WHERE incident_id = ?)`
		key := w.incidentKey(q.Incident)
		c.add(`d.number IN (SELECT number FROM deliveries WHERE incident = `+of+`
			UNION SELECT delivery FROM delivery_incidents WHERE incident = `+of+`)`, key, key)
	}
	c.status(q.Statuses)
	err := w.each(ctx, func(rows *sql.Rows) error {
		var of uuidValue
		d, err := scanDelivery(rows, &of)
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
	}, `SELECT `+deliveryColumns+`, i.incident_id FROM deliveries d LEFT JOIN incidents i ON i.number = d.incident
		WHERE `+c.text+` ORDER BY d.number DESC LIMIT ?`, append(c.args, q.Limit+1)...)
	if err == nil {
		err = w.loadOthers(ctx, page.Deliveries)
	}
	return page, wrap("look for deliveries", err)
}

// status adds that a delivery has one of some statuses, in the words of their indexes.
func (c *conditions) status(statuses []delivery.Status) {
	either := make([]string, len(statuses))
	for i, status := range statuses {
		index := "d.finished IS NOT NULL"
		if status == delivery.Waiting || status == delivery.Sending {
			index = "d.status IN (1, 2)"
		}
		either[i] = fmt.Sprintf("d.status = %d AND %s", status, index)
	}
	if len(either) > 0 {
		c.add("(" + strings.Join(either, " OR ") + ")")
	}
}

// loadOthers loads the further incidents that deliveries are about.
func (w *Work) loadOthers(ctx context.Context, deliveries []delivery.Delivery) error {
	if len(deliveries) == 0 {
		return nil
	}
	at := make(map[delivery.Number]int, len(deliveries))
	numbers := make([]int64, len(deliveries))
	for i, d := range deliveries {
		at[d.Number], numbers[i] = i, int64(d.Number)
	}
	d := w.dialect()
	return w.each(ctx, func(rows *sql.Rows) error {
		var number delivery.Number
		var other incident.Ref
		var key uuidValue
		err := rows.Scan(&number, &other.Number, &key)
		other.ID = incident.ID(key)
		deliveries[at[number]].Others = append(deliveries[at[number]].Others, other)
		return err
	}, `SELECT o.delivery, o.incident, i.incident_id FROM delivery_incidents o JOIN incidents i ON i.number = o.incident
		WHERE o.delivery `+d.AnyOf+` ORDER BY o.delivery, o.incident`, d.List(numbers))
}

// Delivery returns one delivery with its attempts, oldest first. The error is an
// [*alerting.Error] with [alerting.CodeNotFound] if there is none.
func (w *Work) Delivery(ctx context.Context, id delivery.ID) (d delivery.Delivery, attempts []delivery.Attempt, err error) {
	key, of, found := w.deliveryKey(id), uuidValue{}, false
	err = w.each(ctx, func(rows *sql.Rows) (err error) {
		found = true
		d, err = scanDelivery(rows, &of)
		return err
	}, `SELECT `+deliveryColumns+`, i.incident_id FROM deliveries d LEFT JOIN incidents i ON i.number = d.incident WHERE d.delivery_id = ?`, key)
	switch {
	case err != nil:
		return d, nil, fmt.Errorf("read delivery: %w", err)
	case !found:
		return d, nil, noSuchDelivery(id)
	}
	d.IncidentID = incident.ID(of)
	one := []delivery.Delivery{d}
	if err := w.loadOthers(ctx, one); err != nil {
		return d, nil, fmt.Errorf("read delivery: %w", err)
	}
	d = one[0]
	err = w.each(ctx, func(rows *sql.Rows) error {
		var a delivery.Attempt
		var at, took, outcome int64
		err := rows.Scan(&a.Number, &at, &took, &outcome, &a.Code, &a.Error)
		a.At, a.Duration = time.UnixMicro(at).UTC(), time.Duration(took)*time.Microsecond
		a.Outcome = channel.OutcomeOf(outcome)
		attempts = append(attempts, a)
		return err
	}, `SELECT number, at, took, outcome, code, error FROM delivery_attempts WHERE delivery_id = ? ORDER BY number`, key)
	return d, attempts, wrap("read attempts", err)
}

func noSuchDelivery(id delivery.ID) error {
	return &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no delivery with the id %s", id)}
}

// Delivery returns a delivery as [Tx.Stories] does. The error is as that of [Work.Delivery].
func (t *Tx) Delivery(ctx context.Context, id delivery.ID) (delivery.Delivery, error) {
	d, err := scanDelivery(t.one(ctx, `SELECT `+deliveryColumns+` FROM deliveries d WHERE d.delivery_id = ?`, t.work.deliveryKey(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return d, noSuchDelivery(id)
	}
	return d, wrap("read delivery", err)
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

// Backlog returns what is still to be done.
func (w *Work) Backlog(ctx context.Context) (Backlog, error) {
	b := Backlog{Incidents: make(map[incident.Status]int)}
	var err error
	if b.Queues, b.Now, err = w.Queues(ctx); err != nil {
		return b, err
	}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var unfolded sql.NullInt64
		err := rows.Scan(&unfolded)
		b.Unfolded = timeOf(unfolded)
		return err
	}, `SELECT received FROM events WHERE dispatch = 1 AND seq > (SELECT seq FROM log_cursors WHERE name = ?) ORDER BY seq LIMIT 1`, cursorName)
	if err != nil {
		return b, fmt.Errorf("look for what is not folded yet: %w", err)
	}
	err = w.each(ctx, func(rows *sql.Rows) error {
		var status int64
		var n int
		err := rows.Scan(&status, &n)
		for name, number := range statusNumbers {
			if number == status {
				b.Incidents[name] = n
			}
		}
		return err
	}, `SELECT status, count(*) FROM incidents WHERE status IN (1, 2) GROUP BY status`)
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
