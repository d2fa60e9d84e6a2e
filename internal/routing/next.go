package routing

import "time"

// Next is what will happen to an incident by itself, if no event comes, nobody acts, and
// nothing else changes until then.
type Next struct {
	At   time.Time
	Kind NextKind
	// Reason says in words what happens, and why.
	Reason string
	// Channel is the channel on which it happens; "": it happens to the incident itself.
	Channel string
}

// NextKind says what will happen.
type NextKind string

// The kinds.
const (
	// NextNotify: nothing holds back any more what there is to be told, so people are told.
	NextNotify NextKind = "notify"
	// NextUpdate: people are told how it has grown.
	NextUpdate NextKind = "update"
	// NextHeldBack: it is time to tell, and something holds that back.
	NextHeldBack NextKind = "held_back"
	// NextResolve: it is over, as it is quiet.
	NextResolve NextKind = "resolve"
	// NextSettle: it stops flapping.
	NextSettle NextKind = "flapping_ends"
	// NextAttempt: a message that waits is sent.
	NextAttempt NextKind = "attempt"
	// NextGiveUp: a message is given up if it is not delivered by then.
	NextGiveUp NextKind = "give_up"
	// NextDigest: it is told in a channel's digest.
	NextDigest NextKind = "digest"
)
