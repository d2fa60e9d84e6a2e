package routing

import (
	"slices"
	"time"

	"alertd/internal/delivery"
)

// Bucket is a token bucket, as a cell rate algorithm (ITU-T I.371) keeps it: the time at
// which it is full again. The zero value is full. Its JSON is what the store keeps.
type Bucket struct {
	FullAt time.Time `json:"full_at"`
}

// take takes a token, if there is one.
func (b *Bucket) take(rate delivery.Rate, now time.Time) {
	if b.ReadyAt(rate, now).After(now) {
		return
	}
	full := b.FullAt
	if full.Before(now) {
		full = now
	}
	b.FullAt = full.Add(rate.Per / time.Duration(rate.Count))
}

// ReadyAt returns when there is a token: now, or later. A clock that was set back does not
// make it later than after one period.
func (b *Bucket) ReadyAt(rate delivery.Rate, now time.Time) time.Time {
	if latest := now.Add(rate.Per); b.FullAt.After(latest) {
		b.FullAt = latest
	}
	ready := b.FullAt.Add(rate.Per/time.Duration(rate.Count) - rate.Per)
	if ready.Before(now) {
		return now
	}
	return ready
}

// Throttle is what bounds messages at one time: the buckets, by their names, and whether
// there is a storm. It belongs to one transaction, which loads it and saves its buckets.
type Throttle struct {
	Now      time.Time
	Storming bool
	Buckets  map[string]*Bucket
	noted    map[string]Bucket
}

// Note remembers how full the buckets are, for [Throttle.Changed].
func (t *Throttle) Note() {
	t.noted = make(map[string]Bucket, len(t.Buckets))
	for name, bucket := range t.Buckets {
		t.noted[name] = *bucket
	}
}

// Changed returns the buckets that are not as they were noted.
func (t *Throttle) Changed() map[string]Bucket {
	changed := map[string]Bucket{}
	for name, bucket := range t.Buckets {
		if *bucket != t.noted[name] {
			changed[name] = *bucket
		}
	}
	return changed
}

// bucket returns the bucket of this name.
func (t *Throttle) bucket(name string) *Bucket {
	if t.Buckets == nil {
		t.Buckets = map[string]*Bucket{}
	}
	if t.Buckets[name] == nil {
		t.Buckets[name] = &Bucket{}
	}
	return t.Buckets[name]
}

// limit is a rate with its bucket.
type limit struct {
	name   string // such as "channel slack"
	bucket *Bucket
	rate   delivery.Rate
	passes bool // the incident is critical, and critical ones pass
}

// limits returns what bounds a message to a channel: the channel's rate, and those of the
// routes that lead there.
func (r *Rules) limits(t *Throttle, p delivery.Policy, path Path, critical bool) (limits []limit) {
	if p.RateLimit.Count > 0 {
		name := "channel " + p.Name
		limits = append(limits, limit{name, t.bucket(name), p.RateLimit, critical && !p.RateLimitCritical})
	}
	for _, route := range path {
		channels := r.channelsOf(route)
		if leads := channels == nil || slices.Contains(channels, p.Name); leads && route.RateLimit.Count > 0 {
			name := "route " + route.Name
			limits = append(limits, limit{name, t.bucket(name), route.RateLimit, critical && !route.RateLimitCritical})
		}
	}
	return limits
}

// admit takes a token of each limit, or none if one has none: then it returns the limit that
// is the last to have one, and when that is.
func admit(limits []limit, now time.Time) (over *limit, until time.Time) {
	until = now
	for i, l := range limits {
		if ready := l.bucket.ReadyAt(l.rate, now); !l.passes && ready.After(until) {
			over, until = &limits[i], ready
		}
	}
	if over != nil {
		return over, until
	}
	for _, l := range limits { // what passes takes a token only if there is one
		l.bucket.take(l.rate, now)
	}
	return nil, now
}

// SpendOnDigest takes a token of a channel for a digest, if there is one: a digest that is due
// waits no longer.
func (r *Rules) SpendOnDigest(t *Throttle, p delivery.Policy) {
	for _, l := range r.limits(t, p, nil, false) {
		l.bucket.take(l.rate, t.Now)
	}
}
