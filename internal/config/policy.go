package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

// readPolicy reads the keys that all kinds of channel share.
func readPolicy(t *table, name string) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Name = name
	t.bool("enabled", &p.Enabled)
	t.severity("min_severity", &p.MinSeverity)
	p.Categories = categories(t, "categories")
	t.strings("sources", &p.Sources)
	t.duration("timeout", time.Millisecond, 10*time.Minute, &p.Timeout)
	t.int("concurrency", 1000, &p.Concurrency)
	readRate(t, "rate_limit", &p.RateLimit)
	t.bool("rate_limit_critical", &p.RateLimitCritical)
	t.string("fallback", &p.Fallback)
	t.bool("resolved", &p.Resolved)
	retry := t.inner("retry")
	retry.duration("initial", time.Millisecond, 366*day, &p.Retry.Initial)
	retry.duration("max", time.Millisecond, 366*day, &p.Retry.Max)
	retry.duration("give_up_after", time.Millisecond, 366*day, &p.Retry.GiveUpAfter)
	retry.bool("jitter", &p.Retry.Jitter)
	if p.Retry.Max < p.Retry.Initial {
		if retry.given("max") {
			t.r.problem(join(retry.key, "max"), "%s is not allowed, must be at least initial, which is %s",
				FormatDuration(p.Retry.Max), FormatDuration(p.Retry.Initial))
		}
		p.Retry.Max = p.Retry.Initial
	}
	retry.done()
	return p
}

// given reports whether the file has a key.
func (t *table) given(name string) bool {
	_, ok := t.values[name]
	return ok
}

// rateUnits are the named units of time in a rate. A duration is allowed in their place.
// Of several names the first is shown.
var rateUnits = [...]struct {
	name string
	per  time.Duration
}{
	{"s", time.Second},
	{"sec", time.Second},
	{"second", time.Second},
	{"min", time.Minute},
	{"m", time.Minute},
	{"minute", time.Minute},
	{"h", time.Hour},
	{"hour", time.Hour},
}

// readRate reads a rate such as 60/min, 1/s or 10/30s. "" means no limit.
func readRate(t *table, name string, into *delivery.Rate) {
	var text string
	t.string(name, &text)
	if text == "" {
		return
	}
	count, unit, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	per := ratePer(strings.TrimSpace(unit))
	if err != nil || n < 1 || n > 1_000_000 || per <= 0 {
		t.problem(name, text, "a number and a time, such as 60/min, 1/s, 1000/h or 10/30s")
		return
	}
	*into = delivery.Rate{Count: n, Per: per}
}

// formatRate writes a rate in a form that readRate reads.
func formatRate(r delivery.Rate) string {
	if r == (delivery.Rate{}) {
		return ""
	}
	unit := FormatDuration(r.Per)
	for _, known := range slices.Backward(rateUnits[:]) {
		if known.per == r.Per {
			unit = known.name
		}
	}
	return strconv.Itoa(r.Count) + "/" + unit
}

// ratePer returns the time unit of a rate, or 0 if it is invalid.
func ratePer(unit string) time.Duration {
	for _, known := range rateUnits {
		if known.name == unit {
			return known.per
		}
	}
	per, err := alerting.ParseDuration(unit)
	if err != nil || per > 24*time.Hour {
		return 0
	}
	return per
}

// categoryNames are those that a category may have.
func categoryNames() []string {
	var names []string
	for _, category := range alerting.Categories() {
		names = append(names, category.String())
	}
	return names
}

func categories(t *table, name string) []alerting.Category {
	var names []string
	t.strings(name, &names)
	var categories []alerting.Category
	for i, text := range names {
		category, err := alerting.ParseCategory(text)
		if err != nil {
			key := element(join(t.key, name), i)
			t.r.problem(key, "%s is not one of %s", t.show(key, text), strings.Join(categoryNames(), ", "))
			continue
		}
		categories = append(categories, category)
	}
	return categories
}

// checkFallbacks reports an enabled channel whose fallback is not an enabled channel, or
// whose chain of fallbacks is a loop.
func (r *reader) checkFallbacks(key string, channels []Channel) {
	byName := make(map[string]delivery.Policy, len(channels))
	var names []string
	for _, c := range channels {
		byName[c.Policy.Name] = c.Policy
		names = append(names, c.Policy.Name)
	}
	for _, c := range channels {
		p := c.Policy
		if p.Fallback == "" || !p.Enabled {
			continue
		}
		at := join(join(key, p.Name), "fallback")
		next, ok := byName[p.Fallback]
		shown := strconv.Quote(p.Fallback)
		if r.origins[at].env {
			shown = notShown
		}
		switch {
		case !ok:
			r.problem(at, "%s is not a channel%s", shown, suggestion(p.Fallback, names))
		case !next.Enabled:
			r.problem(at, "channel %s is off, must be one with enabled = true", p.Fallback)
		default:
			if chain := loop(p, byName); chain != "" {
				r.problem(at, "%s: a chain of fallbacks must have an end", chain)
			}
		}
	}
}

// loop returns the chain of fallbacks from a channel back to itself, or "" if the chain
// ends.
func loop(first delivery.Policy, byName map[string]delivery.Policy) string {
	chain := []string{first.Name}
	for next := first.Fallback; next != ""; next = byName[next].Fallback {
		if next == first.Name {
			return strings.Join(append(chain, next), " -> ")
		}
		if slices.Contains(chain, next) {
			return "" // reported for that channel
		}
		chain = append(chain, next)
	}
	return ""
}
