package engine

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/matcher"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// The kinds of states that decisions go by.
const (
	silenceState    work.StateKind = "silence"     // by id
	inhibitorState  work.StateKind = "inhibitor"   // by the incident's number
	inhibitionState work.StateKind = "inhibitions" // one: by which inhibitions the open incidents were judged
	bucketState     work.StateKind = "bucket"      // by what is limited
	stormState      work.StateKind = "storm"       // one
	digestState     work.StateKind = "digest"      // by the channel and its target
)

// openPage is how many open incidents are looked at at once. A turn judges no more of them,
// however many there are: it has to end within the database's timeout.
const openPage = 500

// stood is what stood at a version, by rules.
type stood struct {
	version int64
	rules   *routing.Rules
	value   *routing.Standing
	// unjudged are open incidents that are still to be judged by the inhibitions.
	unjudged []incident.Number
}

// stand loads what decisions depend on beside the rules, unless it is known.
func (t *turn) stand(ctx context.Context) error {
	if t.standing != nil {
		return nil
	}
	known := t.engine.stands.Load()
	same := known != nil && known.rules == t.state.rules
	if same {
		t.unjudged = known.unjudged
	}
	if same && known.version == t.tx.Standing() {
		if t.standing = known.value; len(t.unjudged) == 0 {
			return nil
		}
	} else {
		silences, err := readStates[routing.Silence](ctx, t, silenceState)
		if err != nil {
			return err
		}
		inhibitors, err := readStates[routing.Inhibitor](ctx, t, inhibitorState)
		if err != nil {
			return err
		}
		t.standing = routing.NewStanding(silences, inhibitors)
	}
	if !same {
		if err := t.judgeAnew(ctx); err != nil {
			return err
		}
	}
	if err := t.judgeSome(ctx); err != nil {
		return err
	}
	t.keepStanding()
	return nil
}

// judged reports whether all open incidents are judged by the rules in force.
func (e *Engine) judged() bool {
	known := e.stands.Load()
	return known != nil && known.rules == e.current.Load().rules && len(known.unjudged) == 0
}

// changeStanding returns what stands, as this turn's own, to change what an incident holds
// back.
func (t *turn) changeStanding(of incident.Number) *routing.Standing {
	if t.inhibitors == nil {
		t.standing, t.inhibitors = t.standing.Clone(), map[incident.Number]bool{}
		t.keepStanding()
	}
	t.inhibitors[of] = true
	return t.standing
}

// saveInhibitors saves what incidents hold back, as far as that has changed.
func (t *turn) saveInhibitors() {
	for number := range t.inhibitors {
		s := work.State{StateKey: work.StateKey{Kind: inhibitorState, Name: fmt.Sprint(number)}, Standing: true}
		if inhibitor, inhibits := t.standing.Inhibitor(number); inhibits {
			s.Value = inhibitor
		}
		t.changes.States = append(t.changes.States, s)
	}
}

// keepStanding remembers what stands for the next turn, once this one is committed.
func (t *turn) keepStanding() {
	t.after = append(t.after, func() {
		version := t.tx.Standing()
		for _, s := range t.changes.States {
			if s.Standing { // saving them has made it another version
				version++
				break
			}
		}
		t.engine.stands.Store(&stood{version, t.state.rules, t.standing, t.unjudged})
	})
}

// readStates returns the states of a kind that can be read.
func readStates[T any](ctx context.Context, t *turn, kind work.StateKind) ([]T, error) {
	states, err := t.tx.StatesOf(ctx, kind)
	if err != nil {
		return nil, err
	}
	values := make([]T, 0, len(states))
	for _, s := range states {
		if value, ok := decodeState[T](t.engine, s); ok {
			values = append(values, value)
		}
	}
	return values, nil
}

// decodeState reads a state. One that cannot be read is set aside.
func decodeState[T any](e *Engine, s work.State) (value T, ok bool) {
	if err := s.Decode(&value); err != nil {
		e.work.SetAside(s, err)
		return value, false
	}
	return value, true
}

// readState returns one state; the zero value if there is none, or it cannot be read.
func readState[T any](ctx context.Context, t *turn, key work.StateKey) (value T, err error) {
	states, err := t.tx.States(ctx, key)
	if err != nil {
		return value, err
	}
	if s, found := states[key]; found {
		value, _ = decodeState[T](t.engine, s)
	}
	return value, nil
}

// judgeAnew takes new rules into account: what windows and inhibitions hold back is looked
// at again, and so is what was to be looked at never and may now be over when it is quiet. All
// open incidents are to be judged if they were not by these inhibitions yet.
func (t *turn) judgeAnew(ctx context.Context) error {
	holders, err := t.tx.Holders(ctx, routing.HeldByWindow, routing.HeldByInhibition)
	if err != nil {
		return err
	}
	t.release(holders...)
	if t.state.rules.EndsQuiet() {
		if err := t.tx.LookAtOthers(ctx); err != nil {
			return err
		}
	}
	if err := t.forgetInhibitors(ctx); err != nil {
		return err
	}
	judged, err := readState[map[string]bool](ctx, t, judgedKey)
	if err != nil {
		return err
	}
	still := map[string]bool{}
	missing := false // or another replica may have opened some that went by other rules
	for _, key := range t.state.rules.InhibitionKeys() {
		if judged[key] {
			still[key] = true
		}
		missing = missing || !judged[key] || t.engine.store.Shared()
	}
	if !maps.Equal(still, judged) {
		t.saveJudged(still)
	}
	if !missing {
		return nil
	}
	if t.unjudged, err = t.tx.Open(ctx); err == nil && len(t.unjudged) == 0 {
		err = t.noteJudged(ctx)
	}
	return err
}

// judgeSome judges some of the open incidents that are still to be judged. The next turns go
// on with the others.
func (t *turn) judgeSome(ctx context.Context) error {
	some := t.unjudged[:min(openPage, len(t.unjudged))]
	if len(some) == 0 {
		return nil
	}
	err := t.each(ctx, some, true, func(i *incident.Incident, last *alerting.Event) {
		if _, inhibits := t.standing.Inhibitor(i.Number); inhibits && last == nil { // what was in its context is known no more
			return
		}
		t.inhibit(i, routing.SubjectAbout(i, last))
	})
	if err != nil {
		return err
	}
	if t.unjudged = t.unjudged[len(some):]; len(t.unjudged) > 0 {
		return nil
	}
	return t.noteJudged(ctx)
}

// noteJudged notes that all open incidents are judged by the inhibitions of the rules.
func (t *turn) noteJudged(ctx context.Context) error {
	judged, err := readState[map[string]bool](ctx, t, judgedKey)
	if err != nil {
		return err
	}
	now := map[string]bool{}
	for _, key := range t.state.rules.InhibitionKeys() {
		now[key] = true
	}
	if !maps.Equal(now, judged) {
		t.saveJudged(now)
	}
	return nil
}

var judgedKey = work.StateKey{Kind: inhibitionState}

func (t *turn) saveJudged(keys map[string]bool) {
	t.changes.States = append(work.Without(t.changes.States, judgedKey), work.State{StateKey: judgedKey, Value: keys, Standing: true})
}

// forgetInhibitors has nothing held back by incidents that are not among the open ones any
// more, as they cannot be read: nobody could resolve them.
func (t *turn) forgetInhibitors(ctx context.Context) error {
	numbers := t.standing.Inhibitors()
	open, err := t.tx.OpenOf(ctx, numbers)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if !open[number] {
			t.stopInhibiting(number)
		}
	}
	return nil
}

// each calls f for those of some incidents that are open, the first opened first. last is the
// latest event, if they are wanted and it is kept.
func (t *turn) each(ctx context.Context, numbers []incident.Number, events bool, f func(i *incident.Incident, last *alerting.Event)) error {
	for page := range slices.Chunk(numbers, openPage) {
		incidents, err := t.tx.Incidents(ctx, page)
		if err != nil {
			return err
		}
		incidents = slices.DeleteFunc(incidents, func(i incident.Incident) bool { return !i.Status.Open() })
		slices.SortFunc(incidents, func(a, b incident.Incident) int { return cmp.Compare(a.Number, b.Number) })
		var last map[alerting.Seq]*alerting.Event
		if events {
			seqs := make([]alerting.Seq, len(incidents))
			for n := range incidents {
				seqs[n] = incidents[n].LastEvent
			}
			if last, err = t.tx.Events(ctx, seqs); err != nil {
				return err
			}
		}
		for n := range incidents {
			f(&incidents[n], last[incidents[n].LastEvent])
		}
	}
	return nil
}

// inhibit notes what an open incident holds back from now on.
func (t *turn) inhibit(i *incident.Incident, about *matcher.Subject) {
	if len(t.state.rules.InhibitionKeys()) == 0 {
		return
	}
	inhibitor, inhibits := t.state.rules.InhibitorOf(i, about)
	if !inhibits || t.standing.Knows(inhibitor) {
		return
	}
	if before, inhibited := t.standing.Inhibitor(i.Number); inhibited { // others, perhaps
		t.release(before.Holders()...)
	}
	t.changeStanding(i.Number).Inhibit(inhibitor)
}

// stopInhibiting has everything looked at that an incident has held back.
func (t *turn) stopInhibiting(number incident.Number) {
	inhibitor, inhibits := t.standing.Inhibitor(number)
	if !inhibits {
		return
	}
	t.changeStanding(number).Release(number)
	t.release(inhibitor.Holders()...)
}

// release has everything looked at that holders hold.
func (t *turn) release(holders ...string) {
	t.changes.Released = append(t.changes.Released, holders...)
	t.after = append(t.after, t.engine.timers.ring)
}
