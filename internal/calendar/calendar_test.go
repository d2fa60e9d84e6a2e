package calendar_test

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need not depend on the time zones of the system

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
)

var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}

func made(tb require.TestingT, spec calendar.Spec) *calendar.Calendar {
	c, err := calendar.New(spec)
	require.NoError(tb, err)
	return c
}

func at(tb testing.TB, text string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339, text)
	require.NoError(tb, err)
	return t
}

// requireWithin checks that a calendar has exactly these intervals from one instant to
// another. Intervals are written as 2026-03-29T01:30:00+01:00 and the like, two a line.
func requireWithin(t *testing.T, c *calendar.Calendar, from, to string, intervals ...string) {
	t.Helper()
	var got []string
	for now := at(t, from); ; {
		next, ok := c.Next(now)
		begin := now
		if !ok || next.After(at(t, to)) {
			next = at(t, to)
		}
		if c.Contains(begin) {
			got = append(got, begin.In(next.Location()).Format(time.RFC3339)+" "+next.Format(time.RFC3339))
		}
		if now = next; !now.Before(at(t, to)) {
			break
		}
	}
	for i, interval := range intervals {
		begin, end, ok := strings.Cut(interval, " ")
		require.True(t, ok)
		require.Less(t, i, len(got), "%s is not there", interval)
		gotBegin, gotEnd, _ := strings.Cut(got[i], " ")
		require.True(t, at(t, begin).Equal(at(t, gotBegin)) && at(t, end).Equal(at(t, gotEnd)), "%s, not %s", got[i], interval)
	}
	require.Len(t, got, len(intervals), "%s", got)
}

func TestHoursAreThoseOfWeekdays(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "Europe/Berlin", Weekdays: weekdays, Hours: []string{"09:00-17:30"}})
	requireWithin(t, c, "2026-03-05T00:00:00+01:00", "2026-03-10T00:00:00+01:00",
		"2026-03-05T09:00:00+01:00 2026-03-05T17:30:00+01:00",
		"2026-03-06T09:00:00+01:00 2026-03-06T17:30:00+01:00",
		"2026-03-09T09:00:00+01:00 2026-03-09T17:30:00+01:00")
	require.False(t, c.Contains(at(t, "2026-03-05T17:30:00+01:00")), "the end is not within")
	require.True(t, c.Contains(at(t, "2026-03-05T17:29:59+01:00").Add(time.Second-1)))
	require.True(t, c.Contains(at(t, "2026-03-05T08:00:00Z")), "any location of an instant is the same")
}

func TestSeveralHoursAreJoined(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "Asia/Tokyo", Hours: []string{"12:30-15:30", "09:00-11:30", "11:00-12:00"}})
	requireWithin(t, c, "2026-03-05T00:00:00+09:00", "2026-03-06T00:00:00+09:00",
		"2026-03-05T09:00:00+09:00 2026-03-05T12:00:00+09:00",
		"2026-03-05T12:30:00+09:00 2026-03-05T15:30:00+09:00")
}

func TestHoursThatCrossMidnightBelongToTheDayOnWhichTheyBegin(t *testing.T) {
	c := made(t, calendar.Spec{
		TimeZone: "UTC", Weekdays: weekdays, Hours: []string{"22:00-06:00"},
		Holidays: []string{"2026-03-04"}, HalfDays: map[string]string{"2026-03-05": "23:00-01:00"},
	})
	requireWithin(t, c, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z",
		"2026-03-02T22:00:00Z 2026-03-03T06:00:00Z", // nothing on the night before, a Sunday
		"2026-03-03T22:00:00Z 2026-03-04T06:00:00Z", // into the holiday
		"2026-03-05T23:00:00Z 2026-03-06T01:00:00Z", // the half day
		"2026-03-06T22:00:00Z 2026-03-07T06:00:00Z") // into the Saturday
}

func TestMidnightEndsADayAndBeginsOne(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "UTC", Weekdays: []time.Weekday{time.Monday}, Hours: []string{"22:00-24:00", "00:00-01:00"}})
	requireWithin(t, c, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z",
		"2026-03-02T00:00:00Z 2026-03-02T01:00:00Z", "2026-03-02T22:00:00Z 2026-03-03T00:00:00Z")
	until := made(t, calendar.Spec{TimeZone: "UTC", Weekdays: []time.Weekday{time.Monday}, Hours: []string{"22:00-00:00"}})
	requireWithin(t, until, "2026-03-01T00:00:00Z", "2026-03-08T00:00:00Z", "2026-03-02T22:00:00Z 2026-03-03T00:00:00Z")
}

func TestHolidaysHaveNoHoursAndHalfDaysTheirOwn(t *testing.T) {
	c := made(t, calendar.Spec{
		TimeZone: "Europe/Berlin", Weekdays: weekdays, Hours: []string{"09:00-17:30"}, Holidays: []string{"2026-12-25", "2026-12-24"},
		HalfDays: map[string]string{"2026-12-30": "09:00-14:00", "2026-12-26": "09:00-12:00"},
	})
	requireWithin(t, c, "2026-12-23T00:00:00+01:00", "2027-01-01T00:00:00+01:00",
		"2026-12-23T09:00:00+01:00 2026-12-23T17:30:00+01:00", // then holidays, and a Saturday, which has no hours to replace
		"2026-12-28T09:00:00+01:00 2026-12-28T17:30:00+01:00",
		"2026-12-29T09:00:00+01:00 2026-12-29T17:30:00+01:00",
		"2026-12-30T09:00:00+01:00 2026-12-30T14:00:00+01:00",
		"2026-12-31T09:00:00+01:00 2026-12-31T17:30:00+01:00")
}

func TestDatesAreTheOnlyDays(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "UTC", Dates: []string{"2026-12-24", "2026-12-25", "2026-12-26"}, Weekdays: weekdays})
	requireWithin(t, c, "2026-12-01T00:00:00Z", "2027-02-01T00:00:00Z", "2026-12-24T00:00:00Z 2026-12-26T00:00:00Z")
	_, ok := c.Next(at(t, "2026-12-26T00:00:00Z"))
	require.False(t, ok)
	_, ok = c.Next(at(t, "2024-12-23T23:00:00Z"))
	require.False(t, ok, "more than two years before")
	next, ok := c.Next(at(t, "2024-12-24T00:00:00Z"))
	require.True(t, ok)
	require.True(t, next.Equal(at(t, "2026-12-24T00:00:00Z")))
}

func TestEmptySpecIsAlways(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "Europe/London"})
	require.True(t, c.Contains(at(t, "2026-03-29T01:30:00Z")))
	_, ok := c.Next(at(t, "2026-01-01T00:00:00Z"))
	require.False(t, ok)
}

func TestSkippedTimeIsNoTime(t *testing.T) {
	// In Berlin 02:00 became 03:00 on 2026-03-29.
	for hours, want := range map[string][]string{
		"02:00-03:00": nil,
		"02:15-02:45": nil,
		"01:00-02:30": {"2026-03-29T01:00:00+01:00 2026-03-29T03:00:00+02:00"},
		"02:30-04:00": {"2026-03-29T03:00:00+02:00 2026-03-29T04:00:00+02:00"},
		"00:00-24:00": {"2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00"}, // 23 hours
		"03:00-03:30": {"2026-03-29T03:00:00+02:00 2026-03-29T03:30:00+02:00"},
	} {
		c := made(t, calendar.Spec{TimeZone: "Europe/Berlin", Hours: []string{hours}, Weekdays: []time.Weekday{time.Sunday}})
		requireWithin(t, c, "2026-03-28T12:00:00+01:00", "2026-03-30T12:00:00+02:00", want...)
	}
	// On Lord Howe Island 02:00 became 02:30 on 2026-10-04.
	c := made(t, calendar.Spec{TimeZone: "Australia/Lord_Howe", Hours: []string{"01:45-02:15", "02:20-02:45"}, Dates: []string{"2026-10-04"}})
	requireWithin(t, c, "2026-10-03T00:00:00Z", "2026-10-05T00:00:00Z",
		"2026-10-04T01:45:00+10:30 2026-10-04T02:45:00+11:00")
}

func TestRepeatedTimeCountsTwice(t *testing.T) {
	// In Berlin 03:00 became 02:00 on 2026-10-25.
	for hours, want := range map[string][]string{
		"02:00-03:00": {"2026-10-25T02:00:00+02:00 2026-10-25T03:00:00+01:00"}, // two hours
		"02:15-02:45": {"2026-10-25T02:15:00+02:00 2026-10-25T02:45:00+02:00", "2026-10-25T02:15:00+01:00 2026-10-25T02:45:00+01:00"},
		"01:00-02:30": {"2026-10-25T01:00:00+02:00 2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00 2026-10-25T02:30:00+01:00"},
		"00:00-24:00": {"2026-10-25T00:00:00+02:00 2026-10-26T00:00:00+01:00"}, // 25 hours
	} {
		c := made(t, calendar.Spec{TimeZone: "Europe/Berlin", Hours: []string{hours}, Weekdays: []time.Weekday{time.Sunday}})
		requireWithin(t, c, "2026-10-24T12:00:00+02:00", "2026-10-26T12:00:00+01:00", want...)
	}
	// On Lord Howe Island 02:00 became 01:30 on 2026-04-05.
	c := made(t, calendar.Spec{TimeZone: "Australia/Lord_Howe", Hours: []string{"01:00-01:45"}, Dates: []string{"2026-04-05"}})
	requireWithin(t, c, "2026-04-04T00:00:00Z", "2026-04-06T00:00:00Z",
		"2026-04-05T01:00:00+11:00 2026-04-05T01:45:00+11:00", "2026-04-05T01:30:00+10:30 2026-04-05T01:45:00+10:30")
}

func TestNightOverAChangeOfTheClockHasTheHoursThatAreThere(t *testing.T) {
	c := made(t, calendar.Spec{TimeZone: "Europe/Berlin", Hours: []string{"22:00-06:00"}})
	requireWithin(t, c, "2026-03-28T12:00:00+01:00", "2026-03-29T12:00:00+02:00", "2026-03-28T22:00:00+01:00 2026-03-29T06:00:00+02:00")
	requireWithin(t, c, "2026-10-24T12:00:00+02:00", "2026-10-25T12:00:00+01:00", "2026-10-24T22:00:00+02:00 2026-10-25T06:00:00+01:00")
}

func TestClockMayMoveAtMidnight(t *testing.T) {
	// In São Paulo 00:00 became 01:00 on 2018-11-04, and 24:00 became 23:00 on 2018-02-17.
	c := made(t, calendar.Spec{TimeZone: "America/Sao_Paulo", Hours: []string{"23:30-01:30"}})
	requireWithin(t, c, "2018-11-03T12:00:00-03:00", "2018-11-04T12:00:00-02:00", "2018-11-03T23:30:00-03:00 2018-11-04T01:30:00-02:00")
	requireWithin(t, c, "2018-02-17T12:00:00-02:00", "2018-02-18T12:00:00-03:00",
		"2018-02-17T23:30:00-02:00 2018-02-18T00:00:00-02:00", "2018-02-17T23:30:00-03:00 2018-02-18T01:30:00-03:00")
}

func TestSkippedDayIsNoDay(t *testing.T) {
	// Samoa had no 2011-12-30, a Friday.
	c := made(t, calendar.Spec{TimeZone: "Pacific/Apia", Hours: []string{"22:00-06:00"}, Weekdays: []time.Weekday{time.Thursday}})
	requireWithin(t, c, "2011-12-29T12:00:00-10:00", "2012-01-01T12:00:00+14:00", "2011-12-29T22:00:00-10:00 2011-12-31T06:00:00+14:00")
	c = made(t, calendar.Spec{TimeZone: "Pacific/Apia", Hours: []string{"22:00-06:00"}, Weekdays: []time.Weekday{time.Friday}})
	requireWithin(t, c, "2011-12-29T12:00:00-10:00", "2012-01-01T12:00:00+14:00")
}

func TestCalendarIsDescribedInWords(t *testing.T) {
	require.Equal(t, "nights: 22:00-06:00 in UTC", made(t, calendar.Spec{Name: "nights", TimeZone: "UTC", Hours: []string{"22:00-06:00"}}).String())
	require.Equal(t, "all day on sat, sun in Europe/Berlin, 1 date, 2 holidays, 1 half day", made(t, calendar.Spec{
		TimeZone: "Europe/Berlin", Weekdays: []time.Weekday{time.Saturday, time.Sunday}, Dates: []string{"2026-12-24"},
		Holidays: []string{"2026-12-25", "2026-12-26"}, HalfDays: map[string]string{"2026-12-24": "09:00-14:00"},
	}).String())
}

func TestSpecNamesEachProblem(t *testing.T) {
	const form = "must be two times of a day such as 09:00-17:30, 22:00-06:00 over midnight, or 00:00-24:00"
	for _, c := range []struct {
		spec calendar.Spec
		want []string
	}{
		{calendar.Spec{}, []string{"time_zone: is missing, must be a name such as Europe/Berlin or UTC"}},
		{calendar.Spec{TimeZone: "Local"}, []string{`time_zone: "Local" is not a time zone of the IANA database, such as Europe/Berlin or UTC`}},
		{
			calendar.Spec{
				TimeZone: "Europe/Berln", Weekdays: []time.Weekday{1, 7, -1}, Hours: []string{"9-17", "09:00-24:30", "24:00-01:00", "12:00-12:00", "10:00-11:60"},
				Dates: []string{"2026-02-29"}, Holidays: []string{"2026-12-25", "25.12.2026"}, HalfDays: map[string]string{"2026-12-25": "9:00-14:00", "x": "09:00-14:00"},
			},
			[]string{
				`time_zone: "Europe/Berln" is not a time zone of the IANA database, such as Europe/Berlin or UTC`,
				"weekdays[1]: must be a day from Sunday to Saturday",
				"weekdays[2]: must be a day from Sunday to Saturday",
				`hours[0]: "9-17" ` + form,
				`hours[1]: "09:00-24:30" ` + form,
				`hours[2]: "24:00-01:00" ` + form,
				`hours[3]: "12:00-12:00" begins when it ends; the whole day is 00:00-24:00`,
				`hours[4]: "10:00-11:60" ` + form,
				`holidays[1]: "25.12.2026" is not a day, such as 2026-12-24`,
				`dates[0]: "2026-02-29" is not a day, such as 2026-12-24`,
				"half_days.2026-12-25: is a holiday too, must be one of them",
				`half_days.2026-12-25: "9:00-14:00" ` + form,
				`half_days.x: "x" is not a day, such as 2026-12-24`,
			},
		},
	} {
		_, err := calendar.New(c.spec)
		var problem *alerting.Error
		require.ErrorAs(t, err, &problem)
		require.Equal(t, alerting.CodeInvalid, problem.Code)
		var got []string
		for _, field := range problem.Fields {
			got = append(got, field.Field+": "+field.Message)
		}
		require.Equal(t, c.want, got)
	}
}
