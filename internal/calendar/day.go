package calendar

import "time"

// day is a date, as the days since 1970-01-01.
type day int

func dayOf(t time.Time) day {
	year, month, date := t.Date()
	return day(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / (24 * 60 * 60))
}

func parseDay(text string) (day, error) {
	t, err := time.Parse(time.DateOnly, text)
	return dayOf(t), err
}

func (d day) weekday() time.Weekday { return d.noon(time.UTC).Weekday() }

// noon returns an instant on a day, if it has been one in the zone.
func (d day) noon(zone *time.Location) time.Time {
	return time.Date(1970, time.January, 1+int(d), 12, 0, 0, 0, zone)
}
