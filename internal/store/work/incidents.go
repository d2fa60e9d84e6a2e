package work

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// OpenIncidents returns the open incidents with these fingerprints. One that cannot be
// read is set aside, so that a like event opens a new one.
func (t *Tx) OpenIncidents(ctx context.Context, prints []incident.Fingerprint) (map[incident.Fingerprint]*incident.Incident, error) {
	wanted := make([]string, len(prints))
	for i, f := range prints {
		wanted[i] = f.String()
	}
	open := make(map[incident.Fingerprint]*incident.Incident, len(prints))
	d := t.work.dialect()
	found, err := t.incidentsWhere(ctx, `status IN (1, 2) AND fingerprint `+d.AnyText, d.Texts(wanted))
	for i := range found {
		open[found[i].Fingerprint] = &found[i]
	}
	return open, wrap("look for open incidents", err)
}

// ResolvedSince returns the latest incident with each of these fingerprints, as far as it
// was resolved since a time.
func (t *Tx) ResolvedSince(ctx context.Context, prints []incident.Fingerprint, since time.Time) (map[incident.Fingerprint]incident.Incident, error) {
	if len(prints) == 0 {
		return nil, nil
	}
	wanted := make([]string, len(prints))
	for i, f := range prints {
		wanted[i] = f.String()
	}
	resolved := make(map[incident.Fingerprint]incident.Incident, len(prints))
	d := t.work.dialect()
	found, err := t.incidentsWhere(ctx, `resolved >= ? AND number IN (SELECT max(number) FROM incidents WHERE fingerprint `+d.AnyText+` GROUP BY fingerprint)`,
		instant(since), d.Texts(wanted))
	for _, i := range found {
		resolved[i.Fingerprint] = i
	}
	return resolved, wrap("look for resolved incidents", err)
}

// Open returns the numbers of all open incidents, in their order. It does not sort them in
// the database, which would go through all incidents there are, in their order.
func (t *Tx) Open(ctx context.Context) ([]incident.Number, error) {
	found, err := t.numbers(ctx, `SELECT o.number FROM incidents o WHERE o.status IN (1, 2)`)
	open := make([]incident.Number, len(found))
	for n, number := range found {
		open[n] = incident.Number(number)
	}
	slices.Sort(open)
	return open, wrap("look for open incidents", err)
}

// CountOpen returns how many open incidents there are, by status and severity.
func (w *Work) CountOpen(ctx context.Context) (map[incident.Status]map[alerting.Severity]int, error) {
	open := make(map[incident.Status]map[alerting.Severity]int, len(statusNumbers))
	err := w.each(ctx, func(rows *sql.Rows) error {
		var status int64
		var severity alerting.Severity
		var n int
		err := rows.Scan(&status, &severity, &n)
		for known, number := range statusNumbers {
			if number != status {
				continue
			}
			if open[known] == nil {
				open[known] = make(map[alerting.Severity]int)
			}
			open[known][severity] = n
		}
		return err
	}, `SELECT status, severity, count(*) FROM incidents WHERE status IN (1, 2) GROUP BY severity, status`)
	return open, wrap("count open incidents", err)
}

// OpenOf returns which incidents of some are open.
func (t *Tx) OpenOf(ctx context.Context, numbers []incident.Number) (map[incident.Number]bool, error) {
	open := make(map[incident.Number]bool, len(numbers))
	if len(numbers) == 0 {
		return open, nil
	}
	d := t.work.dialect()
	found, err := t.numbers(ctx, `SELECT number FROM incidents WHERE status IN (1, 2) AND number `+d.AnyOf, d.List(asInts(numbers)))
	for _, number := range found {
		open[incident.Number(number)] = true
	}
	return open, wrap("look for open incidents", err)
}

// Incidents returns incidents by their numbers, as far as there are any that can be read.
func (t *Tx) Incidents(ctx context.Context, numbers []incident.Number) ([]incident.Incident, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	d := t.work.dialect()
	found, err := t.incidentsWhere(ctx, `number `+d.AnyOf, d.List(asInts(numbers)))
	return found, wrap("read incidents", err)
}

// Incident returns the incident with this id. The error is as that of [Work.Incident].
func (t *Tx) Incident(ctx context.Context, id incident.ID) (incident.Incident, error) {
	found, failed, err := t.IncidentsByID(ctx, []incident.ID{id})
	if err == nil {
		err = failed[id]
	}
	return found[id], err
}

// IncidentsByID returns incidents by their ids, and for each of the others why there is none.
// Such an error is as that of [Work.Incident].
func (t *Tx) IncidentsByID(ctx context.Context, ids []incident.ID) (found map[incident.ID]incident.Incident, failed map[incident.ID]error, err error) {
	found, failed = make(map[incident.ID]incident.Incident, len(ids)), map[incident.ID]error{}
	d := t.work.dialect()
	keys := make([]alerting.EventID, len(ids))
	for i, id := range ids {
		keys[i], failed[id] = alerting.EventID(id), noSuchIncident(id)
	}
	var numbers []incident.Number
	err = t.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		var key uuidValue
		err := rows.Scan(&number, &key)
		numbers = append(numbers, number)
		failed[incident.ID(key)] = unreadableIncident(number, nil)
		return err
	}, `SELECT number, incident_id FROM incidents WHERE incident_id `+d.AnyID, d.IDs(keys))
	if err != nil {
		return nil, nil, fmt.Errorf("look for incidents: %w", err)
	}
	readable, err := t.Incidents(ctx, numbers)
	for _, i := range readable {
		found[i.ID] = i
		delete(failed, i.ID)
	}
	return found, failed, err
}

func noSuchIncident(id incident.ID) error {
	return &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no incident with the id %s", id)}
}

func unreadableIncident(number incident.Number, cause error) error {
	return &alerting.Error{Code: alerting.CodeInternal, Cause: cause, Message: fmt.Sprintf(
		"incident %d cannot be read: its record in the database is damaged, or was written by a newer alertd", number)}
}

// incidentsWhere returns incidents, and sets those aside that cannot be read.
func (t *Tx) incidentsWhere(ctx context.Context, condition string, args ...any) ([]incident.Incident, error) {
	var found []incident.Incident
	var unreadable []int64
	err := t.each(ctx, func(rows *sql.Rows) error {
		number, i, err := scanIncident(rows)
		if isUnreadable(err) {
			t.work.setAside("incidents", err, int64(number))
			unreadable = append(unreadable, int64(number))
			return nil
		}
		found = append(found, i)
		return err
	}, `SELECT number, state FROM incidents WHERE status > 0 AND `+condition, args...)
	if err != nil || len(unreadable) == 0 {
		return found, err
	}
	d := t.work.dialect()
	_, err = t.exec(ctx, `UPDATE incidents SET status = -status WHERE status > 0 AND number `+d.AnyOf, d.List(unreadable))
	return found, wrap("set incidents aside", err)
}

// scanIncident reads number and state. The error is an [unreadableError] if the state
// cannot be decoded.
func scanIncident(row scanner) (number incident.Number, i incident.Incident, err error) {
	var state string
	if err := row.Scan(&number, &state); err != nil {
		return number, i, err
	}
	if err := decode(state, &i); err != nil {
		return number, i, unreadableError{err}
	}
	i.Number, i.Generation = number, max(1, i.Generation)
	return number, i, nil
}

// scanner is an [*sql.Row] or [*sql.Rows].
type scanner interface{ Scan(into ...any) error }

// conditions gathers what a query asks for.
type conditions struct {
	text string
	args []any
}

func (c *conditions) add(condition string, args ...any) {
	if c.text != "" {
		c.text += " AND "
	}
	c.text += condition
	c.args = append(c.args, args...)
}

// oneOf adds that a column has one of some numbers, if there are any.
func (c *conditions) oneOf(d store.Dialect, column string, values []int64) {
	if len(values) > 0 {
		c.add(column+" "+d.AnyOf, d.List(values))
	}
}

func asInts[T ~int64](values []T) []int64 {
	ints := make([]int64, len(values))
	for i, value := range values {
		ints[i] = int64(value)
	}
	return ints
}

// Incident returns one incident. The error is an [*alerting.Error]: with
// [alerting.CodeNotFound] if there is none, with [alerting.CodeInternal] if it cannot be
// read.
func (w *Work) Incident(ctx context.Context, id incident.ID) (found incident.Incident, err error) {
	err = noSuchIncident(id)
	failed := w.each(ctx, func(rows *sql.Rows) error {
		var number incident.Number
		number, found, err = scanIncident(rows)
		if isUnreadable(err) {
			w.setAside("incidents", err, int64(number))
			err = unreadableIncident(number, err)
		}
		return nil
	}, `SELECT number, state FROM incidents WHERE incident_id = ?`, w.incidentKey(id))
	if failed != nil {
		return found, fmt.Errorf("read incident: %w", failed)
	}
	return found, err
}

// Timeline returns what happened to an incident, oldest first: the latest
// [incident.MaxTimeline] entries. In the place of entries that cannot be read stands one
// that says how many there are.
func (w *Work) Timeline(ctx context.Context, id incident.ID) ([]incident.Entry, error) {
	var entries []incident.Entry
	unreadable := 0
	err := w.each(ctx, func(rows *sql.Rows) error {
		var key int64
		var text string
		var entry incident.Entry
		if err := rows.Scan(&key, &text); err != nil {
			return err
		}
		if err := decode(text, &entry); err != nil {
			w.setAside("incident_entries", err, key)
			unreadable++
			return nil
		}
		entries = append(entries, entry)
		return nil
	}, `SELECT e.id, e.entry FROM incidents i JOIN incident_entries e ON e.incident = i.number WHERE i.incident_id = ? ORDER BY e.id DESC LIMIT ?`,
		w.incidentKey(id), incident.MaxTimeline)
	slices.Reverse(entries)
	if unreadable > 0 {
		entries = append(entries, incident.Unreadable(unreadable, entries))
	}
	return entries, wrap("read timeline", err)
}

// Event returns the event with this number, nil if it is not kept or cannot be read.
func (t *Tx) Event(ctx context.Context, seq alerting.Seq) (*alerting.Event, error) {
	events, err := t.work.store.EventsIn(ctx, t.tx, []alerting.Seq{seq})
	if err != nil || len(events) == 0 {
		return nil, wrap("read event", err)
	}
	return events[0], nil
}

// Events returns events by their numbers, as far as they are kept and can be read.
func (t *Tx) Events(ctx context.Context, seqs []alerting.Seq) (map[alerting.Seq]*alerting.Event, error) {
	found, err := t.work.store.EventsIn(ctx, t.tx, seqs)
	events := make(map[alerting.Seq]*alerting.Event, len(found))
	for _, event := range found {
		events[event.Seq()] = event
	}
	return events, wrap("read events", err)
}

// setAside notes that the row with this key cannot be read.
func (w *Work) setAside(table string, err error, key ...int64) {
	parts := make([]string, len(key))
	for i, part := range key {
		parts[i] = strconv.FormatInt(part, 10)
	}
	w.store.SetAside(table, strings.Join(parts, "/"), err)
}
