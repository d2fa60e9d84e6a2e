package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alertd/internal/config"
	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// rulesOf says who is told of what, and when not, each rule on a line. Conditions that were
// checked compile.
func rulesOf(s routing.Settings) (lines []string) {
	say := func(what, format string, args ...any) {
		lines = append(lines, fmt.Sprintf("%-13s "+format, append([]any{what}, args...)...))
	}
	words := func(c matcher.Condition) string {
		m, err := c.Compile()
		if err != nil {
			return err.Error()
		}
		return m.String()
	}
	to := func(channels []string, otherwise string) string {
		switch {
		case channels == nil:
			return otherwise
		case len(channels) == 0:
			return "nobody"
		}
		return strings.Join(channels, ", ")
	}
	for _, r := range s.Routes {
		when := ""
		if r.During != "" {
			when = ", during " + r.During
		} else if r.Outside != "" {
			when = ", outside " + r.Outside
		}
		say("route", "%s: %s%s, to %s", r.Name, words(r.Condition), when, to(r.Channels, "the channels of no route"))
	}
	if len(s.Routes) > 0 || s.DefaultChannels != nil {
		say("no route", "what no route matches goes to %s", to(s.DefaultChannels, "every channel that is on"))
	}
	for _, p := range s.Promotions {
		raises := "by " + strconv.Itoa(p.Up)
		if p.To != 0 {
			raises = "to " + p.To.String()
		}
		say("promotion", "%s: %d within %s raise %s, %s", p.Name, p.Count, config.FormatDuration(p.Within), raises, words(p.Condition))
	}
	for _, i := range s.Inhibitions {
		equal := ""
		if len(i.Equal) > 0 {
			equal = ", with equal context." + strings.Join(i.Equal, ", context.")
		}
		say("inhibition", "%s: %s; while there is: %s%s", i.Name, words(i.Hold), words(i.While), equal)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Calendars)) {
		say("calendar", "%s", s.Calendars[name])
	}
	for _, w := range s.Windows {
		say("window", "%s: %s, during %s", w.Name, words(w.Condition), w.During)
	}
	return lines
}
