package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// NextIncident returns the number of the next incident. Numbers are not used again,
// also when incidents are deleted.
func (t *Tx) NextIncident(ctx context.Context) (incident.Number, error) {
	var last incident.Number
	if err := t.one(ctx, `UPDATE engine SET incidents = incidents + 1 WHERE id = 1 RETURNING incidents`).Scan(&last); err != nil {
		return 0, fmt.Errorf("number an incident: %w", err)
	}
	return last, nil
}

// OpenIncidents returns the open incidents with these fingerprints.
func (t *Tx) OpenIncidents(ctx context.Context, prints []incident.Fingerprint) (map[incident.Fingerprint]*incident.Incident, error) {
	texts := make([]string, 0, len(prints))
	for _, f := range prints {
		texts = append(texts, f.String())
	}
	open := make(map[incident.Fingerprint]*incident.Incident, len(prints))
	d := t.store.db.dialect()
	err := t.each(ctx, func(rows *sql.Rows) error {
		i, err := scanIncident(rows)
		open[i.Fingerprint] = &i
		return err
	}, `SELECT state FROM incidents WHERE status < 3 AND fingerprint `+d.AnyText, d.Texts(texts))
	return open, wrap("look for open incidents", err)
}

// DueIncidents returns open incidents that are to be told of again, the longest due
// first.
func (t *Tx) DueIncidents(ctx context.Context, limit int) ([]incident.Incident, error) {
	var due []incident.Incident
	err := t.each(ctx, func(rows *sql.Rows) error {
		i, err := scanIncident(rows)
		due = append(due, i)
		return err
	}, `SELECT state FROM incidents WHERE update_due <= ? ORDER BY update_due LIMIT ?`, t.now.UnixMicro(), limit)
	return due, wrap("look for incidents to tell of again", err)
}

// Incident returns the incident with this id. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (t *Tx) Incident(ctx context.Context, id incident.ID) (incident.Incident, error) {
	return oneIncident(t.one(ctx, `SELECT state FROM incidents WHERE incident_id = ?`, t.store.incidentKey(id)), id)
}

func oneIncident(row *sql.Row, id incident.ID) (incident.Incident, error) {
	i, err := scanIncident(row)
	if errors.Is(err, sql.ErrNoRows) {
		return i, &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no incident with the id %s", id)}
	}
	return i, wrap("read incident", err)
}

// incidentKey turns an id into an argument.
func (s *Store) incidentKey(id incident.ID) any { return s.db.dialect().ID(alerting.EventID(id)) }

// scanner is an [*sql.Row] or [*sql.Rows].
type scanner interface{ Scan(into ...any) error }

func scanIncident(row scanner) (incident.Incident, error) {
	var state string
	var i incident.Incident
	if err := row.Scan(&state); err != nil {
		return i, err
	}
	err := decode(state, &i)
	return i, err
}

// SaveIncident writes an incident, new or changed.
func (t *Tx) SaveIncident(ctx context.Context, i incident.Incident) error {
	state, err := encode(i)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO incidents
		(number, incident_id, fingerprint, status, severity, category, source, last_seen, update_due, resolved, state)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (number) DO UPDATE SET status = excluded.status, severity = excluded.severity, last_seen = excluded.last_seen,
			update_due = excluded.update_due, resolved = excluded.resolved, state = excluded.state`,
		i.Number, t.store.incidentKey(i.ID), i.Fingerprint.String(), int64(i.Status), int64(i.Severity), int64(i.Category),
		i.Source, i.LastSeen.UnixMicro(), micros(i.UpdateDue), micros(i.ResolvedAt), state)
	return wrap("save incident", err)
}

// AddEntries adds to the timeline of an incident.
func (t *Tx) AddEntries(ctx context.Context, number incident.Number, entries ...incident.Entry) error {
	for _, entry := range entries {
		text, err := encode(entry)
		if err != nil {
			return err
		}
		if _, err := t.exec(ctx, `INSERT INTO incident_entries (incident, entry) VALUES (?, ?)`, number, text); err != nil {
			return fmt.Errorf("add to a timeline: %w", err)
		}
	}
	return nil
}

// AddNotice keeps a notice of an incident.
func (t *Tx) AddNotice(ctx context.Context, n incident.Notice) error {
	text, err := encode(n)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO notices (incident, number, notice) VALUES (?, ?, ?)`, n.Incident.Number, n.Number, text)
	return wrap("keep notice", err)
}
