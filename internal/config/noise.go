package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/delivery"
	"alertd/internal/routing"
	"alertd/internal/template"
)

// noiseSettings are the keys of the alerting section that say who is told of what, and when
// not.
func (c *Config) noiseSettings() []setting {
	n := &c.Noise
	return []setting{
		c.defaultChannels("default_channels"),
		c.routes("routes"),
		entries("promotions", &n.Promotions, readPromotion, showPromotion),
		entries("inhibitions", &n.Inhibitions, readInhibition, showInhibition),
		c.calendarSetting("calendars"),
		entries("windows", &n.Windows, readWindow, showWindow),
		perMinute("storm.threshold", &n.Storm.Threshold),
		severity("storm.pass", &n.Storm.Pass),
		duration("storm.digest_every", 10*time.Second, day, &n.Storm.DigestEvery),
		flapCount("flapping.count", &n.Flapping.Count),
		duration("flapping.within", time.Minute, 7*day, &n.Flapping.Within),
	}
}

// channelNames reads the names of channels: nil if the key is not there.
func (t *table) channelNames(name string) []string {
	var names []string
	if t.strings(name, &names); names == nil && t.given(name) {
		return []string{}
	}
	return names
}

// defaultChannels is a setting: who is told of what no route matches. Where the file does
// not say it, the channels that are on are shown.
func (c *Config) defaultChannels(name string) setting {
	at := &c.Noise.DefaultChannels
	read := func(t *table, name string) { *at = t.channelNames(name) }
	show := func() any {
		if *at != nil {
			return anys(*at)
		}
		on := []any{}
		for _, channel := range c.Channels {
			if channel.Policy.Enabled {
				on = append(on, channel.Policy.Name)
			}
		}
		return on
	}
	return setting{name: name, private: true, value: at, read: read, show: show}
}

// routes is a setting: the routes with their templates.
func (c *Config) routes(name string) setting {
	s := entries(name, &c.Noise.Routes, func(t *table, name string) routing.Route {
		if spec := readTemplate(t); spec != (template.Spec{}) {
			if c.RouteTemplates == nil {
				c.RouteTemplates = map[string]template.Spec{}
			}
			c.RouteTemplates[name] = spec
		}
		return readRoute(t, name)
	}, func(r routing.Route) map[string]any {
		shown := showRoute(r)
		if spec, ok := c.RouteTemplates[r.Name]; ok {
			shown["template"] = map[string]any{"title": spec.Title, "body": spec.Body}
		}
		return shown
	})
	s.value = []any{&c.Noise.Routes, &c.RouteTemplates}
	return s
}

func readRoute(t *table, name string) routing.Route {
	r := routing.Route{Name: name, Condition: t.condition(), Channels: t.channelNames("channels"), GroupBy: t.groupBy("group_by")}
	t.string("during", &r.During)
	if t.string("outside", &r.Outside); t.given("during") && t.given("outside") {
		t.r.problem(t.key, "has during and outside, must have one of them")
	}
	t.duration("group_wait", 0, day, &r.GroupWait)
	t.bool("group_wait_critical", &r.GroupWaitCritical)
	t.duration("repeat_interval", time.Second, 366*day, &r.RepeatInterval)
	t.duration("resolve_after", 0, 366*day, &r.ResolveAfter)
	readRate(t, "rate_limit", &r.RateLimit)
	t.bool("rate_limit_critical", &r.RateLimitCritical)
	t.bool("continue", &r.Continue)
	if _, given := t.take("escalation"); given {
		t.r.problem(join(t.key, "escalation"), "is not allowed, alertd has no escalation policies yet")
	}
	return r
}

// groupBy reads what makes events alike.
func (t *table) groupBy(name string) (fields []string) {
	t.strings(name, &fields)
	if len(fields) > maxIdentifyBy {
		t.r.problem(join(t.key, name), "has %d names, must have at most %d", len(fields), maxIdentifyBy)
	}
	for i, field := range fields {
		key := element(join(t.key, name), i)
		switch member, isMember := strings.CutPrefix(field, "context."); {
		case slices.Contains(fields[:i], field):
			t.r.problem(key, "%s is there twice", t.show(key, field))
		case isMember && member != "" && len(member) <= maxIdentifyByName, slices.Contains([]string{"source", "category", "message", "dedup_key"}, field):
		default:
			t.r.problem(key, "%s is not allowed, must be source, category, message, dedup_key, or a member of the context such as context.position", t.show(key, field))
		}
	}
	return fields
}

func showRoute(r routing.Route) map[string]any {
	shown := showCondition(map[string]any{"name": r.Name, "continue": r.Continue}, r.Condition)
	if r.Channels != nil {
		shown["channels"] = anys(r.Channels)
	}
	if len(r.GroupBy) > 0 {
		shown["group_by"] = anys(r.GroupBy)
	}
	for key, text := range map[string]string{"during": r.During, "outside": r.Outside, "rate_limit": formatRate(r.RateLimit)} {
		if text != "" {
			shown[key] = text
		}
	}
	for key, d := range map[string]time.Duration{"group_wait": r.GroupWait, "repeat_interval": r.RepeatInterval, "resolve_after": r.ResolveAfter} {
		if d != 0 {
			shown[key] = FormatDuration(d)
		}
	}
	for key, flag := range map[string]bool{"group_wait_critical": r.GroupWaitCritical, "rate_limit_critical": r.RateLimitCritical} {
		if flag {
			shown[key] = true
		}
	}
	return shown
}

func readPromotion(t *table, name string) routing.Promotion {
	p := routing.Promotion{Name: name, Condition: t.condition()}
	t.intFrom("count", 1, 1000, &p.Count)
	t.needs("count", "how many events raise the severity")
	t.duration("within", time.Second, 366*day, &p.Within)
	t.needs("within", "the time in which so many events raise the severity, such as 15m")
	t.severity("to", &p.To)
	if t.intFrom("up", 1, 4, &p.Up); t.given("to") == t.given("up") {
		t.r.problem(t.key, "must have one of to, the severity that it raises to, and up, by how many it raises")
	}
	return p
}

func showPromotion(p routing.Promotion) map[string]any {
	shown := showCondition(map[string]any{"name": p.Name, "count": p.Count, "within": FormatDuration(p.Within)}, p.Condition)
	if p.Up > 0 {
		shown["up"] = p.Up
	} else {
		shown["to"] = p.To.String()
	}
	return shown
}

func readInhibition(t *table, name string) routing.Inhibition {
	i := routing.Inhibition{Name: name, While: t.conditionIn("while"), Hold: t.conditionIn("hold")}
	const while = `what an open incident has that holds back others, such as { source = ["kill_switch"] }`
	t.needs("while", while)
	if given, is := t.values["while"].(map[string]any); is && len(given) == 0 { // any would silence all others
		t.r.problem(join(t.key, "while"), "is empty, must be %s", while)
	}
	t.needs("hold", `what is held back, such as { category = ["execution_error"] }`)
	t.strings("equal", &i.Equal)
	t.each("equal", i.Equal, func(member string) string {
		if name, ok := strings.CutPrefix(member, "context."); !ok || name == "" {
			return "a member of the context, such as context.venue"
		}
		return ""
	})
	for n, member := range i.Equal {
		i.Equal[n] = strings.TrimPrefix(member, "context.")
	}
	return i
}

func showInhibition(i routing.Inhibition) map[string]any {
	shown := map[string]any{"name": i.Name, "while": showConditionIn(i.While), "hold": showConditionIn(i.Hold)}
	var equal []any
	for _, member := range i.Equal {
		equal = append(equal, "context."+member)
	}
	if equal != nil {
		shown["equal"] = equal
	}
	return shown
}

func readWindow(t *table, name string) routing.Window {
	w := routing.Window{Name: name, Condition: t.condition()}
	if t.string("during", &w.During); w.During == "" && !t.r.reported(join(t.key, "during")) {
		t.r.problem(join(t.key, "during"), "is missing or empty, must be the name of a calendar")
	}
	t.bool("allow_critical", &w.AllowCritical)
	return w
}

func showWindow(w routing.Window) map[string]any {
	return showCondition(map[string]any{"name": w.Name, "during": w.During, "allow_critical": w.AllowCritical}, w.Condition)
}

// perMinute is a setting: a rate, as a number a minute. "" means none.
func perMinute(name string, at *int) setting {
	read := func(t *table, name string) {
		var rate delivery.Rate
		readRate(t, name, &rate)
		if rate.Count == 0 {
			return
		}
		if *at = int(int64(rate.Count) * int64(time.Minute) / int64(rate.Per)); *at == 0 {
			t.problem(name, t.values[name], "at least 1/min")
		}
	}
	show := func() any {
		if *at == 0 {
			return ""
		}
		return fmt.Sprintf("%d/min", *at)
	}
	return setting{name: name, value: at, read: read, show: show}
}

// flapCount is a setting: how often an incident opens until it flaps. To open once is not
// to flap.
func flapCount(name string, at *int) setting {
	s := whole(name, 0, 1000, at)
	s.read = func(t *table, name string) {
		if t.intFrom(name, 0, 1000, at); *at == 1 {
			t.problem(name, 1, "0 or from 2 to 1000")
		}
	}
	return s
}
