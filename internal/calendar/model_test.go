package calendar_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/calendar"
)

// modelContains is the rules in the plainest words: it compares what a clock shows as text.
func modelContains(spec calendar.Spec, zone *time.Location, t time.Time) bool {
	local := t.In(zone)
	clock, today := local.Format("15:04"), local.Format(time.DateOnly)
	yesterday := local
	for yesterday.Format(time.DateOnly) >= today {
		yesterday = yesterday.Add(-30 * time.Minute)
	}
	begins := func(day time.Time) []string {
		date := day.Format(time.DateOnly)
		switch {
		case len(spec.Weekdays) > 0 && !slices.Contains(spec.Weekdays, day.Weekday()):
			return nil
		case len(spec.Dates) > 0 && !slices.Contains(spec.Dates, date), slices.Contains(spec.Holidays, date):
			return nil
		case spec.HalfDays[date] != "":
			return []string{spec.HalfDays[date]}
		case len(spec.Hours) == 0:
			return []string{"00:00-24:00"}
		}
		return spec.Hours
	}
	for _, hours := range begins(local) {
		from, to, _ := strings.Cut(hours, "-")
		if from <= clock && (clock < to || to < from) {
			return true
		}
	}
	for _, hours := range begins(yesterday) {
		from, to, _ := strings.Cut(hours, "-")
		if to < from && clock < to {
			return true
		}
	}
	return false
}

// eventful are zones and instants near which their clocks do something.
var eventful = map[string][]string{
	"UTC":                  {"2026-01-01T00:00:00Z"},
	"Europe/Berlin":        {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"America/New_York":     {"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z"},
	"Australia/Lord_Howe":  {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"},
	"Pacific/Apia":         {"2011-12-30T10:00:00Z"},
	"Pacific/Kwajalein":    {"1993-08-21T12:00:00Z"},
	"America/Sao_Paulo":    {"2018-11-04T03:00:00Z", "2018-02-18T02:00:00Z"},
	"America/St_Johns":     {"2010-11-07T02:31:00Z", "2011-03-13T03:31:00Z"}, // back from 00:01 to 23:01
	"Antarctica/Troll":     {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"}, // by two hours
	"Africa/Casablanca":    {"2026-02-15T02:00:00Z", "2026-03-22T02:00:00Z"},
	"Asia/Kathmandu":       {"2026-06-01T00:00:00Z"},
	"America/Caracas":      {"2016-05-01T07:00:00Z"},
	"Asia/Pyongyang":       {"2018-05-04T15:00:00Z"},
	"Pacific/Kiritimati":   {"1994-12-31T10:00:00Z"},
	"Antarctica/Casey":     {"2020-10-03T16:01:00Z"},
	"America/Scoresbysund": {"2024-03-31T01:00:00Z"},
}

// drawSpec returns a spec, its zone, and an instant near one at which something may happen.
func drawSpec(t *rapid.T) (calendar.Spec, *time.Location, time.Time) {
	name := rapid.SampledFrom(slices.Sorted(func(yield func(string) bool) {
		for name := range eventful {
			if !yield(name) {
				return
			}
		}
	})).Draw(t, "zone")
	zone, err := time.LoadLocation(name)
	require.NoError(t, err)
	event, err := time.Parse(time.RFC3339, rapid.SampledFrom(eventful[name]).Draw(t, "event"))
	require.NoError(t, err)
	now := event.Add(time.Duration(rapid.IntRange(-36*60, 12*60).Draw(t, "minutes")) * time.Minute)

	clock := rapid.Custom(func(t *rapid.T) string {
		return time.Unix(60*int64(rapid.OneOf(rapid.IntRange(0, 3*60), rapid.IntRange(0, 24*60-1), rapid.IntRange(22*60, 24*60-1)).Draw(t, "clock")), 0).UTC().Format("15:04")
	})
	hours := rapid.Custom(func(t *rapid.T) string {
		return clock.Draw(t, "from") + "-" + rapid.OneOf(clock, rapid.Just("24:00")).Draw(t, "to")
	}).Filter(func(hours string) bool { from, to, _ := strings.Cut(hours, "-"); return from != to })
	days := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return event.AddDate(0, 0, rapid.IntRange(-3, 3).Draw(t, "days")).Format(time.DateOnly)
	}), 0, 3)
	spec := calendar.Spec{
		TimeZone: name,
		Weekdays: rapid.SliceOfN(rapid.Map(rapid.IntRange(0, 6), func(n int) time.Weekday { return time.Weekday(n) }), 0, 5).Draw(t, "weekdays"),
		Hours:    rapid.SliceOfN(hours, 0, 3).Draw(t, "hours"),
		Holidays: days.Draw(t, "holidays"),
		HalfDays: map[string]string{},
	}
	if rapid.Bool().Draw(t, "on dates alone") {
		spec.Dates = days.Draw(t, "dates")
	}
	for _, day := range days.Draw(t, "half days") {
		if !slices.Contains(spec.Holidays, day) {
			spec.HalfDays[day] = hours.Draw(t, "half day")
		}
	}
	return spec, zone, now
}

func TestCalendarIsTheModelMinuteByMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, zone, now := drawSpec(t)
		c := made(t, spec)
		next, ok := c.Next(now)
		within := c.Contains(now)
		end := now.Add(48 * time.Hour)
		for minute := now; minute.Before(end); minute = minute.Add(time.Minute) {
			got := c.Contains(minute)
			require.Equal(t, modelContains(spec, zone, minute), got, "%s", minute.In(zone))
			require.Equal(t, got, c.Contains(minute.Add(time.Minute-1)), "seconds change nothing")
			if !ok || minute.Before(next) {
				require.Equal(t, within, got, "%s is before the next change, %s", minute.In(zone), next)
			}
			if ok && minute.Equal(next) {
				require.NotEqual(t, within, got, "%s", next)
				within = got
				next, ok = c.Next(next)
			}
		}
		require.False(t, ok && next.Before(end), "a change is between two minutes: %s", next)
	})
}

func TestNextDoesNotDependOnWhereItIsAskedFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, _, now := drawSpec(t)
		c := made(t, spec)
		next, ok := c.Next(now)
		if !ok {
			return
		}
		between := now.Add(time.Duration(rapid.Int64Range(0, int64(next.Sub(now))-1).Draw(t, "later")))
		again, ok := c.Next(between)
		require.True(t, ok)
		require.True(t, again.Equal(next), "%s, not %s", again, next)
	})
}
