package calendar

import (
	"strings"

	"github.com/dustin/go-humanize/english"
)

// words describes a spec for people.
func (s Spec) words() string {
	var said strings.Builder
	if s.Name != "" {
		said.WriteString(s.Name + ": ")
	}
	if len(s.Hours) == 0 {
		said.WriteString("all day")
	}
	said.WriteString(strings.Join(s.Hours, ", "))
	for i, weekday := range s.Weekdays {
		said.WriteString([]string{" on ", ", "}[min(i, 1)] + strings.ToLower(weekday.String()[:3]))
	}
	said.WriteString(" in " + s.TimeZone)
	for _, list := range []struct {
		name string
		n    int
	}{{"date", len(s.Dates)}, {"holiday", len(s.Holidays)}, {"half day", len(s.HalfDays)}} {
		if list.n > 0 {
			said.WriteString(", " + english.Plural(list.n, list.name, ""))
		}
	}
	return said.String()
}
