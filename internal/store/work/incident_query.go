package work

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
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
	among, err := w.amongOpen(ctx, q)
	if err != nil {
		return page, err
	}
	unreadable := 0 // since the last one on the page: they are on the next one's, if there is one
	for {
		looked := 0
		query, args, more := w.incidentQuery(q, most, &among)
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
		if looked < most && !more {
			page.Unreadable += unreadable
			return page, nil
		}
		most = min(incidentsPage, 2*most) // few match
	}
}

// incidentQuery says in SQL what a query asks for, at most so many incidents. It finds
// incidents that were set aside, too, so that the answer can say how many it leaves out. If
// the incidents are among some, it takes them from these, and says whether there are more.
func (w *Work) incidentQuery(q incident.Query, most int, among *[]int64) (query string, args []any, more bool) {
	d, order := w.dialect(), `number`
	var c conditions
	if *among != nil {
		n := min(most, len(*among))
		c.add("number "+d.AnyOf, d.List((*among)[:n]))
		*among = (*among)[n:]
		more, order = len(*among) > 0, `number + 0` // see inOrder
	} else {
		c.add("number > 0")
		if q.After > 0 {
			c.add("number > ?", int64(q.After))
		}
		if q.Before > 0 {
			c.add("number < ?", int64(q.Before))
		}
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
	return `SELECT number, state FROM incidents WHERE ` + c.text + ` ORDER BY ` + order + ` LIMIT ?`, append(c.args, most), more
}

// amongOpen returns the numbers among which are all incidents that a query finds, in its
// order, if it asks for open ones only: those are few, whatever there was before. Else it
// returns nil.
func (w *Work) amongOpen(ctx context.Context, q incident.Query) ([]int64, error) {
	if len(q.Statuses) == 0 || q.Fingerprint != nil || slices.ContainsFunc(q.Statuses, func(s incident.Status) bool { return !s.Open() }) {
		return nil, nil
	}
	numbers := []int64{}
	err := w.each(ctx, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		if n := incident.Number(number); n > q.After && (q.Before == 0 || n < q.Before) {
			numbers = append(numbers, number)
		}
		return err
	}, `SELECT u.number FROM incidents u WHERE u.status < 3`)
	slices.Sort(numbers)
	if !q.Ascending {
		slices.Reverse(numbers)
	}
	return numbers, wrap("look for open incidents", err)
}
