package calendar_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"alertd/internal/calendar"
)

// BenchmarkCalendar asks a calendar in the middle of its hours. "next, far" has no change within
// two years, so that every day until then is looked at.
func BenchmarkCalendar(b *testing.B) {
	now := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	hours := made(b, calendar.Spec{TimeZone: "Europe/Berlin", Weekdays: weekdays, Hours: []string{"09:00-17:30"}, Holidays: []string{"2026-12-25"}})
	nights := made(b, calendar.Spec{TimeZone: "America/New_York", Hours: []string{"22:00-06:00"}})
	far := made(b, calendar.Spec{TimeZone: "Europe/Berlin", Dates: []string{"2020-01-01"}, Hours: []string{"09:00-17:30"}})
	b.Run("contains", func(b *testing.B) {
		for b.Loop() {
			hours.Contains(now)
		}
	})
	b.Run("contains, over midnight", func(b *testing.B) {
		for b.Loop() {
			nights.Contains(now)
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			hours.Next(now)
		}
	})
	b.Run("next, far", func(b *testing.B) {
		for b.Loop() {
			far.Next(now)
		}
	})
}

// The slowest file: rules for a day that does not exist.
func BenchmarkHolidaysThatNeverCome(b *testing.B) {
	text := file(slices.Repeat([]string{"DTSTART:19000101\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30" + strings.Repeat(",30", 150)}, 200)...)
	for b.Loop() {
		_, err := calendar.HolidaysFromICS(strings.NewReader(text))
		if err == nil {
			b.Fatal("there is such a day")
		}
	}
}
