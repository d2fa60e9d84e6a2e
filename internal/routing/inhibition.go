package routing

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"alertd/internal/incident"
	"alertd/internal/matcher"
)

// Inhibitor is an open incident that holds back others. Its JSON is what the store keeps.
type Inhibitor struct {
	Incident incident.Number `json:"incident"`
	// While are the inhibitions by which it holds back, by their keys, with the values that
	// must be equal. Held are those by which it could be held back itself.
	While map[string]string `json:"while"`
	Held  map[string]string `json:"held,omitzero"`
}

// inhibitionKey identifies an inhibition by all that it says: one that was changed is
// another.
func inhibitionKey(i Inhibition) string {
	text, err := json.Marshal(i, json.Deterministic(true))
	if err != nil { // it has nothing that cannot be encoded
		text = []byte(err.Error())
	}
	sum := sha256.Sum256(text)
	return i.Name + " " + hex.EncodeToString(sum[:8])
}

// InhibitionKeys returns what the inhibitions are known by in an [Inhibitor]. An inhibition
// that was changed has another key.
func (r *Rules) InhibitionKeys() []string { return r.keys }

// InhibitorOf returns what an open incident holds back; false: nothing.
func (r *Rules) InhibitorOf(i *incident.Incident, s *matcher.Subject) (Inhibitor, bool) {
	while := r.equals(r.whiles.matching(s), s)
	if len(while) == 0 {
		return Inhibitor{}, false
	}
	return Inhibitor{Incident: i.Number, While: while, Held: r.equals(r.held.matching(s), s)}, true
}

// equals returns the keys of inhibitions with the values that must be equal.
func (r *Rules) equals(inhibitions []int, s *matcher.Subject) map[string]string {
	var keys map[string]string
	for _, n := range inhibitions {
		if keys == nil {
			keys = map[string]string{}
		}
		keys[r.keys[n]] = equalOf(r.settings.Inhibitions[n], s)
	}
	return keys
}

// equalOf returns the values that must be equal, as one text. A member that is missing is
// like one that is empty.
func equalOf(i Inhibition, s *matcher.Subject) string {
	values := make([]string, len(i.Equal))
	for n, name := range i.Equal {
		if s.Context != nil {
			values[n], _ = s.Context(name)
		}
	}
	return strings.Join(values, "\x1f")
}

// Holders returns the names under which an inhibitor holds back.
func (i Inhibitor) Holders() []string {
	var holders []string
	for key := range i.While {
		holders = append(holders, Holder(HeldByInhibition, nameOf(key)))
	}
	slices.Sort(holders)
	return slices.Compact(holders)
}

// nameOf returns the name of the inhibition with a key.
func nameOf(key string) string { return key[:max(0, strings.LastIndexByte(key, ' '))] }

// inhibited returns the inhibition that holds an incident back. No incident holds back
// itself, and none of a circle of incidents holds back another of it.
func (r *Rules) inhibited(i *incident.Incident, s *matcher.Subject, standing *Standing) *incident.Hold {
	if len(standing.inhibitors) == 0 {
		return nil
	}
	for _, n := range r.held.matching(s) {
		rule := r.settings.Inhibitions[n]
		for _, by := range standing.by[inhibits{r.keys[n], equalOf(rule, s)}] {
			if by != i.Number && !standing.reaches(i.Number, by) {
				return &incident.Hold{
					Holder: Holder(HeldByInhibition, rule.Name), Why: fmt.Sprintf("held back by incident %d (inhibition %s)", by, rule.Name),
				}
			}
		}
	}
	return nil
}

// reaches reports whether an incident holds back another one, or one that does, and so on.
func (s *Standing) reaches(from, to incident.Number) bool {
	if _, inhibits := s.inhibitors[from]; !inhibits {
		return false
	}
	seen := map[incident.Number]bool{from: true}
	for next := []incident.Number{from}; len(next) > 0; next = next[1:] {
		at := s.inhibitors[next[0]]
		for number, other := range s.inhibitors {
			if seen[number] || !at.holds(other) {
				continue
			}
			if number == to {
				return true
			}
			seen[number] = true
			next = append(next, number)
		}
	}
	return false
}

func (i Inhibitor) holds(other Inhibitor) bool {
	for key, value := range i.While {
		if equal, could := other.Held[key]; could && equal == value {
			return true
		}
	}
	return false
}
