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
	// maxDays is the most days of a file, those that several events have counted each time.
	maxDays = 10_000
	// maxRecurring is the most events of a file that recur, maxRule how long their rules may
	// be, in bytes, and maxInterval how far apart. They bound the time that a file takes:
	// BenchmarkHolidaysThatNeverCome.
	maxRecurring, maxRule, maxInterval = 200, 500, 1000
	// maxDepth is how many components of a file may be in one another, and maxParameters how
	// many bytes of a line may be before its value.
	maxDepth, maxParameters = 10, 1000
	// later is how many years later events are taken to recur. The calendar is the same then,
	// as it is every 400 years. The library looks for a day that never comes, such as the 30th
	// of February, until the year 9999.
	later = 7600
	// daysLater is the same in days.
	daysLater = later / 400 * 146_097

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
	text = foldForm.ReplaceAll(bytes.TrimPrefix(text, []byte("\ufeff")), nil)
	if err := checkLines(text); err != nil {
		return nil, err
	}
	file, err := ics.ParseCalendar(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("is not in the iCalendar format: %w", err)
	}
	found := holidays{days: map[day]bool{}}
	for i, event := range file.Events() {
		if property(event, ics.ComponentPropertyStatus) == "CANCELLED" {
			continue
		}
		if err := found.add(event); err != nil {
			return nil, fmt.Errorf("event %d, %q: %w", i+1, property(event, ics.ComponentPropertySummary), err)
		}
	}
	if len(found.days) == 0 {
		return nil, errors.New("has no events")
	}
	for _, d := range slices.Sorted(maps.Keys(found.days)) {
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

var (
	foldForm = regexp.MustCompile(`\r?\n[ \t]`)
	// lineForm is what is before the value of a line: a name, and parameters with their values.
	lineForm = regexp.MustCompile(`^([\w-]+)(;[\w-]+=` + valueForm + `(,` + valueForm + `)*)*:`)
)

const valueForm = `("([^"\\]|\\[^"\\])*"|([^";:,\\]|\\[^";:,\\])*)`

// checkLines refuses lines that the library would take long for: its time grows with the
// square of what is before a line's value, and of how deep components are in one another.
func checkLines(text []byte) error {
	depth, n := 0, 0
	for line := range bytes.Lines(text) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		parts := lineForm.FindSubmatch(line)
		switch {
		case parts == nil:
			return fmt.Errorf("is not in the iCalendar format: line %d, folded ones as one, is %.50q, must be one such as DTSTART:20261225", n, line)
		case len(parts[0]) > maxParameters:
			return fmt.Errorf("line %d, folded ones as one, has %d bytes before its value, may have at most %d", n, len(parts[0]), maxParameters)
		case string(parts[1]) == "BEGIN":
			depth++
		case string(parts[1]) == "END":
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("line %d, folded ones as one: components are more than %d deep in one another", n, maxDepth)
		}
	}
	return nil
}

// holidays are the days that were found in a file.
type holidays struct {
	days map[day]bool
	// counted is how many days there were, and recurring how many events that recur.
	counted, recurring int
}

// add adds the days of an event.
func (h *holidays) add(event *ics.VEvent) error {
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
	if event.HasProperty(ics.ComponentPropertyRrule) {
		if h.recurring++; h.recurring > maxRecurring {
			return fmt.Errorf("the file has more than %d events that recur", maxRecurring)
		}
	}
	next, err := occurrences(event, start)
	if err != nil {
		return err
	}
	for at, ok := next(); ok; at, ok = next() {
		for n := range length {
			if h.counted++; h.counted > maxDays {
				return fmt.Errorf("the file has more than %d days", maxDays)
			}
			h.days[dayOf(at)-daysLater+day(n)] = true
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

// occurrences returns a function that returns the first days of an event, one after the other,
// each so many years [later].
func occurrences(event *ics.VEvent, start time.Time) (func() (time.Time, bool), error) {
	var set rrule.Set
	start = start.AddDate(later, 0, 0)
	set.DTStart(start)
	rules := event.GetProperties(ics.ComponentPropertyRrule)
	if len(rules) > 1 {
		return nil, errors.New("has several RRULE, may have one")
	}
	for _, r := range rules {
		rule, err := recurrence(r.Value, start)
		if err != nil {
			return nil, fmt.Errorf("RRULE is %.100q: %w", r.Value, err)
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
			add(date.AddDate(later, 0, 0))
		}
	}
	return nil
}

// recurrence reads a rule as one of an event that starts so many years [later].
func recurrence(text string, start time.Time) (*rrule.RRule, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("has %d characters, may have at most %d", len(text), maxRule)
	}
	option, err := rrule.StrToROption(text)
	if err != nil {
		return nil, err
	}
	if option.Freq > rrule.DAILY || len(option.Byhour)+len(option.Byminute)+len(option.Bysecond) > 0 {
		return nil, errors.New("must be YEARLY, MONTHLY, WEEKLY or DAILY, without times of the day")
	}
	if option.Interval > maxInterval {
		return nil, fmt.Errorf("INTERVAL must be at most %d", maxInterval)
	}
	if len(option.Byeaster) > 0 { // it does not come again after 400 years
		return nil, errors.New("BYEASTER is not supported")
	}
	if last := time.Date(lastYear, time.December, 31, 0, 0, 0, 0, time.UTC); option.Until.IsZero() || option.Until.After(last) {
		option.Until = last
	}
	option.Until, option.Dtstart = option.Until.AddDate(later, 0, 0), start
	return rrule.NewRRule(*option)
}
