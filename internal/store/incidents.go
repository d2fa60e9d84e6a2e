package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

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
func oneOf[T ~uint8](c *conditions, d Dialect, column string, values []T) {
	if len(values) == 0 {
		return
	}
	numbers := make([]int64, len(values))
	for i, value := range values {
		numbers[i] = int64(value)
	}
	c.add(column+" "+d.AnyOf, d.List(numbers))
}

// incidentsPage is how many incidents are looked at at once.
const incidentsPage = 500

// Incidents returns the incidents that match, the latest opened first.
func (s *Store) Incidents(ctx context.Context, q incident.Query) (incident.Page, error) {
	d := s.db.dialect()
	var page incident.Page
	most := min(incidentsPage, q.Limit+1)
	if q.Text != "" { // few match, perhaps
		most = incidentsPage
	}
	for before := q.Before; ; {
		c := conditions{text: "status > 0"}
		if before > 0 {
			c.add("number < ?", before)
		}
		oneOf(&c, d, "status", q.Statuses)
		oneOf(&c, d, "category", q.Categories)
		if q.MinSeverity > 0 {
			c.add("severity >= ?", int64(q.MinSeverity))
		}
		if len(q.Sources) > 0 {
			c.add("source "+d.AnyText, d.Texts(q.Sources))
		}
		if !q.Since.IsZero() {
			c.add("last_seen >= ?", q.Since.UnixMicro())
		}
		looked := 0
		err := s.EachRow(ctx, func(rows *sql.Rows) error {
			looked++
			i, err := scanIncident(rows)
			if err != nil {
				return err
			}
			before = i.Number
			if page.More || q.Text != "" && !strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.Text)) {
				return nil
			}
			if len(page.Incidents) == q.Limit {
				page.More = true
				return nil
			}
			page.Incidents = append(page.Incidents, i)
			return nil
		}, `SELECT state FROM incidents WHERE `+c.text+` ORDER BY number DESC LIMIT ?`, append(c.args, most)...)
		if err != nil {
			return page, fmt.Errorf("look for incidents: %w", err)
		}
		if page.More || looked < most {
			return page, nil
		}
	}
}

// Incident returns one incident. The error is an [*alerting.Error] with
// [alerting.CodeNotFound] if there is none.
func (s *Store) Incident(ctx context.Context, id incident.ID) (i incident.Incident, err error) {
	err = s.read(ctx, s.db.read(), func(ctx context.Context, db querier) (err error) {
		i, err = oneIncident(db.QueryRowContext(ctx, s.sql(`SELECT state FROM incidents WHERE incident_id = ?`), s.incidentKey(id)), id)
		return err
	})
	return i, err
}

// RemindersDue reports whether there are incidents that are to be told of again.
func (s *Store) RemindersDue(ctx context.Context) (bool, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return false, err
	}
	n, err := s.readNumber(ctx, s.sql(`SELECT count(*) FROM (SELECT 1 FROM incidents WHERE update_due <= ? ORDER BY update_due LIMIT 1) AS due`), now.UnixMicro())
	return n.Int64 > 0, s.reading(err)
}

// Timeline returns what happened to an incident, oldest first: the latest
// [incident.MaxTimeline] entries.
func (s *Store) Timeline(ctx context.Context, id incident.ID) ([]incident.Entry, error) {
	var entries []incident.Entry
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		var text string
		var entry incident.Entry
		if err := rows.Scan(&text); err != nil {
			return err
		}
		err := decode(text, &entry)
		entries = append(entries, entry)
		return err
	}, `SELECT e.entry FROM incidents i JOIN incident_entries e ON e.incident = i.number WHERE i.incident_id = ? ORDER BY e.id DESC LIMIT ?`,
		s.incidentKey(id), incident.MaxTimeline)
	slices.Reverse(entries)
	return entries, wrap("read timeline", err)
}

// Event returns the event with this number, nil if it is not kept.
func (t *Tx) Event(ctx context.Context, seq alerting.Seq) (*alerting.Event, error) {
	var kept keptEvent
	err := t.each(ctx, func(rows *sql.Rows) error { return rows.Scan(&kept.seq, &kept.json) },
		`SELECT seq, json FROM events WHERE seq = ?`, seq)
	if err != nil || kept.seq == 0 {
		return nil, wrap("read event", err)
	}
	event, err := kept.load()
	if err != nil {
		t.store.log.Error("an incident's event cannot be shown", "error", err)
		return nil, nil
	}
	return event, nil
}
