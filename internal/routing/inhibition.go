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
	var reached map[inhibits]bool
	for _, n := range r.held.matching(s) {
		rule := r.settings.Inhibitions[n]
		for _, by := range standing.by[inhibits{r.keys[n], equalOf(rule, s)}] {
			if by == i.Number {
				continue
			}
			if reached == nil {
				reached = standing.reached(i.Number)
			}
			if !standing.inhibitors[by].heldByOne(reached) {
				return &incident.Hold{
					Holder: Holder(HeldByInhibition, rule.Name), Why: fmt.Sprintf("held back by incident %d (inhibition %s)", by, rule.Name),
				}
			}
		}
	}
	return nil
}

// reached returns by what an incident holds back others, and by what those do, and so on.
// It goes by what incidents are held back by, which is little, and not through the
// incidents.
func (s *Standing) reached(from incident.Number) map[inhibits]bool {
	reached := map[inhibits]bool{}
	var next []inhibits
	for key, equal := range s.inhibitors[from].While {
		next = append(next, inhibits{key, equal})
	}
	for ; len(next) > 0; next = next[1:] {
		if reached[next[0]] {
			continue
		}
		reached[next[0]] = true
		for what := range s.leads[next[0]] {
			next = append(next, what)
		}
	}
	return reached
}

// heldByOne reports whether one of these can hold back an inhibitor.
func (i Inhibitor) heldByOne(of map[inhibits]bool) bool {
	for key, equal := range i.Held {
		if of[inhibits{key, equal}] {
			return true
		}
	}
	return false
}
