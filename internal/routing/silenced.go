package routing

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"alertd/internal/incident"
)

// SilenceStatus says whether a silence holds back.
type SilenceStatus string

// The statuses.
const (
	// SilencePending: it begins later.
	SilencePending SilenceStatus = "pending"
	SilenceActive  SilenceStatus = "active"
	SilenceExpired SilenceStatus = "expired"
)

// Status returns the status at a time.
func (s Silence) Status(now time.Time) SilenceStatus {
	switch {
	case s.Active(now):
		return SilenceActive
	case now.Before(s.StartsAt):
		return SilencePending
	}
	return SilenceExpired
}

// Place orders silences: a later one has a greater place.
func (s Silence) Place() int64 {
	id, err := uuid.Parse(s.ID)
	if err != nil {
		return 0
	}
	return int64(binary.BigEndian.Uint64(id[:8]) &^ (1 << 63)) //nolint:gosec // it fits without that bit
}

// Silenced is a silence with what it holds or has held back.
type Silenced struct {
	Silence
	Status SilenceStatus
	// Notices is how many messages it has held back, and Incidents are the latest incidents.
	Notices   int
	Incidents []incident.HeldBack
}

// SilenceQuery asks for silences, the latest first.
type SilenceQuery struct {
	// Active, if not nil, asks for those that hold back now, or for the others.
	Active *bool
	// Before asks for those with a lesser [Silence.Place]; 0: all.
	Before int64
	// Limit is the maximum number of silences, at least 1.
	Limit int
}

// SilencePage is a part of the silences.
type SilencePage struct {
	Silences []Silenced
	// More says that there are further ones.
	More bool
}
