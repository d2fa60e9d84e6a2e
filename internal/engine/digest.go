package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// maxDigest is how many incidents one digest is about at most. What is left comes in the
// next one.
const maxDigest = 5000

// mostWhy is how many bytes of reasons a digest has before it takes no more.
const mostWhy = 256

// digest is what gathers for a target of a channel until it is told in one message. Its JSON
// is what the store keeps.
type digest struct {
	Channel string    `json:"channel"`
	Target  string    `json:"target,omitzero"`
	Since   time.Time `json:"since"`
	DueAt   time.Time `json:"due_at"`
	Why     string    `json:"why"`
}

func (d digest) name() string {
	if d.Target == "" {
		return d.Channel
	}
	return d.Channel + " to " + d.Target
}

func (d digest) key() work.StateKey { return work.StateKey{Kind: digestState, Name: d.name()} }

// holder is under what the incidents are held.
func (d digest) holder() string { return routing.Holder(string(digestState), d.name()) }

// digestLater leaves a notice to the next digest of a target.
func (t *turn) digestLater(ctx context.Context, n incident.Notice, to routing.Target) error {
	now := t.tx.Now()
	d := digest{Channel: to.Channel, Target: to.Target, Since: now, DueAt: now, Why: to.Why()}
	if to.Cause == routing.InDigestOnly {
		d.Why = "news of what was told in a digest"
	}
	if !to.Until.IsZero() {
		d.DueAt = to.Until
	}
	known, loaded := t.digests[d.name()]
	if !loaded {
		var err error
		if known, err = readState[digest](ctx, t, d.key()); err != nil {
			return err
		}
	}
	if known.Channel != "" { // it gathers already
		if d.DueAt.After(known.DueAt) {
			d.DueAt = known.DueAt
		}
		d.Since, d.Why = known.Since, bothWhy(known.Why, d.Why)
	}
	t.keepDigest(d.name(), d)
	h := t.heldOf(d.holder(), n.Incident.Number)
	h.Notices, h.Events, h.Held = h.Notices+1, h.Events+n.Since, true
	if reason := reasonOf(to.Cause); reason != "" {
		t.count("held "+reason, 1)
		t.held = append(t.held, reason)
	}
	return nil
}

// bothWhy returns why a digest gathers, and why it gathers something more as well. Of many
// reasons it has the first.
func bothWhy(known, more string) string {
	if len(known) > mostWhy || slices.Contains(strings.Split(known, "; "), more) {
		return known
	}
	return known + "; " + more
}

// reasonOf returns the reason under which a cause is counted, "" if it is not.
func reasonOf(c routing.Cause) string {
	if c == routing.OverLimit {
		return routing.HeldByThrottle
	}
	if c == routing.Storming {
		return routing.HeldByStorm
	}
	return ""
}

func (t *turn) keepDigest(name string, d digest) {
	if t.digests == nil {
		t.digests = map[string]digest{}
	}
	t.digests[name] = d
}

func (t *turn) saveDigests() {
	for _, d := range t.digests {
		if d.Channel != "" { // else it was told just now
			t.changes.States = append(work.Without(t.changes.States, d.key()), work.State{StateKey: d.key(), Value: d, DueAt: d.DueAt})
		}
	}
}

// digestDue tells what has gathered for a target in one message.
func (t *turn) digestDue(ctx context.Context, s work.State) error {
	d, ok := decodeState[digest](t.engine, s)
	if !ok || d.Channel == "" { // what it is about is known even so
		d = digest{Since: t.tx.Now(), Why: "the record of what held this back cannot be read"}
		d.Channel, d.Target, _ = strings.Cut(s.Name, " to ")
	}
	t.changes.States = append(t.changes.States, work.State{StateKey: s.StateKey}) // it ends
	t.keepDigest(d.name(), digest{})
	holds, err := t.tx.HeldBy(ctx, d.holder(), maxDigest)
	if err != nil || len(holds) == 0 {
		return err
	}
	numbers := make([]incident.Number, len(holds))
	events := make(map[incident.Number]uint64, len(holds))
	for n, h := range holds {
		numbers[n], events[h.Incident] = h.Incident, h.Events
	}
	about, err := t.tx.Incidents(ctx, numbers)
	if err != nil {
		return err
	}
	if err := t.tx.LetGo(ctx, d.holder(), numbers); err != nil {
		return err
	}
	if len(about) == 0 { // none can be read
		return nil
	}
	policy := t.state.policy(d.Channel)
	if policy == nil { // it is left to a replica that has the channel, or to the fallback
		gone := delivery.DefaultPolicy()
		gone.Name, policy = d.Channel, &gone
	}
	if err := t.loadThrottle(ctx); err != nil {
		return err
	}
	t.state.rules.SpendOnDigest(t.throttle, *policy)
	held := make([]incident.Held, len(about))
	refs := make([]incident.Ref, len(about))
	for n := range about {
		i := &about[n]
		held[n], refs[n] = incident.Held{Incident: i, Events: events[i.Number]}, incident.Ref{Number: i.Number, ID: i.ID}
	}
	return t.sendDigest(ctx, d, *policy, incident.NewDigest(d.Since, t.tx.Now(), held), refs, len(holds) == maxDigest)
}

func (t *turn) sendDigest(ctx context.Context, d digest, p delivery.Policy, made incident.Digest, refs []incident.Ref, more bool) error {
	if err := t.load(ctx, []incident.Number{incident.Digests}); err != nil {
		return err
	}
	made.Why = d.Why
	_, number := t.tx.Mint() // no other notice of a digest has it
	now := t.tx.Now()
	n := incident.Notice{
		Number: int(number), Reason: incident.Digested, At: now, Why: d.Why, Since: made.Events, Digest: &made,
		Incident: incident.Incident{
			ID: incident.NewID(), Status: incident.Triggered, Severity: made.Severity(), Category: alerting.CategorySystemHealth,
			Source: alerting.OwnSource, Message: incidents(made.Incidents) + " in a digest", Count: made.Events,
			FirstSeen: made.Since, LastSeen: now, Generation: 1, ToldAt: now,
		},
	}
	t.changes.Notices = append(t.changes.Notices, n)
	t.reasons = append(t.reasons, n.Reason)
	for _, ref := range refs {
		t.enter(ref.Number, incident.Entry{
			At: now, Kind: incident.EntryPlanned, Channel: d.Channel, Target: d.Target,
			Reason: fmt.Sprintf("told to %s in a digest of %s", d.name(), incidents(made.Incidents)),
		})
	}
	t.plan(t.stories[incident.Digests], n, p, d.Target, refs...)
	if more { // the rest is due now
		d.DueAt = now
		t.keepDigest(d.name(), d)
	}
	return nil
}

func incidents(n int) string {
	if n == 1 {
		return "1 incident"
	}
	return fmt.Sprintf("%d incidents", n)
}
