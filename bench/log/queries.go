package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// query is a filter of GET /events with a name.
type query struct{ name, parameters string }

// filters are queries with one filter: for each kind some that match many events, few and
// none. Filters of one group do not combine.
func filters() [][]query {
	return [][]query{
		{{"min_severity=critical", "min_severity=critical"}, {"min_severity=error", "min_severity=error"}},
		{{"category=compliance", "category=compliance"}},
		{{"source, 1 in 27", "source=gate-7"}, {"source, 1 in 40,000", "source=strategy-77"}, {"source of nobody", "source=nobody"}},
		{{"since, last hour", "since=2025-11-29T23:00:00Z"}, {"since, all", "since=2025-09-01T00:00:00Z"}},
		{{"until, first day", "until=2025-09-02T00:00:00Z"}, {"until, half", "until=2025-10-15T00:00:00Z"}},
		{
			{"q, common", "q=breached"},
			{"q, 1 in 5,000", "q=kill%20switch"},
			{"q, digits", "q=0.5123"},
			{"q, six digits", "q=123456"},
			{"q, nothing", "q=no%20such%20text"},
		},
	}
}

// queries are all filters, alone and in pairs.
func queries() []query {
	groups := filters()
	all := []query{{"none", ""}}
	for _, group := range groups {
		all = append(all, group...)
	}
	for i, group := range groups {
		for _, other := range groups[i+1:] {
			for _, a := range group {
				for _, b := range other {
					all = append(all, query{a.name + " + " + b.name, a.parameters + "&" + b.parameters})
				}
			}
		}
	}
	return all
}

// measured is the time of a query, p50 and p99, on many events and on few.
type measured struct {
	query
	many, few [2]time.Duration
}

func (m measured) ratio() float64 { return m.many[1].Seconds() / m.few[1].Seconds() }

// measureQueries fills two databases, starts an alertd on each, and queries them in turn.
func measureQueries(ctx context.Context, out io.Writer, o options, directory string) error {
	var servers [2]*server
	for i, n := range []int{o.many, o.few} {
		path := filepath.Join(directory, fmt.Sprintf("events-%d", i), "alertd.db")
		began := time.Now()
		json, disk, err := fill(ctx, path, n)
		if err != nil {
			return fmt.Errorf("store %d events: %w", n, err)
		}
		_, _ = fmt.Fprintf(out, "\n%d events stored in %s: %.0f bytes of JSON each, %.2f bytes on disk for each of them\n",
			n, time.Since(began).Round(time.Second), float64(json)/float64(n), float64(disk)/float64(json))
		var starts []time.Duration
		for range 5 { // the last one stays
			if servers[i] != nil {
				servers[i].stop()
			}
			began := time.Now()
			if servers[i], err = startServer(ctx, o.alertd, path); err != nil {
				return fmt.Errorf("start alertd with %d events: %w", n, err)
			}
			starts = append(starts, time.Since(began))
		}
		defer servers[i].stop()
		slices.Sort(starts)
		_, _ = fmt.Fprintf(out, "start with them until ready: %.0f ms (median of %d)\n", starts[2].Seconds()*1e3, len(starts))
	}
	var results []measured
	for _, q := range queries() {
		m := measured{query: q}
		var times [2][]time.Duration
		for range o.requests {
			for i, s := range servers {
				took, err := s.ask(ctx, q)
				if err != nil {
					return fmt.Errorf("query %s: %w", q.name, err)
				}
				times[i] = append(times[i], took)
			}
		}
		m.many, m.few = percentiles(times[0]), percentiles(times[1])
		results = append(results, m)
	}
	return reportQueries(out, o, results)
}

// percentiles returns p50 and p99, by the nearest rank.
func percentiles(times []time.Duration) [2]time.Duration {
	slices.Sort(times)
	return [2]time.Duration{times[(len(times)-1)/2], times[(len(times)*99+99)/100-1]}
}

// ask sends a query and returns the time of its answer.
func (s *server) ask(ctx context.Context, q query) (took time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/events?limit=100&"+q.parameters, nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	took = time.Since(began)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", answer.Status, body)
	}
	return took, err
}

func reportQueries(out io.Writer, o options, results []measured) error {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "\nGET /events?limit=100, %d requests each\n\n", o.requests)
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintf(table, "filter\tp50 ms of %d\tp99 ms of %d\tp50 ms of %d\tp99 ms of %d\tp99 / p99\t\n", o.many, o.many, o.few, o.few)
	over, slower := 0, 0
	for _, m := range results {
		ms := func(d time.Duration) float64 { return d.Seconds() * 1e3 }
		_, _ = fmt.Fprintf(table, "%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", m.name, ms(m.many[0]), ms(m.many[1]), ms(m.few[0]), ms(m.few[1]), m.ratio())
		if m.many[1] > 5*time.Millisecond {
			over++
		}
		if m.many[0].Seconds() > 1.5*m.few[0].Seconds() {
			slower++
		}
	}
	_ = table.Flush() // to memory
	_, _ = fmt.Fprintf(&text, "\n%d of %d queries have a p99 over 5 ms; the median of %d is over 1.5 times that of few events\n", over, len(results), slower)
	_, err := io.WriteString(out, text.String())
	return err
}
