package routing

import "time"

// RecipientState says what a recipient knows of an incident.
type RecipientState string

// The states.
const (
	// RecipientTold: it was told of the latest news that was for it.
	RecipientTold RecipientState = "told"
	// RecipientWaits: a message to it waits, or is being sent.
	RecipientWaits RecipientState = "waiting"
	// RecipientFailed: the last message to it has failed.
	RecipientFailed RecipientState = "failed"
	// RecipientSuperseded: a message to it became void before it was sent.
	RecipientSuperseded RecipientState = "superseded"
	// RecipientHeldBack: something holds back what it is to be told.
	RecipientHeldBack RecipientState = "held_back"
	// RecipientInDigest: it is told in the channel's next digest.
	RecipientInDigest RecipientState = "digest"
	// RecipientNotAsked: nothing of the incident was, or is, for it.
	RecipientNotAsked RecipientState = "not_asked"
)

// Recipient is a target of a channel, with what it knows of an incident.
type Recipient struct {
	// Target is the address on the channel; "" for a channel without addresses.
	Channel, Target string
	State           RecipientState
	// By is what holds back, and Until when that ends; zero: that is not known. For a message
	// that waits, Until is when it is sent, at the earliest; zero: it is being sent, or no
	// attempt is to come.
	By    string
	Until time.Time
	// Why says in words why it was not told; "" if it was.
	Why string
	// ToldAt is when a message to it was delivered last; zero: none was.
	ToldAt time.Time
}
