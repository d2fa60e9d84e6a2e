package config

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"alertd/internal/calendar"
)

// calendarEntry is a calendar as the file has it.
type calendarEntry struct {
	// spec has the holidays of the file ics, too.
	spec calendar.Spec
	// holidays are those that are listed.
	holidays []string
	ics      string
}

// calendarSetting is a setting: recurring hours.
func (c *Config) calendarSetting(name string) setting {
	return entries(name, &c.calendars, func(t *table, name string) calendarEntry {
		entry := readCalendar(t, name)
		made, err := calendar.New(entry.spec)
		t.report("", err)
		c.Noise.Calendars[name] = made
		return entry
	}, calendarEntry.show)
}

func readCalendar(t *table, name string) (e calendarEntry) {
	e.spec.Name = name
	t.string("time_zone", &e.spec.TimeZone)
	e.spec.Weekdays = t.weekdays("weekdays")
	t.strings("hours", &e.spec.Hours)
	t.strings("dates", &e.spec.Dates)
	t.strings("holidays", &e.holidays)
	e.spec.HalfDays = readTexts(t, "half_days")
	t.string("ics", &e.ics)
	e.spec.Holidays = slices.Concat(e.holidays, t.holidays("ics", e.ics, e.spec.HalfDays))
	return e
}

// weekdayNames are those of the days from Sunday.
func weekdayNames() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

func (t *table) weekdays(name string) (weekdays []time.Weekday) {
	var names []string
	t.strings(name, &names)
	t.each(name, names, func(text string) string {
		weekday := slices.Index(weekdayNames(), strings.ToLower(text))
		if weekday < 0 {
			return "one of mon, tue, wed, thu, fri, sat, sun"
		}
		weekdays = append(weekdays, time.Weekday(weekday))
		return ""
	})
	return weekdays
}

// holidays returns the days of a file in the iCalendar format, except those that have hours
// of their own here.
func (t *table) holidays(name, path string, halfDays map[string]string) []string {
	if path == "" {
		return nil
	}
	data, err := readFile(path)
	var days []string
	if err == nil {
		days, err = calendar.HolidaysFromICS(bytes.NewReader(data))
	}
	if err != nil {
		key := join(t.key, name)
		t.r.problem(key, "%s: %s", t.quote(name, path), t.r.withoutEnvironment(key, path, err.Error()))
	}
	return slices.DeleteFunc(days, func(day string) bool { return halfDays[day] != "" })
}

func (e calendarEntry) show() map[string]any {
	shown := map[string]any{"name": e.spec.Name, "time_zone": e.spec.TimeZone}
	var weekdays []any
	for _, weekday := range e.spec.Weekdays {
		weekdays = append(weekdays, weekdayNames()[weekday])
	}
	for key, list := range map[string][]any{
		"weekdays": weekdays, "hours": anys(e.spec.Hours), "dates": anys(e.spec.Dates), "holidays": anys(e.holidays),
	} {
		if len(list) > 0 {
			shown[key] = list
		}
	}
	if len(e.spec.HalfDays) > 0 {
		halfDays := map[string]any{}
		for day, hours := range e.spec.HalfDays {
			halfDays[day] = hours
		}
		shown["half_days"] = halfDays
	}
	if e.ics != "" {
		shown["ics"] = e.ics
	}
	return shown
}
