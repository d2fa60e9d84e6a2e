package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/matcher"
)

// Rules are settings, compiled. They do not change, and are safe for concurrent use.
type Rules struct {
	settings Settings
	policies []delivery.Policy // by name
	repeat   time.Duration
	identify []string
	limited  bool // there is a rate limit
	quiet    bool // there is a resolve_after

	routes     ruleSet
	promotions ruleSet
	windows    ruleSet
	whiles     ruleSet // of inhibitions
	held       ruleSet
	keys       []string // of inhibitions: see inhibitionKey
}

// ruleSet finds the rules of a list that match.
type ruleSet struct {
	index *matcher.Index
	size  int
}

func newRuleSet[T any](rules []T, key string, condition func(T) matcher.Condition) (ruleSet, error) {
	matchers := make([]*matcher.Matcher, len(rules))
	for n, rule := range rules {
		var err error
		if matchers[n], err = condition(rule).Compile(); err != nil {
			return ruleSet{}, fmt.Errorf("%s[%d]: %w", key, n, err)
		}
	}
	return ruleSet{matcher.NewIndex(matchers), len(rules)}, nil
}

// matching returns the positions of the rules that match, in their order.
func (s ruleSet) matching(of *matcher.Subject) []int {
	if s.size == 0 {
		return nil
	}
	return s.index.Match(of, nil)
}

// Compile returns the rules of settings. policies are the channels', repeat is the time
// between two updates where no route says another, and identify names the members of a
// context that say what an event is about. The error says which rule cannot be compiled.
func Compile(s Settings, policies []delivery.Policy, repeat time.Duration, identify []string) (*Rules, error) {
	r := &Rules{settings: s, policies: slices.Clone(policies), repeat: repeat, identify: identify}
	slices.SortFunc(r.policies, func(a, b delivery.Policy) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range policies {
		r.limited = r.limited || p.RateLimit.Count > 0
	}
	for _, route := range s.Routes {
		r.limited = r.limited || route.RateLimit.Count > 0
		r.quiet = r.quiet || route.ResolveAfter > 0
		for _, name := range []string{route.During, route.Outside} {
			if name != "" && s.Calendars[name] == nil {
				return nil, fmt.Errorf("route %s: there is no calendar named %q", route.Name, name)
			}
		}
	}
	for _, w := range s.Windows {
		if s.Calendars[w.During] == nil {
			return nil, fmt.Errorf("window %s: there is no calendar named %q", w.Name, w.During)
		}
	}
	for _, i := range s.Inhibitions {
		r.keys = append(r.keys, inhibitionKey(i))
	}
	var errs [5]error
	r.routes, errs[0] = newRuleSet(s.Routes, "routes", func(r Route) matcher.Condition { return r.Condition })
	r.promotions, errs[1] = newRuleSet(s.Promotions, "promotions", func(p Promotion) matcher.Condition { return p.Condition })
	r.windows, errs[2] = newRuleSet(s.Windows, "windows", func(w Window) matcher.Condition { return w.Condition })
	r.whiles, errs[3] = newRuleSet(s.Inhibitions, "inhibitions", func(i Inhibition) matcher.Condition { return i.While })
	r.held, errs[4] = newRuleSet(s.Inhibitions, "inhibitions", func(i Inhibition) matcher.Condition { return i.Hold })
	return r, cmp.Or(errs[:]...)
}

// Limited reports whether a rate is limited, so that buckets are needed.
func (r *Rules) Limited() bool { return r.limited }

// EndsQuiet reports whether an incident may be over because it is quiet.
func (r *Rules) EndsQuiet() bool { return r.quiet }

// Storm returns the settings of storms.
func (r *Rules) Storm() Storm { return r.settings.Storm }

// Flapping returns the settings of flapping.
func (r *Rules) Flapping() Flapping { return r.settings.Flapping }

// SubjectOf returns what matchers see of an event.
func SubjectOf(e *alerting.Event) *matcher.Subject {
	return &matcher.Subject{
		Severity: e.Severity(), Category: e.Category(), Source: e.Source(), Message: e.Message(), Context: matcher.Members(e.Context()),
	}
}

// SubjectAbout returns what matchers see of an incident. last is its latest event, nil if
// that is no longer kept; then it has no context.
func SubjectAbout(i *incident.Incident, last *alerting.Event) *matcher.Subject {
	s := &matcher.Subject{Severity: i.Severity, Category: i.Category, Source: i.Source, Message: i.Message}
	if last != nil {
		s.Context = matcher.Members(last.Context())
	}
	return s
}

// Path is where something goes: the routes that match it, in their order. It is empty if
// none does.
type Path []*Route

// Name returns the name of the route that decides, "" if none matches.
func (p Path) Name() string {
	if len(p) == 0 {
		return ""
	}
	return p[0].Name
}

// PathOf returns where something goes at a time.
func (r *Rules) PathOf(s *matcher.Subject, now time.Time) (path Path) {
	if r.routes.size == 0 {
		return nil
	}
	for _, n := range r.routes.matching(s) {
		route := &r.settings.Routes[n]
		if !open(r.settings.Calendars[route.During], now, true) || open(r.settings.Calendars[route.Outside], now, false) {
			continue
		}
		if path = append(path, route); !route.Continue {
			break
		}
	}
	return path
}

// open reports whether a calendar is open; without one, otherwise.
func open(c *calendar.Calendar, now time.Time, otherwise bool) bool {
	if c == nil {
		return otherwise
	}
	return c.Contains(now)
}

// KeyOf returns what an event is folded by: by the route on which it went when it was
// received. What alertd raises itself is grouped by its dedup_key, whatever routes say.
func (r *Rules) KeyOf(e *alerting.Event) incident.Key {
	by := incident.GroupBy{IdentifyBy: r.identify}
	if r.routes.size > 0 && e.Source() != alerting.OwnSource {
		of := SubjectOf(e)
		if path := r.PathOf(of, e.ReceivedAt()); len(path) > 0 {
			by.Fields, by.Member = path[0].GroupBy, of.Context
		}
	}
	return incident.KeyOf(e, by)
}

// Terms returns how people are told of an incident at a time. What holds back, and the
// openings before, are left to the caller. What alertd raises itself is over when alertd
// says so, however quiet it is.
func (r *Rules) Terms(of *matcher.Subject, now time.Time) incident.Terms {
	path := r.PathOf(of, now)
	terms := incident.Terms{Repeat: r.repeat, FlapCount: r.settings.Flapping.Count, FlapWithin: r.settings.Flapping.Within}
	if len(path) > 0 {
		if path[0].RepeatInterval > 0 {
			terms.Repeat = path[0].RepeatInterval
		}
		if of.Source != alerting.OwnSource {
			terms.ResolveAfter = path[0].ResolveAfter
		}
	}
	return terms
}

// channels returns which channels a path leads to; nil: all.
func (r *Rules) channels(path Path) []string {
	if len(path) == 0 {
		return r.settings.DefaultChannels
	}
	channels := []string{}
	for _, route := range path {
		of := r.channelsOf(route)
		if of == nil {
			return nil
		}
		channels = append(channels, of...)
	}
	return channels
}

// channelsOf returns which channels a route leads to; nil: all.
func (r *Rules) channelsOf(route *Route) []string {
	if route.Channels == nil {
		return r.settings.DefaultChannels
	}
	return route.Channels
}
