package work

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"alertd/internal/incident"
)

// incidentsPage is how many incidents are looked at at once.
const incidentsPage = 500

// Incidents returns the incidents that match, in the order in which they were opened.
func (w *Work) Incidents(ctx context.Context, q incident.Query) (incident.Page, error) {
	var page incident.Page
	most := min(incidentsPage, q.Limit+1)
	if q.Text != "" { // few match, perhaps
		most = incidentsPage
	}
	unreadable := 0 // since the last one on the page: they are on the next one's, if there is one
	for {
		looked := 0
		query, args := w.incidentQuery(q, most)
		err := w.each(ctx, func(rows *sql.Rows) error {
			looked++
			number, i, err := scanIncident(rows)
			if q.Ascending {
				q.After = number
			} else {
				q.Before = number
			}
			switch {
			case isUnreadable(err):
				w.setAside("incidents", err, int64(number))
				unreadable++
				return nil
			case err != nil || page.More || q.Text != "" && !strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.Text)):
				return err
			case len(page.Incidents) == q.Limit:
				page.More = true
				return nil
			}
			page.Incidents = append(page.Incidents, i)
			page.Unreadable += unreadable
			unreadable = 0
			return nil
		}, query, args...)
		if err != nil {
			return page, fmt.Errorf("look for incidents: %w", err)
		}
		if page.More {
			return page, nil
		}
		if looked < most {
			page.Unreadable += unreadable
			return page, nil
		}
	}
}

// incidentQuery says in SQL what a query asks for, at most so many incidents. It finds
// incidents that were set aside, too, so that the answer can say how many it leaves out.
func (w *Work) incidentQuery(q incident.Query, most int) (query string, args []any) {
	d, order := w.dialect(), `number`
	c := conditions{text: "number > 0"}
	if q.After > 0 {
		c.add("number > ?", int64(q.After))
	}
	if q.Before > 0 {
		c.add("number < ?", int64(q.Before))
	}
	if q.Fingerprint != nil {
		c.add("fingerprint = ?", q.Fingerprint.String())
	}
	var statuses []int64
	for _, s := range q.Statuses {
		statuses = append(statuses, statusNumber(s), -statusNumber(s))
	}
	c.oneOf(d, "status", statuses)
	var categories []int64
	for _, category := range q.Categories {
		categories = append(categories, int64(category))
	}
	c.oneOf(d, "category", categories)
	if q.MinSeverity > 0 {
		c.add("severity >= ?", int64(q.MinSeverity))
	}
	if len(q.Sources) > 0 {
		c.add("source "+d.AnyText, d.Texts(q.Sources))
	}
	if !q.Since.IsZero() {
		c.add("last_seen >= ?", instant(q.Since))
	}
	if !q.Ascending {
		order += ` DESC`
	}
	return `SELECT number, state FROM incidents WHERE ` + c.text + ` ORDER BY ` + order + ` LIMIT ?`, append(c.args, most)
}
