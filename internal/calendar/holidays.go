package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"
	"github.com/teambition/rrule-go"
)

const (
	// firstYear and lastYear bound the days of a file. Events that recur without an end do so
	// until the end of the last year.
	firstYear, lastYear = 1900, 2099
	// maxDays is the most days of a file.
	maxDays = 10_000

	icsDate = "20060102"
)

// HolidaysFromICS returns the days of all events in a file in the iCalendar format (RFC 5545),
// ascending, written as 2026-12-25. Events must last whole days. They may last several, recur
// daily to yearly (RRULE, RDATE) and have exceptions (EXDATE); those that were cancelled do
// not count. An error says what the file has that is not supported.
func HolidaysFromICS(r io.Reader) (days []string, err error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(bytes.TrimSpace(text), []byte("END:VCALENDAR")) {
		return nil, errors.New("is not a whole file in the iCalendar format: it does not end in END:VCALENDAR")
	}
	file, err := ics.ParseCalendar(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("is not in the iCalendar format: %w", err)
	}
	found := map[day]bool{}
	for i, event := range file.Events() {
		if property(event, ics.ComponentPropertyStatus) == "CANCELLED" {
			continue
		}
		if err := addEvent(found, event); err != nil {
			return nil, fmt.Errorf("event %d, %q: %w", i+1, property(event, ics.ComponentPropertySummary), err)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("has no events")
	}
	for _, d := range slices.Sorted(maps.Keys(found)) {
		days = append(days, d.noon(time.UTC).Format(time.DateOnly))
	}
	return days, nil
}

func property(event *ics.VEvent, name ics.ComponentProperty) string {
	if p := event.GetProperty(name); p != nil {
		return p.Value
	}
	return ""
}

// addEvent adds the days of an event to those that were found.
func addEvent(found map[day]bool, event *ics.VEvent) error {
	if event.HasProperty(ics.ComponentPropertyRecurrenceId) {
		return errors.New("RECURRENCE-ID, which changes one day of an event that recurs, is not supported; use EXDATE and an event of its own")
	}
	start, err := parseDate("DTSTART", property(event, ics.ComponentPropertyDtStart))
	if err != nil {
		return err
	}
	length, err := lengthOf(event, start)
	if err != nil {
		return err
	}
	next, err := occurrences(event, start)
	if err != nil {
		return err
	}
	for at, ok := next(); ok; at, ok = next() {
		for n := range length {
			if found[dayOf(at)+day(n)] = true; len(found) > maxDays {
				return fmt.Errorf("the file has more than %d days", maxDays)
			}
		}
	}
	return nil
}

func parseDate(name, value string) (time.Time, error) {
	t, err := time.Parse(icsDate, value)
	if err != nil || t.Year() < firstYear || t.Year() > lastYear {
		return t, fmt.Errorf("%s is %q, must be a day without a time, such as 20261225, from %d to %d", name, value, firstYear, lastYear)
	}
	return t, nil
}

var durationForm = regexp.MustCompile(`^\+?P([0-9]{1,4})([DW])$`)

// lengthOf returns how many days an event lasts.
func lengthOf(event *ics.VEvent, start time.Time) (int, error) {
	if duration := property(event, ics.ComponentPropertyDuration); duration != "" {
		parts := durationForm.FindStringSubmatch(duration)
		if parts == nil {
			return 0, fmt.Errorf("DURATION is %q, must be of days or weeks, such as P1D", duration)
		}
		n, _ := strconv.Atoi(parts[1]) // the expression allows digits alone
		if parts[2] == "W" {
			n *= 7
		}
		return max(n, 1), nil
	}
	value := property(event, ics.ComponentPropertyDtEnd)
	if value == "" {
		return 1, nil
	}
	end, err := parseDate("DTEND", value)
	if err != nil {
		return 0, err
	}
	if end.Before(start) {
		return 0, fmt.Errorf("DTEND %s is before DTSTART", value)
	}
	return max(int(dayOf(end)-dayOf(start)), 1), nil // some programs write the day itself as the end
}

// occurrences returns a function that returns the first days of an event, one after the other.
func occurrences(event *ics.VEvent, start time.Time) (func() (time.Time, bool), error) {
	var set rrule.Set
	set.DTStart(start)
	rules := event.GetProperties(ics.ComponentPropertyRrule)
	if len(rules) > 1 {
		return nil, errors.New("has several RRULE, may have one")
	}
	for _, r := range rules {
		rule, err := recurrence(r.Value, start)
		if err != nil {
			return nil, fmt.Errorf("RRULE is %q: %w", r.Value, err)
		}
		set.RRule(rule)
	}
	if len(rules) == 0 {
		set.RDate(start)
	}
	if err := eachDate(event, ics.ComponentPropertyRdate, set.RDate); err != nil {
		return nil, err
	}
	if err := eachDate(event, ics.ComponentPropertyExdate, set.ExDate); err != nil {
		return nil, err
	}
	return set.Iterator(), nil
}

// eachDate calls add with each date in the lists of a property.
func eachDate(event *ics.VEvent, name ics.ComponentProperty, add func(time.Time)) error {
	for _, list := range event.GetProperties(name) {
		for value := range strings.SplitSeq(list.Value, ",") {
			date, err := parseDate(string(name), value)
			if err != nil {
				return err
			}
			add(date)
		}
	}
	return nil
}

func recurrence(text string, start time.Time) (*rrule.RRule, error) {
	option, err := rrule.StrToROption(text)
	if err != nil {
		return nil, err
	}
	if option.Freq > rrule.DAILY || len(option.Byhour)+len(option.Byminute)+len(option.Bysecond) > 0 {
		return nil, errors.New("must be YEARLY, MONTHLY, WEEKLY or DAILY, without times of the day")
	}
	if last := time.Date(lastYear, time.December, 31, 0, 0, 0, 0, time.UTC); option.Until.IsZero() || option.Until.After(last) {
		option.Until = last
	}
	option.Dtstart = start
	return rrule.NewRRule(*option)
}
