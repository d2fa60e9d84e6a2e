package delivery

import "time"

// Activity is what became of a channel's attempts in the last 24 hours, on all replicas: hour
// by hour, by the clock of UTC, the current one last.
type Activity [24]Hour

// Hour counts the attempts that ended in one hour.
type Hour struct {
	Start               time.Time
	Successes, Failures uint64
}

// NewActivity returns the hours until now, in which nothing has happened.
func NewActivity(now time.Time) (a Activity) {
	last := now.UTC().Truncate(time.Hour)
	for i := range a {
		a[i].Start = last.Add(time.Duration(i-len(a)+1) * time.Hour)
	}
	return a
}

// Add counts the attempts of an hour, unless it is another one.
func (a *Activity) Add(h Hour) {
	for i := range a {
		if a[i].Start.Equal(h.Start) {
			a[i].Successes += h.Successes
			a[i].Failures += h.Failures
		}
	}
}
