package calendar

import (
	"maps"
	"slices"
	"time"

	"alertd/internal/alerting"
)

// Spec says which hours a calendar has. Days are written as 2026-12-24, hours as 09:00-17:30;
// the package comment has the rules.
type Spec struct {
	// Name is for people.
	Name string
	// TimeZone is a name of the IANA database, such as Europe/Berlin. It is required.
	TimeZone string
	// Weekdays: only on these; none: on all.
	Weekdays []time.Weekday
	// Hours of a day, which may overlap; none: the whole day.
	Hours []string
	// Dates: only on these days; none: on all.
	Dates []string
	// Holidays are days without hours.
	Holidays []string
	// HalfDays has the hours of days that have other hours.
	HalfDays map[string]string
}

// Calendar is a checked [Spec]. It is immutable and safe for concurrent use.
type Calendar struct {
	words    string
	zone     *time.Location
	weekdays [7]bool
	usual    []hours
	dates    map[day]bool // nil: all days
	holidays map[day]bool
	halfDays map[day][]hours
	// boundaries are the minutes of a day at which hours may begin or end, ascending. The last
	// one is the end of the day.
	boundaries []int
	// overnight: some hours cross midnight.
	overnight bool
}

// New checks a spec and makes a calendar of it. The error is an [*alerting.Error] with
// [alerting.CodeInvalid] that has every problem; its fields are named as time_zone, hours[0]
// and half_days.2026-12-24.
func New(spec Spec) (*Calendar, error) {
	check := checker{boundaries: map[int]bool{0: true, dayLength: true}}
	c := &Calendar{
		words:    spec.words(),
		zone:     check.zone(spec.TimeZone),
		weekdays: check.weekdays(spec.Weekdays),
		usual:    check.usual(spec.Hours),
		holidays: check.days("holidays", spec.Holidays),
	}
	if len(spec.Dates) > 0 {
		c.dates = check.days("dates", spec.Dates)
	}
	c.halfDays = check.halfDays(spec.HalfDays, c.holidays)
	if len(check.problems) > 0 {
		return nil, &alerting.Error{Code: alerting.CodeInvalid, Fields: check.problems}
	}
	c.boundaries = slices.Sorted(maps.Keys(check.boundaries))
	c.overnight = check.overnight
	return c, nil
}

// Contains reports whether an instant is within the hours.
func (c *Calendar) Contains(t time.Time) bool {
	local := t.In(c.zone)
	today, minute := dayOf(local), 60*local.Hour()+local.Minute()
	for _, h := range c.on(today) {
		if h.from <= minute && minute < h.to {
			return true
		}
	}
	if !c.overnight {
		return false
	}
	for _, h := range c.on(c.before(today)) {
		if minute < h.to-dayLength {
			return true
		}
	}
	return false
}

// Next returns the first instant after t at which [Calendar.Contains] changes. ok is false if
// there is none within two years.
func (c *Calendar) Next(t time.Time) (at time.Time, ok bool) {
	within, limit := c.Contains(t), t.AddDate(2, 0, 0)
	for at = c.boundary(t); !at.After(limit); at = c.boundary(at) {
		if c.Contains(at) != within {
			return at, true
		}
	}
	return time.Time{}, false
}

// String is in words, such as: trading-hours: 09:00-17:30 on mon, tue, wed, thu, fri in
// Europe/Berlin, 9 holidays, 1 half day.
func (c *Calendar) String() string { return c.words }

// boundary returns the first instant after t at which Contains may change: the wall clock
// shows a boundary, or it is moved.
func (c *Calendar) boundary(t time.Time) time.Time {
	local := t.In(c.zone)
	shown := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	next := slices.IndexFunc(c.boundaries, func(minute int) bool { return time.Duration(minute)*time.Minute > shown })
	at := local.Add(time.Duration(c.boundaries[next])*time.Minute - shown)
	if _, moved := local.ZoneBounds(); !moved.IsZero() && moved.Before(at) {
		return moved
	}
	return at
}

// on returns the hours that begin on a day.
func (c *Calendar) on(d day) []hours {
	if c.dates != nil && !c.dates[d] || !c.weekdays[d.weekday()] || c.holidays[d] {
		return nil
	}
	if half, ok := c.halfDays[d]; ok {
		return half
	}
	return c.usual
}

// before returns the day before another one in the zone, which may have skipped a day.
func (c *Calendar) before(d day) day {
	if yesterday := d - 1; dayOf(yesterday.noon(c.zone)) == yesterday {
		return yesterday
	}
	return d - 2
}
