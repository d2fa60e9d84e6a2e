package engine

import (
	"context"

	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// plan is what a transaction has decided and what is to be done once it is
// committed. It belongs to one goroutine.
type plan struct {
	engine *Engine
	state  *state
	tx     *store.Tx

	opened  int
	reasons []incident.Reason
	ended   []delivery.Delivery // superseded
	ready   []ready             // claimed, to be sent at once
	waiting []*outlet           // to be woken
}

// ready is a message that is claimed, with the right to send it.
type ready struct {
	claimed store.Claimed
	ticket  *ticket
}

// begin forgets what an earlier attempt has decided, which came to nothing.
func (p *plan) begin(tx *store.Tx) {
	p.drop()
	*p = plan{engine: p.engine, state: p.state, tx: tx}
}

// drop gives back the right to send what is not sent after all.
func (p *plan) drop() {
	for _, r := range p.ready {
		r.ticket.giveBack()
	}
	p.ready = nil
}

// carryOut sends and counts what was decided.
func (p *plan) carryOut() {
	for _, r := range p.ready {
		p.engine.start(r.claimed, r.ticket)
	}
	for _, o := range p.waiting {
		o.expectMore()
		o.lookNow()
	}
	if len(p.waiting) > 0 {
		p.engine.claiming.ring()
	}
	if p.opened > 0 {
		p.engine.meter.Opened(p.opened)
	}
	for _, reason := range p.reasons {
		p.engine.meter.Noticed(reason)
	}
	for _, d := range p.ended {
		p.engine.meter.Finished(d.Channel, delivery.Superseded)
	}
}

// apply saves an incident and what has happened to it.
func (p *plan) apply(ctx context.Context, i incident.Incident, change incident.Change) error {
	if err := p.tx.SaveIncident(ctx, i); err != nil {
		return err
	}
	return p.tell(ctx, i.Number, change)
}

// tell records a change of an incident, and plans who is told.
func (p *plan) tell(ctx context.Context, number incident.Number, change incident.Change) error {
	entries := change.Entries
	if change.Notice == nil {
		return p.tx.AddEntries(ctx, number, entries...)
	}
	n := *change.Notice
	if err := p.tx.AddNotice(ctx, n); err != nil {
		return err
	}
	p.reasons = append(p.reasons, n.Reason)
	told := map[string]bool{}
	if n.Number > 1 {
		var err error
		if told, err = p.tx.Told(ctx, number); err != nil {
			return err
		}
	}
	targets := delivery.Plan(n, p.state.policies, told)
	entries = append(entries, incident.Entry{At: p.tx.Now(), Kind: incident.EntryPlanned, Reason: delivery.Explain(targets)})
	for t, target := range targets {
		if !target.Told {
			continue
		}
		superseded, err := p.deliver(ctx, n, p.state.policies[t])
		if err != nil {
			return err
		}
		entries = append(entries, superseded...)
	}
	return p.tx.AddEntries(ctx, number, entries...)
}

// deliver plans a delivery to a channel. It returns what there is to say of those that
// it supersedes.
func (p *plan) deliver(ctx context.Context, n incident.Notice, policy delivery.Policy) ([]incident.Entry, error) {
	d := delivery.Delivery{
		ID: delivery.NewID(), Incident: n.Incident.Number, IncidentID: n.Incident.ID, Notice: n.Number, Reason: n.Reason, Channel: policy.Name,
		Status: delivery.Waiting, CreatedAt: p.tx.Now(), DueAt: p.tx.Now(), GiveUpAt: p.tx.Now().Add(policy.Retry.GiveUpAfter),
	}
	superseded, blocked, thread := []delivery.Delivery(nil), false, ""
	if n.Number > 1 {
		var err error
		if superseded, blocked, err = p.tx.Supersede(ctx, d); err != nil {
			return nil, err
		}
		if thread, err = p.tx.Thread(ctx, d.Incident, d.Channel); err != nil {
			return nil, err
		}
	}
	p.ended = append(p.ended, superseded...)
	entries := make([]incident.Entry, 0, len(superseded))
	for _, s := range superseded {
		entries = append(entries, entryAbout(s, p.tx.Now(), incident.EntrySuperseded, s.Reason.String()+" not sent: overtaken by "+n.Reason.String()))
	}
	o := p.state.outlets[policy.Name]
	var t *ticket
	if o != nil && !blocked && p.state.settings.Enabled {
		t = o.reserve()
	}
	if t == nil {
		_, err := p.tx.AddDelivery(ctx, d, store.Claim{})
		if o != nil {
			p.waiting = append(p.waiting, o)
		}
		return entries, err
	}
	claim := store.Claim{ID: delivery.NewID(), For: o.lease()}
	added, err := p.tx.AddDelivery(ctx, d, claim)
	if err != nil || !added {
		t.giveBack()
		return entries, err
	}
	p.ready = append(p.ready, ready{store.Claimed{Delivery: d, Notice: n, Thread: thread, Claim: claim.ID}, t})
	return entries, nil
}
