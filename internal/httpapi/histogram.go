package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"alertd/internal/alerting"
)

// EventCounter counts events by their time. Safe for concurrent use.
type EventCounter interface {
	// Tally adds to a histogram the events that are kept. Those of the last moment may be
	// missing.
	Tally(ctx context.Context, h *alerting.Histogram) error
}

const (
	defaultBuckets = 60
	maxBuckets     = 500
	defaultSpan    = 24 * time.Hour
	maxSpan        = 3660 * 24 * time.Hour
	// maxSpanYear bounds the times so that also the end of the last bucket, which may be wider
	// than the span, is a time that can be written.
	maxSpanYear = 2999
)

var histogramParameters = []string{"since", "until", "buckets"}

// parseHistogramQuery reads the query of GET /events/histogram.
func parseHistogramQuery(raw string, now time.Time) (*alerting.Histogram, error) {
	q := newQueryReader(raw, histogramParameters)
	since, until, most := q.time("since"), q.time("until"), defaultBuckets
	if text, ok := q.one("buckets"); ok {
		var err error
		if most, err = strconv.Atoi(text); err != nil || most < 1 || most > maxBuckets {
			q.problem("buckets", "%s is not allowed, must be a number from 1 to %d", strconv.Quote(shorten(text)), maxBuckets)
		}
	}
	if until.IsZero() {
		until = now.UTC()
	}
	if since.IsZero() {
		since = until.Add(-defaultSpan)
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	for name, t := range map[string]time.Time{"since": since, "until": until} {
		if year := t.UTC().Year(); year < 1970 || year > maxSpanYear {
			q.problem(name, "%s is out of range, must be from the year 1970 to %d", t.Format(time.RFC3339), maxSpanYear)
		}
	}
	switch {
	case len(q.problems) > 0:
	case !since.Before(until):
		q.problem("since", "must be before until, which is %s", alerting.FormatTime(until))
	case until.Sub(since) > maxSpan:
		q.problem("since", "must be at most %d days before until, which is %s", int(maxSpan/(24*time.Hour)), alerting.FormatTime(until))
	}
	if err := q.err(); err != nil {
		return nil, err
	}
	return alerting.NewHistogram(since, until, most), nil
}

// bucketView is a bucket as the API shows it.
type bucketView struct {
	Start    string `json:"start"`
	Debug    int64  `json:"debug"`
	Info     int64  `json:"info"`
	Warning  int64  `json:"warning"`
	Error    int64  `json:"error"`
	Critical int64  `json:"critical"`
}

func viewBuckets(buckets []alerting.Bucket) []bucketView {
	views := make([]bucketView, len(buckets))
	for i, b := range buckets {
		views[i] = bucketView{
			alerting.FormatTime(b.Start), b.Events[alerting.SeverityDebug], b.Events[alerting.SeverityInfo],
			b.Events[alerting.SeverityWarning], b.Events[alerting.SeverityError], b.Events[alerting.SeverityCritical],
		}
	}
	return views
}

// getHistogram answers with how many events there are, by their time and severity.
func (a *API) getHistogram(w *response, r *http.Request) error {
	h, err := parseHistogramQuery(r.URL.RawQuery, time.Now())
	if err != nil {
		return err
	}
	if err := a.config.EventCounts.Tally(r.Context(), h); err != nil {
		return err
	}
	return w.sendJSON(http.StatusOK, struct {
		Since   string       `json:"since"`
		Until   string       `json:"until"`
		Width   int64        `json:"width_seconds"`
		Buckets []bucketView `json:"buckets"`
	}{alerting.FormatTime(h.Since()), alerting.FormatTime(h.Until()), int64(h.Width / time.Second), viewBuckets(h.Buckets)})
}
