package calendar_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/calendar"
)

// file is an iCalendar file of events, each given by its lines.
func file(events ...string) string {
	lines := []string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//alertd//test//EN"}
	for _, event := range events {
		lines = append(lines, "BEGIN:VEVENT", "UID:1", "SUMMARY:Day", event, "END:VEVENT")
	}
	return strings.ReplaceAll(strings.Join(append(lines, "END:VCALENDAR", ""), "\n"), "\n", "\r\n")
}

func TestHolidaysAreTheDaysOfEvents(t *testing.T) {
	for name, c := range map[string]struct {
		events []string
		want   []string
	}{
		"a day": {[]string{"DTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261226"}, []string{"2026-12-25"}},
		"a day without an end, and one that ends when it begins": {[]string{"DTSTART;VALUE=DATE:20261225", "DTSTART:20261226\nDTEND:20261226"}, []string{"2026-12-25", "2026-12-26"}},
		"several days over the end of a year":                    {[]string{"DTSTART;VALUE=DATE:20261231\nDTEND;VALUE=DATE:20270103"}, []string{"2026-12-31", "2027-01-01", "2027-01-02"}},
		"a duration":                                             {[]string{"DTSTART;VALUE=DATE:20260228\nDURATION:P2D", "DTSTART;VALUE=DATE:20260101\nDURATION:P0D"}, []string{"2026-01-01", "2026-02-28", "2026-03-01"}},
		"in order, and once":                                     {[]string{"DTSTART:20261226", "DTSTART:20261225", "DTSTART:20261226"}, []string{"2026-12-25", "2026-12-26"}},
		"not a cancelled one":                                    {[]string{"DTSTART:20261226\nSTATUS:CANCELLED", "DTSTART:20261225\nSTATUS:CONFIRMED"}, []string{"2026-12-25"}},
		"every year until":                                       {[]string{"DTSTART;VALUE=DATE:20241225\nRRULE:FREQ=YEARLY;UNTIL=20261225"}, []string{"2024-12-25", "2025-12-25", "2026-12-25"}},
		"a count, with exceptions and more days": {
			[]string{"DTSTART;VALUE=DATE:20241225\nDTEND;VALUE=DATE:20241227\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE;VALUE=DATE:20251225\nRDATE;VALUE=DATE:20230601,20230701"},
			[]string{"2023-06-01", "2023-06-02", "2023-07-01", "2023-07-02", "2024-12-25", "2024-12-26", "2026-12-25", "2026-12-26"},
		},
		"the last Monday of May": {[]string{"DTSTART;VALUE=DATE:20260525\nRRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;COUNT=2"}, []string{"2026-05-25", "2027-05-31"}},
		"leap days":              {[]string{"DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY;UNTIL=20290101"}, []string{"2024-02-29", "2028-02-29"}},
		"long lines":             {[]string{"DTSTART:20261225\nDESCRIPTION:" + strings.Repeat("BEGIN:; ", 1000) + "\nEXDATE:20261226" + strings.Repeat(",20261226", 1000)}, []string{"2026-12-25"}},
		"folded lines, an alarm": {[]string{"DESCRIPTION:a long\n  line\nDTSTART;VALUE=DATE:2026\n 1225\nBEGIN:VALARM\nTRIGGER:-P1D\nACTION:DISPLAY\nDESCRIPTION:x\nEND:VALARM"}, []string{"2026-12-25"}},
	} {
		days, err := calendar.HolidaysFromICS(strings.NewReader(file(c.events...)))
		require.NoError(t, err, name)
		require.Equal(t, c.want, days, name)
		_, err = calendar.New(calendar.Spec{TimeZone: "UTC", Holidays: days})
		require.NoError(t, err)
	}
}

func TestRecurrenceWithoutEndEndsWithTheCentury(t *testing.T) {
	days, err := calendar.HolidaysFromICS(strings.NewReader(file("DTSTART;VALUE=DATE:19701225\nRRULE:FREQ=YEARLY")))
	require.NoError(t, err)
	require.Len(t, days, 130)
	require.Equal(t, "2099-12-25", days[129])
	require.True(t, slices.IsSorted(days))
}

// The first rule finds a day a year until the last year, the second never one: so it must not
// take much longer.
func TestHolidaysThatNeverComeAreNotLookedForLong(t *testing.T) {
	fastest := func(rule string) time.Duration {
		least := time.Hour
		for range 3 {
			begin := time.Now()
			_, _ = calendar.HolidaysFromICS(strings.NewReader(file("DTSTART:19300101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=" + rule)))
			least = min(least, time.Since(begin))
		}
		return least
	}
	require.Less(t, fastest("30")/10, fastest("28"))
}

func TestHolidaysSayWhatIsNotSupported(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "is not a whole file in the iCalendar format: it does not end in END:VCALENDAR",
		"2026-12-25":                          "is not a whole file in the iCalendar format: it does not end in END:VCALENDAR",
		file("DTSTART:20261225")[:100]:        "is not a whole file in the iCalendar format: it does not end in END:VCALENDAR",
		"x\nEND:VCALENDAR":                    `is not in the iCalendar format: line 1, folded ones as one, is "x", must be one such as DTSTART:20261225`,
		file():                                "has no events",
		file("STATUS:CANCELLED"):              "has no events",
		file("DTSTART:20261225", "LOCATION:"): `event 2, "Day": DTSTART is "", must be a day without a time, such as 20261225, from 1900 to 2099`,
		file("DTSTART;TZID=Europe/Berlin:20261224T140000"):                  `event 1, "Day": DTSTART is "20261224T140000", must be a day without a time, such as 20261225, from 1900 to 2099`,
		file("DTSTART:18991231"):                                            `event 1, "Day": DTSTART is "18991231", must be a day without a time, such as 20261225, from 1900 to 2099`,
		file("DTSTART:20261225\nDTEND:20261225T120000"):                     `event 1, "Day": DTEND is "20261225T120000", must be a day without a time, such as 20261225, from 1900 to 2099`,
		file("DTSTART:20261225\nDTEND:20261224"):                            `event 1, "Day": DTEND 20261224 is before DTSTART`,
		file("DTSTART:20261225\nDURATION:PT4H"):                             `event 1, "Day": DURATION is "PT4H", must be of days or weeks, such as P1D`,
		file("DTSTART:20261225\nRECURRENCE-ID:20261224"):                    `event 1, "Day": RECURRENCE-ID, which changes one day of an event that recurs, is not supported; use EXDATE and an event of its own`,
		file("DTSTART:20261225\nRRULE:FREQ=HOURLY"):                         `event 1, "Day": RRULE is "FREQ=HOURLY": must be YEARLY, MONTHLY, WEEKLY or DAILY, without times of the day`,
		file("DTSTART:20261225\nRRULE:FREQ=DAILY;BYHOUR=1,2"):               `event 1, "Day": RRULE is "FREQ=DAILY;BYHOUR=1,2": must be YEARLY, MONTHLY, WEEKLY or DAILY, without times of the day`,
		file("DTSTART:20261225\nRRULE:COUNT=2"):                             `event 1, "Day": RRULE is "COUNT=2": RRULE property FREQ is required`,
		file("DTSTART:20261225\nRRULE:FREQ=YEARLY;BYMONTH=13"):              `event 1, "Day": RRULE is "FREQ=YEARLY;BYMONTH=13": bymonth must be between 1 and 12`,
		file("DTSTART:20261225\nRRULE:FREQ=DAILY"):                          `event 1, "Day": the file has more than 10000 days`,
		file("DTSTART:20261225\nDURATION:P9999W"):                           `event 1, "Day": the file has more than 10000 days`,
		file("DTSTART:20261225\nX" + strings.Repeat(";A=B\n ", 300) + ":1"): `line 8, folded ones as one, has 1202 bytes before its value, may have at most 1000`,
		file(strings.Repeat("BEGIN:X\n", 8) + "B\n EGIN;A=B:VEVENT"):        `line 15, folded ones as one: components are more than 10 deep in one another`,
		file("X;::A=B:1"):   `is not in the iCalendar format: line 7, folded ones as one, is "X;::A=B:1", must be one such as DTSTART:20261225`,
		file(`X;A="\":":1`): `is not in the iCalendar format: line 7, folded ones as one, is "X;A=\"\\\":\":1", must be one such as DTSTART:20261225`,
		file("DTSTART:20200101\nDURATION:P99D\nRRULE:FREQ=DAILY;COUNT=120"):                  `event 1, "Day": the file has more than 10000 days`,
		file("DTSTART:20261225\nRRULE:FREQ=DAILY;COUNT=3;INTERVAL=9223372036854775807"):      `event 1, "Day": RRULE is "FREQ=DAILY;COUNT=3;INTERVAL=9223372036854775807": INTERVAL must be at most 1000`,
		file("DTSTART:20261225\nRRULE:FREQ=MONTHLY;INTERVAL=9223372036854775807"):            `event 1, "Day": RRULE is "FREQ=MONTHLY;INTERVAL=9223372036854775807": INTERVAL must be at most 1000`,
		file("DTSTART:20261225\nRRULE:FREQ=YEARLY;BYEASTER=-2"):                              `event 1, "Day": RRULE is "FREQ=YEARLY;BYEASTER=-2": BYEASTER is not supported`,
		file("DTSTART:20261225\nRRULE:FREQ=YEARLY;BYYEARDAY=1" + strings.Repeat(",1", 250)):  `event 1, "Day": RRULE is "FREQ=YEARLY;BYYEARDAY=1` + strings.Repeat(",1", 38) + `,": has 523 characters, may have at most 500`,
		file(slices.Repeat([]string{"DTSTART:20261225\nRRULE:FREQ=YEARLY;COUNT=1"}, 201)...): `event 201, "Day": the file has more than 200 events that recur`,
		file("DTSTART:20261225\nRRULE:FREQ=YEARLY\nRRULE:FREQ=DAILY"):                        `event 1, "Day": has several RRULE, may have one`,
		file("DTSTART:20261225\nEXDATE:20261225T000000"):                                     `event 1, "Day": EXDATE is "20261225T000000", must be a day without a time, such as 20261225, from 1900 to 2099`,
	} {
		_, err := calendar.HolidaysFromICS(strings.NewReader(text))
		require.EqualError(t, err, want, text)
	}
	_, err := calendar.HolidaysFromICS(iotest.ErrReader(errors.New("disk on fire")))
	require.EqualError(t, err, "disk on fire")
}

// FuzzHolidaysFromICS: any file gives an error or days that a calendar takes.
func FuzzHolidaysFromICS(f *testing.F) {
	f.Add(file("DTSTART;VALUE=DATE:20241225\nDTEND;VALUE=DATE:20241227\nRRULE:FREQ=YEARLY;COUNT=3\nEXDATE;VALUE=DATE:20251225\nRDATE;VALUE=DATE:20230601,20230701"))
	f.Add(file("DTSTART;VALUE=DATE:20260525\nRRULE:FREQ=YEARLY;INTERVAL=2;BYMONTH=5;BYDAY=-1MO,2TU;BYSETPOS=1;WKST=SU", "DTSTART:20260228\nDURATION:P2W", "STATUS:CANCELLED"))
	f.Add(file("DTSTART:20260228\nRRULE:FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "DTSTART:20260228\nRRULE:FREQ=WEEKLY;BYWEEKNO=53;BYYEARDAY=-1"))
	f.Fuzz(func(t *testing.T, text string) {
		days, err := calendar.HolidaysFromICS(strings.NewReader(text))
		if err != nil {
			require.NotEmpty(t, err.Error())
			require.Empty(t, days)
			return
		}
		require.NotEmpty(t, days)
		c, err := calendar.New(calendar.Spec{TimeZone: "UTC", Holidays: days})
		require.NoError(t, err)
		first, err := time.Parse(time.DateOnly, days[0])
		require.NoError(t, err)
		require.False(t, c.Contains(first))
	})
}
