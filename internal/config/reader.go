package config

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/dustin/go-humanize"

	"alertd/internal/alerting"
)

// reader collects problems while the sections are read.
type reader struct {
	problems Problems
	// origins are those of strings with references, by key.
	origins map[string]origin
}

// problem reports a problem with a key. It does nothing if the key has a reference that
// could not be replaced, as its value is then unknown.
func (r *reader) problem(key, format string, args ...any) {
	o := r.origins[key]
	if o.broken {
		return
	}
	message := fmt.Sprintf(format, args...)
	if o.surrounding != "" {
		message += "; the value has " + o.surrounding + " around it"
	}
	r.problems = append(r.problems, Problem{Key: key, Message: message})
}

func (r *reader) sorted() Problems {
	slices.SortStableFunc(r.problems, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return slices.Compact(r.problems)
}

// table is one table of the file, read key by key.
type table struct {
	r      *reader
	key    string
	values map[string]any
	known  []string
	// private says that values from the environment are secrets in this table and in
	// every table below it.
	private bool
}

// table returns the table under a name of its parent. It is empty if there is none.
func (r *reader) table(parent map[string]any, key, name string) *table {
	t := &table{r: r, key: join(key, name)}
	switch value := parent[name].(type) {
	case nil:
	case map[string]any:
		t.values = value
	default:
		r.problem(t.key, "is %s, must be a table", kindOf(value))
	}
	return t
}

// inner returns the table under a name of this one and marks the name as known. It is
// empty if there is none.
func (t *table) inner(name string) *table {
	t.known = append(t.known, name)
	inner := t.r.table(t.values, t.key, name)
	inner.private = t.private
	return inner
}

// quote returns a key's value as a problem may show it, which hides secrets.
func (t *table) quote(name string, value any) string {
	if secretKey(name) {
		return notShown
	}
	return t.show(join(t.key, name), value)
}

// notShown takes the place of a value that may be a secret.
const notShown = "the value (not shown)"

func (t *table) show(key string, value any) string {
	if t.private && t.r.origins[key].env {
		return notShown
	}
	switch value := value.(type) {
	case string:
		return strconv.Quote(value)
	case []any:
		shown := make([]string, 0, len(value))
		for i, inner := range value {
			shown = append(shown, t.show(element(key, i), inner))
		}
		return "[" + strings.Join(shown, ", ") + "]"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprint(value)
	}
}

func (t *table) problem(name string, value any, allowed string) {
	t.r.problem(join(t.key, name), "%s is not allowed, must be %s", t.quote(name, value), allowed)
}

// take returns a key's value and marks the key as known.
func (t *table) take(name string) (any, bool) {
	t.known = append(t.known, name)
	value, ok := t.values[name]
	return value, ok
}

// whole reports whether a string is one reference and nothing else, so that it
// may stand for a number or a boolean.
func (t *table) whole(name string) bool { return t.r.origins[join(t.key, name)].whole }

func (t *table) string(name string, into *string) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	if text, ok := value.(string); ok {
		*into = text
		return
	}
	t.problem(name, value, "a string")
}

func (t *table) bool(name string, into *bool) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	switch value := value.(type) {
	case bool:
		*into = value
		return
	case string:
		if t.whole(name) && (value == "true" || value == "false") {
			*into = value == "true"
			t.values[name] = *into
			return
		}
	}
	t.problem(name, value, "true or false")
}

// int reads a whole number from 1 to most.
func (t *table) int(name string, most int64, into *int) { t.intFrom(name, 1, most, into) }

// intFrom reads a whole number from least to most.
func (t *table) intFrom(name string, least, most int64, into *int) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	number, isNumber := value.(int64)
	if text, isText := value.(string); isText && t.whole(name) {
		parsed, err := strconv.ParseInt(text, 10, 64)
		number, isNumber = parsed, err == nil
	}
	if !isNumber || number < least || number > most {
		t.problem(name, value, fmt.Sprintf("a whole number from %d to %d", least, most))
		return
	}
	*into = int(number)
	t.values[name] = number
}

// duration reads a duration such as 500ms, 30s, 15m, 8h or 90d.
func (t *table) duration(name string, least, most time.Duration, into *time.Duration) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	text, _ := value.(string)
	d, err := alerting.ParseDuration(text)
	if err != nil || d < least || d > most {
		t.problem(name, value, fmt.Sprintf("a duration from %s to %s such as 500ms, 30s, 15m, 8h or 90d", FormatDuration(least), FormatDuration(most)))
		return
	}
	*into = d
}

// size reads a size such as 64KiB or 8MiB. It refuses a comma, which the parser ignores:
// 1,5MiB would be 15 MiB.
func (t *table) size(name string, least, most int64, into *int64) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	text, _ := value.(string)
	n, err := humanize.ParseBytes(text)
	if err != nil || strings.Contains(text, ",") || n > math.MaxInt64 || int64(n) < least || int64(n) > most {
		t.problem(name, value, fmt.Sprintf("a size from %s to %s such as 64KiB or 8MiB", formatSize(least), formatSize(most)))
		return
	}
	*into = int64(n)
}

func (t *table) strings(name string, into *[]string) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	list, isList := value.([]any)
	var texts []string // nil if the list is empty, as if there were none
	for _, inner := range list {
		text, isText := inner.(string)
		isList = isList && isText
		texts = append(texts, text)
	}
	if !isList {
		t.problem(name, value, "a list of strings")
		return
	}
	*into = texts
}

// done reports the unknown keys.
func (t *table) done() {
	for _, name := range slices.Sorted(maps.Keys(t.values)) {
		if !slices.Contains(t.known, name) {
			t.r.problem(join(t.key, name), "is not a known key%s", suggestion(name, t.known))
		}
	}
}

// suggestion names the nearest of the known names, or all of them if none is near.
func suggestion(name string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	best, distance := "", len(name)/2+2
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return fmt.Sprintf(", did you mean %s?", best)
	}
	return ", must be one of " + strings.Join(slices.Sorted(slices.Values(known)), ", ")
}

// kindOf names the type of a value that is not a table.
func kindOf(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	default:
		return "a single value"
	}
}

const day = 24 * time.Hour

// FormatDuration writes a duration in a form that [alerting.ParseDuration] reads.
func FormatDuration(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if d%unit.size == 0 {
			return strconv.FormatInt(int64(d/unit.size), 10) + unit.name
		}
	}
	return d.String()
}

func formatSize(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
