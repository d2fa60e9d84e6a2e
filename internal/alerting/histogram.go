package alerting

import "time"

// Histogram says how many events of each severity happened in each of a run of spans of one
// width. The spans are aligned: each begins at a whole multiple of the width since 1970.
type Histogram struct {
	Width   time.Duration
	Buckets []Bucket // oldest first, without a gap; at least one
}

// Bucket is one span of a [Histogram], from its start until the next one's.
type Bucket struct {
	Start time.Time
	// Events is how many events have a timestamp in it, by severity.
	Events [SeverityCritical + 1]int64
}

// bucketWidths are those that people find easy to read, ascending, below whole days.
var bucketWidths = [...]time.Duration{
	time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// NewHistogram returns an empty histogram of the narrowest buckets that cover a span, which
// must not be empty or begin before 1970, with at most so many of them.
func NewHistogram(since, until time.Time, most int) *Histogram {
	var width time.Duration
	n := most + 1
	for i := 0; n > most; i++ {
		if i < len(bucketWidths) {
			width = bucketWidths[i]
		} else {
			width = time.Duration(1+i-len(bucketWidths)) * day
		}
		n = bucketsFor(since, until, width)
	}
	h := &Histogram{Width: width, Buckets: make([]Bucket, n)}
	start := alignedTo(since, width)
	for i := range h.Buckets {
		h.Buckets[i].Start = start.Add(time.Duration(i) * width)
	}
	return h
}

// bucketsFor returns how many buckets cover a span.
func bucketsFor(since, until time.Time, width time.Duration) int {
	last := alignedTo(until.Add(-time.Microsecond), width)
	return int(last.Sub(alignedTo(since, width))/width) + 1
}

// alignedTo returns the start of the bucket that a time from 1970 on falls into.
func alignedTo(t time.Time, width time.Duration) time.Time {
	micros := t.UnixMicro()
	return time.UnixMicro(micros - micros%width.Microseconds()).UTC()
}

// Since is when the first bucket begins.
func (h *Histogram) Since() time.Time { return h.Buckets[0].Start }

// Until is when the last bucket ends.
func (h *Histogram) Until() time.Time { return h.Buckets[len(h.Buckets)-1].Start.Add(h.Width) }

// Add counts n events with a timestamp. Those of other times are left out.
func (h *Histogram) Add(timestamp time.Time, severity Severity, n int64) {
	if severity.Valid() && !timestamp.Before(h.Since()) && timestamp.Before(h.Until()) {
		h.Buckets[timestamp.Sub(h.Since())/h.Width].Events[severity] += n
	}
}
