package calendar

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"alertd/internal/alerting"
)

// checker reads the parts of a [Spec], and gathers what is wrong with them.
type checker struct {
	problems   []alerting.FieldError
	boundaries map[int]bool // minutes of a day at which hours begin or end
	overnight  bool         // some hours cross midnight
}

func (c *checker) problem(field, format string, args ...any) {
	c.problems = append(c.problems, alerting.FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) zone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	switch {
	case name == "":
		c.problem("time_zone", "is missing, must be a name such as Europe/Berlin or UTC")
	case err != nil || zone == time.Local:
		c.problem("time_zone", "%q is not a time zone of the IANA database, such as Europe/Berlin or UTC", name)
	}
	return zone
}

func (c *checker) weekdays(list []time.Weekday) (on [7]bool) {
	for i := range on {
		on[i] = len(list) == 0
	}
	for i, weekday := range list {
		if weekday < time.Sunday || weekday > time.Saturday {
			c.problem(fmt.Sprintf("weekdays[%d]", i), "must be a day from Sunday to Saturday")
			continue
		}
		on[weekday] = true
	}
	return on
}

func (c *checker) usual(list []string) []hours {
	if len(list) == 0 {
		return []hours{wholeDay}
	}
	var usual []hours
	for i, text := range list {
		usual = append(usual, c.hours(fmt.Sprintf("hours[%d]", i), text))
	}
	return usual
}

func (c *checker) hours(field, text string) hours {
	h, err := parseHours(text)
	if err != nil {
		c.problem(field, "%q %s", text, err)
	}
	c.boundaries[h.from], c.boundaries[(h.to-1)%dayLength+1] = true, true
	c.overnight = c.overnight || h.to > dayLength
	return h
}

func (c *checker) days(field string, list []string) map[day]bool {
	days := make(map[day]bool, len(list))
	for i, text := range list {
		if d, ok := c.day(fmt.Sprintf("%s[%d]", field, i), text); ok {
			days[d] = true
		}
	}
	return days
}

func (c *checker) day(field, text string) (day, bool) {
	d, err := parseDay(text)
	if err != nil {
		c.problem(field, "%q is not a day, such as 2026-12-24", text)
	}
	return d, err == nil
}

func (c *checker) halfDays(list map[string]string, holidays map[day]bool) map[day][]hours {
	days := make(map[day][]hours, len(list))
	for _, text := range slices.Sorted(maps.Keys(list)) {
		field := "half_days." + text
		d, ok := c.day(field, text)
		if ok && holidays[d] {
			c.problem(field, "is a holiday too, must be one of them")
		}
		days[d] = []hours{c.hours(field, list[text])}
	}
	return days
}
