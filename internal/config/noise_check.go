package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"alertd/internal/matcher"
	"alertd/internal/routing"
)

// checkNoise reports names of channels and calendars that are nobody's, and inhibitions in a
// circle. It warns of routes and channels that are of no use. It needs the channels.
func (c *Config) checkNoise(alerting *table) {
	t := &table{r: alerting.r, key: alerting.key, private: true}
	at := func(list string, i int) string { return element(join(t.key, list), i) }
	c.checkChannels(t, join(t.key, "default_channels"), c.Noise.DefaultChannels)
	for i, route := range c.Noise.Routes {
		c.checkChannels(t, join(at("routes", i), "channels"), route.Channels)
		c.checkCalendar(t, join(at("routes", i), "during"), route.During)
		c.checkCalendar(t, join(at("routes", i), "outside"), route.Outside)
	}
	for i, window := range c.Noise.Windows {
		c.checkCalendar(t, join(at("windows", i), "during"), window.During)
	}
	if circle := circleOf(c.Noise.Inhibitions); circle != nil {
		var names strings.Builder
		for _, i := range circle {
			names.WriteString(c.Noise.Inhibitions[i].Name + " -> ")
		}
		first := circle[0]
		t.r.problem(at("inhibitions", first), "%s%s: each of these inhibitions holds back what the next one needs to be open, so that none of them would hold back anything",
			&names, c.Noise.Inhibitions[first].Name)
	}
	c.warnOfRoutes(at)
}

func (c *Config) checkChannels(t *table, key string, names []string) {
	var known []string
	for _, channel := range c.Channels {
		known = append(known, channel.Policy.Name)
	}
	for i, name := range names {
		key := element(key, i)
		switch shown := t.show(key, name); {
		case !slices.Contains(known, name):
			t.r.problem(key, "%s is not a channel%s", shown, suggestion(name, known))
		case slices.Contains(names[:i], name):
			t.r.problem(key, "%s is there twice", shown)
		case c.Alerting.Enabled && !c.ChannelEnabled(name):
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: channel %s is off and gets nothing", key, shown))
		}
	}
}

func (c *Config) checkCalendar(t *table, key, name string) {
	if _, ok := c.Noise.Calendars[name]; name != "" && !ok {
		t.r.problem(key, "%s is not a calendar%s", t.show(key, name), suggestion(name, slices.Sorted(maps.Keys(c.Noise.Calendars))))
	}
}

// matchers compiles conditions. ok is false if one is wrong, which is reported already.
func matchers[T any](rules []T, condition func(T) matcher.Condition) (compiled []*matcher.Matcher, ok bool) {
	for _, rule := range rules {
		m, err := condition(rule).Compile()
		if err != nil {
			return nil, false
		}
		compiled = append(compiled, m)
	}
	return compiled, true
}

// circleOf returns inhibitions in a circle: each certainly holds back what the next one needs
// to be open, and the last one what the first one needs; nil: none is found. One that holds back what
// it needs itself is no circle: no incident holds back itself.
func circleOf(inhibitions []routing.Inhibition) []int {
	whiles, okWhiles := matchers(inhibitions, func(i routing.Inhibition) matcher.Condition { return i.While })
	holds, okHolds := matchers(inhibitions, func(i routing.Inhibition) matcher.Condition { return i.Hold })
	if !okWhiles || !okHolds {
		return nil
	}
	done := make([]bool, len(inhibitions))
	var path []int
	var follow func(i int) []int
	follow = func(i int) []int {
		if at := slices.Index(path, i); at >= 0 {
			return slices.Clone(path[at:])
		}
		if done[i] {
			return nil
		}
		done[i] = true
		path = append(path, i)
		for next, while := range whiles {
			if next != i && holds[i].Covers(while) {
				if circle := follow(next); circle != nil {
					return circle
				}
			}
		}
		path = path[:len(path)-1]
		return nil
	}
	for i := range inhibitions {
		if circle := follow(i); circle != nil {
			return circle
		}
	}
	return nil
}

// warnOfRoutes warns of routes that certainly are never reached.
func (c *Config) warnOfRoutes(at func(list string, i int) string) {
	routes := c.Noise.Routes
	compiled, ok := matchers(routes, func(r routing.Route) matcher.Condition { return r.Condition })
	if !ok {
		return
	}
	for later := range routes {
		for earlier, r := range routes[:later] {
			if !r.Continue && r.During == "" && r.Outside == "" && compiled[earlier].Covers(compiled[later]) {
				c.Warnings = append(c.Warnings, fmt.Sprintf("%s: is never reached, as route %s takes all that it matches and does not continue", at("routes", later), r.Name))
				break
			}
		}
	}
}
