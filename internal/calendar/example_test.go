package calendar_test

import (
	"fmt"
	"time"

	"alertd/internal/calendar"
)

func Example() {
	hours, err := calendar.New(calendar.Spec{
		Name: "trading-hours", TimeZone: "Europe/Berlin",
		Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		Hours:    []string{"09:00-17:30"}, Holidays: []string{"2026-12-25"},
		HalfDays: map[string]string{"2026-12-30": "09:00-14:00"},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(hours)
	at := time.Date(2026, 12, 24, 12, 0, 0, 0, time.UTC)
	fmt.Println(at, hours.Contains(at))
	for range 3 {
		at, _ = hours.Next(at)
		fmt.Println(at, hours.Contains(at))
	}
	// Output:
	// trading-hours: 09:00-17:30 on mon, tue, wed, thu, fri in Europe/Berlin, 1 holiday, 1 half day
	// 2026-12-24 12:00:00 +0000 UTC true
	// 2026-12-24 17:30:00 +0100 CET false
	// 2026-12-28 09:00:00 +0100 CET true
	// 2026-12-28 17:30:00 +0100 CET false
}
