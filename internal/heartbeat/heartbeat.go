package heartbeat

import (
	"time"

	"alertd/internal/alerting"
)

// Spec says when a component is to be heard of.
type Spec struct {
	// Name is unique. It is part of paths and of the dedup_key of alerts.
	Name string
	// Every is the time between two pings, and Grace how much later one may come.
	Every, Grace time.Duration
	// Severity and Category are those of its alerts.
	Severity alerting.Severity
	Category alerting.Category
}

// NewSpec returns a spec with the defaults: half of every as grace, severity critical and
// category system_health.
func NewSpec(name string, every time.Duration) Spec {
	return Spec{
		Name: name, Every: every, Grace: every / 2,
		Severity: alerting.SeverityCritical, Category: alerting.CategorySystemHealth,
	}
}

// patience is how long after a ping the component is missed.
func (s Spec) patience() time.Duration { return s.Every + s.Grace }

// Status is how a component does. It is kept in states and shown to people.
type Status string

// The statuses.
const (
	// Waiting: alertd knows of it, and has not heard of it yet.
	Waiting Status = "waiting"
	// Alive: it pings in time.
	Alive Status = "alive"
	// Failing: it pings in time, and says that it does not work.
	Failing Status = "failing"
	// Missed: it has not pinged in time.
	Missed Status = "missed"
)

// MaxMessageLength is the longest message of a ping, in characters.
const MaxMessageLength = 4096

// Ping is what a component says of itself. The zero value says that all is well.
type Ping struct {
	Failing bool
	// Message is for people, at most [MaxMessageLength] characters; may be empty.
	Message string
}

// State is what is remembered of a component. It is kept as JSON. The zero value is that of
// a component that alertd does not know yet.
type State struct {
	Status Status `json:"status"`
	// Since is when alertd first knew of it.
	Since time.Time `json:"since"`
	// LastSeen is when it pinged last; zero: never.
	LastSeen time.Time `json:"last_seen,omitzero"`
	// From is when its time began to run: when alertd knew of it, heard of it, or came back.
	From time.Time `json:"from"`
	// DueAt is when it is missed unless it pings before, or when it was: From and the time
	// that its spec gives it.
	DueAt time.Time `json:"due_at"`
	// Message is that of its last ping.
	Message string `json:"message,omitzero"`
	// Pings counts its pings, which tells one miss from the next whatever the clock does.
	Pings uint64 `json:"pings"`
}

// known returns the state of a component that alertd knows.
func (s State) known(now time.Time) State {
	if s.Status == "" {
		s.Status, s.Since = Waiting, now
	}
	return s
}

// Ping notes a ping. It returns the alert that the component begins to fail, or the one
// that resolves what was told of it, if there is any.
func (s State) Ping(spec Spec, ping Ping, now time.Time) (State, []alerting.Alert) {
	before := s.known(now)
	s = before
	s.Status, s.LastSeen, s.Message = Alive, now, ping.Message
	s.Pings++
	s = s.from(spec, now)
	switch {
	case ping.Failing && before.Status != Failing:
		s.Status = Failing
		return s, []alerting.Alert{spec.failing(before, ping.Message, now)}
	case ping.Failing:
		s.Status = Failing
	case before.accused():
		return s, []alerting.Alert{spec.recovered(before, now)}
	}
	return s, nil
}

// accused reports whether people were told that something is wrong.
func (s State) accused() bool { return s.Status == Missed || s.Status == Failing }

// Check looks whether the component is missed by now, and returns the alert if it has just
// become so. It also takes over a spec that has changed.
func (s State) Check(spec Spec, now time.Time) (State, []alerting.Alert) {
	if s.Status == "" {
		return s.Resume(spec, now), nil
	}
	if s.Status == Missed {
		return s, nil
	}
	if clockStepped, specChanged := s.From.After(now), !s.DueAt.Equal(s.From.Add(spec.patience())); clockStepped || specChanged {
		s = s.from(spec, now)
	}
	if now.Before(s.DueAt) {
		return s, nil
	}
	alert := spec.missed(s, now)
	s.Status = Missed
	return s, []alerting.Alert{alert}
}

// from has the component's time run from now.
func (s State) from(spec Spec, now time.Time) State {
	s.From, s.DueAt = now, now.Add(spec.patience())
	return s
}

// Resume gives the component all its time again: alertd was away, and could not hear it.
func (s State) Resume(spec Spec, now time.Time) State {
	s = s.known(now)
	if s.Status == Missed {
		return s
	}
	return s.from(spec, now)
}

// Remove returns the alert that resolves what was told of a component that is not to be
// heard of any more, if there is any.
func (s State) Remove(name string, now time.Time) []alerting.Alert {
	if !s.accused() {
		return nil
	}
	return []alerting.Alert{NewSpec(name, 0).removed(s, now)}
}
