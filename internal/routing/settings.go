package routing

import (
	"time"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/delivery"
	"alertd/internal/matcher"
)

// Settings are what the configuration says about who is told of what, and when not. The
// zero value tells each channel what its own filters let through.
type Settings struct {
	// Routes are tried in their order. The first that matches decides how events are grouped
	// and told; further ones, as far as those before say continue, add their channels.
	Routes []Route
	// DefaultChannels get what no route matches; nil: every channel does.
	DefaultChannels []string
	Promotions      []Promotion
	Inhibitions     []Inhibition
	Windows         []Window
	// Calendars are those that routes and windows name.
	Calendars map[string]*calendar.Calendar
	Storm     Storm
	Flapping  Flapping
}

// Route says how events that it matches are grouped and told.
type Route struct {
	Name string
	matcher.Condition
	// During is a calendar: the route matches only while it is open. Outside is one: only
	// while it is closed. At most one is not "".
	During, Outside string
	// Channels are told, as far as their own filters let it through; nil: those that get
	// what no route matches; empty: nobody.
	Channels []string
	// GroupBy is what makes events alike: source, category, message, dedup_key, or
	// context.NAME; nil: as without a route.
	GroupBy []string
	// GroupWait is how long an incident waits for more events before it is told. One that is
	// critical does not, unless GroupWaitCritical says so.
	GroupWait         time.Duration
	GroupWaitCritical bool
	// RepeatInterval is the time between two updates; 0: that of the alerting section.
	RepeatInterval time.Duration
	// ResolveAfter is after how long without an event an incident is over; 0: never.
	ResolveAfter time.Duration
	// RateLimit bounds the messages about openings, rises and growth. What is over is told
	// in a digest; critical incidents pass, unless RateLimitCritical says otherwise.
	RateLimit         delivery.Rate
	RateLimitCritical bool
	// Continue says that further routes are tried.
	Continue bool
}

// Promotion raises the severity of an incident whose events come often.
type Promotion struct {
	Name string
	matcher.Condition
	// Count events Within that time raise the severity to To, or, if that is none, by Up.
	Count  int
	Within time.Duration
	To     alerting.Severity
	Up     int
}

// Inhibition holds back incidents while another one is open.
type Inhibition struct {
	Name string
	// While is what an open incident must match to hold back, and Hold what it holds back.
	While, Hold matcher.Condition
	// Equal are members of the context, such as venue, that must be equal in both.
	Equal []string
}

// Window is a time at which incidents are held back again and again.
type Window struct {
	Name string
	matcher.Condition
	// During is a calendar.
	During string
	// AllowCritical says that critical incidents are held back, too.
	AllowCritical bool
}

// Storm says when there are so many events that only the worst are told by themselves.
type Storm struct {
	// Threshold is how many events a minute are a storm; 0: none are.
	Threshold int
	// Pass is the least severity that is told by itself during a storm.
	Pass alerting.Severity
	// DigestEvery is how often a channel gets a digest of the others meanwhile.
	DigestEvery time.Duration
}

// DefaultStorm has the defaults; the threshold is off.
func DefaultStorm() Storm {
	return Storm{Pass: alerting.SeverityCritical, DigestEvery: 5 * time.Minute}
}

// Flapping says when an incident counts as one that comes and goes.
type Flapping struct {
	// Count is how often it must open; 0: it never flaps. Within is the time in which, and
	// for how long it must stay as it is until it does not flap any more.
	Count  int
	Within time.Duration
}

// DefaultFlapping has the defaults; it is off.
func DefaultFlapping() Flapping { return Flapping{Within: 10 * time.Minute} }
