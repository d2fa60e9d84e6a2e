package work

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// TimerKind says what waits for a timer.
type TimerKind int64

// The kinds of timers. Their numbers are kept in the database.
const (
	reminderTimer TimerKind = 1
	deliveryTimer TimerKind = 2
	eventTimer    TimerKind = 3
	stateTimer    TimerKind = 4
)

var timersTable = table{name: "timers", key: "kind, subject", columns: []column{
	{"kind", numbers, kept},
	{"subject", numbers, kept},
	{"due", numbers, replaced},
}}

var soonerTable = table{name: "timers", key: "kind, subject", columns: []column{
	{"kind", numbers, kept},
	{"subject", numbers, kept},
	{"due", numbers, lowered},
}}

// timerChanges are timers to be set, and to be taken back.
type timerChanges struct {
	later  [][]any
	sooner [][]any // those that run out before leave them as they are
	gone   map[TimerKind][]int64
}

func (c *timerChanges) set(kind TimerKind, subject int64, due time.Time) {
	if due.IsZero() {
		if c.gone == nil {
			c.gone = make(map[TimerKind][]int64)
		}
		c.gone[kind] = append(c.gone[kind], subject)
		return
	}
	c.later = append(c.later, []any{int64(kind), subject, instant(due)})
}

func (t *Tx) saveTimers(ctx context.Context, c timerChanges) error {
	if err := t.write(ctx, timersTable, c.later); err != nil {
		return err
	}
	if err := t.write(ctx, soonerTable, c.sooner); err != nil {
		return err
	}
	for kind, subjects := range c.gone {
		if err := t.dropTimers(ctx, kind, subjects); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tx) dropTimers(ctx context.Context, kind TimerKind, subjects []int64) error {
	d := t.work.dialect()
	_, err := t.exec(ctx, `DELETE FROM timers WHERE kind = ? AND subject `+d.AnyOf, int64(kind), d.List(subjects))
	return wrap("take back timers", err)
}

// The queries for timers go through their times until they have enough: the sign before
// the kind keeps SQLite from looking for kinds first, and sorting all timers there are.

// Due is what waits for timers that have run out.
type Due struct {
	Reminders  []incident.Number
	Deliveries []delivery.Number
	// Events could not be folded in their turn.
	Events []alerting.Seq
	States []State
}

// Len returns how many they are.
func (d Due) Len() int { return len(d.Reminders) + len(d.Deliveries) + len(d.Events) + len(d.States) }

// Due returns what waits for timers that have run out, the longest due first, at most
// limit. Without deliveries it leaves those, events and states out.
func (t *Tx) Due(ctx context.Context, deliveries bool, limit int) (due Due, err error) {
	last := stateTimer
	if !deliveries {
		last = reminderTimer
	}
	var states []int64
	err = t.each(ctx, func(rows *sql.Rows) error {
		var kind TimerKind
		var subject int64
		if err := rows.Scan(&kind, &subject); err != nil {
			return err
		}
		switch kind {
		case reminderTimer:
			due.Reminders = append(due.Reminders, incident.Number(subject))
		case deliveryTimer:
			due.Deliveries = append(due.Deliveries, delivery.Number(subject))
		case eventTimer:
			due.Events = append(due.Events, alerting.Seq(subject))
		case stateTimer:
			states = append(states, subject)
		}
		return nil
	}, `SELECT kind, subject FROM timers WHERE due <= ? AND +kind <= ? ORDER BY due LIMIT ?`, instant(t.now), int64(last), limit)
	if err == nil && len(states) > 0 {
		if due.States, err = t.statesNumbered(ctx, states); err == nil && len(due.States) < len(states) {
			err = t.dropTimers(ctx, stateTimer, missing(states, due.States)) // or they would be due for ever
		}
	}
	return due, wrap("look for timers that have run out", err)
}

// missing returns the numbers that no state has.
func missing(numbers []int64, states []State) []int64 {
	return slices.DeleteFunc(numbers, func(number int64) bool {
		return slices.ContainsFunc(states, func(s State) bool { return s.number() == number })
	})
}

// NextTimer returns how long it is until the next timer runs out; negative: it should
// have gone off that long ago. It returns false if there is none. Without deliveries it
// leaves those, events and states out.
func (w *Work) NextTimer(ctx context.Context, deliveries bool) (in time.Duration, found bool, err error) {
	now, err := w.Now(ctx)
	if err != nil {
		return 0, false, err
	}
	last := stateTimer
	if !deliveries {
		last = reminderTimer
	}
	err = w.eachOfOwn(ctx, func(rows *sql.Rows) error {
		var due int64
		err := rows.Scan(&due)
		in, found = time.UnixMicro(due).Sub(now), true
		return err
	}, `SELECT due FROM timers WHERE +kind <= ? ORDER BY due LIMIT 1`, int64(last))
	return in, found, wrap("look for the next timer", err)
}

// LookAt returns when an incident is looked at next; zero: not by itself.
func (t *Tx) LookAt(ctx context.Context, number incident.Number) (at time.Time, err error) {
	err = t.each(ctx, func(rows *sql.Rows) error {
		var due sql.NullInt64
		err := rows.Scan(&due)
		at = timeOf(due)
		return err
	}, `SELECT w.due FROM timers w WHERE w.kind = ? AND w.subject = ?`, int64(reminderTimer), int64(number))
	return at, wrap("ask when an incident is looked at next", err)
}

// LookAtOthers has those open incidents looked at now that have no timer: new rules may give
// them one.
func (t *Tx) LookAtOthers(ctx context.Context) error {
	_, err := t.exec(ctx, `INSERT INTO timers (kind, subject, due) SELECT CAST(? AS bigint), o.number, CAST(? AS bigint) FROM incidents o
		WHERE o.status IN (1, 2) AND NOT EXISTS (SELECT 1 FROM timers w WHERE w.kind = ? AND w.subject = o.number)`,
		int64(reminderTimer), instant(t.now), int64(reminderTimer))
	return wrap("have open incidents looked at", err)
}

// Forget takes back timers of what is done, or not there any more.
func (t *Tx) Forget(ctx context.Context, gone Due) error {
	var c timerChanges
	for _, number := range gone.Reminders {
		c.set(reminderTimer, int64(number), time.Time{})
	}
	for _, number := range gone.Deliveries {
		c.set(deliveryTimer, int64(number), time.Time{})
	}
	for _, seq := range gone.Events {
		c.set(eventTimer, int64(seq), time.Time{})
	}
	for _, s := range gone.States {
		c.set(stateTimer, s.number(), time.Time{})
	}
	return t.saveTimers(ctx, c)
}

// Postpone has timers run out later than now, and sets those that there are not.
func (t *Tx) Postpone(ctx context.Context, due Due, by time.Duration) error {
	var c timerChanges
	for _, number := range due.Reminders {
		c.set(reminderTimer, int64(number), t.now.Add(by))
	}
	for _, number := range due.Deliveries {
		c.set(deliveryTimer, int64(number), t.now.Add(by))
	}
	for _, seq := range due.Events {
		c.set(eventTimer, int64(seq), t.now.Add(by))
	}
	for _, s := range due.States {
		c.set(stateTimer, s.number(), t.now.Add(by))
	}
	return t.saveTimers(ctx, c)
}
