package engine

import (
	"context"
	"fmt"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/store"
)

const (
	// foldBatch is how many events one transaction folds at most: enough to be fast, few
	// enough that ingest, which on SQLite waits for it, hardly notices.
	foldBatch = 1024
	// foldSoon is how long a transaction may take for the next one to fold more. Each has
	// to end within the database's timeout, and a database may be far away.
	foldSoon = 250 * time.Millisecond
	// remindBatch is how many incidents one transaction tells of again at most.
	remindBatch = 100
)

// foldLoop folds whatever is new, and tells again of incidents that have grown.
func (e *Engine) foldLoop(ctx context.Context) {
	for {
		err := e.catchUp(ctx)
		if ctx.Err() != nil {
			return
		}
		e.works(err)
		if !e.folding.wait(ctx, pollEvery) {
			return
		}
	}
}

// catchUp folds everything that there is to fold.
func (e *Engine) catchUp(ctx context.Context) error {
	if e.cursor == 0 {
		var err error
		if e.cursor, err = e.store.EngineCursor(ctx); err != nil {
			return err
		}
	}
	for more := true; more && ctx.Err() == nil; {
		folded, err := e.foldSome(ctx)
		if err != nil {
			return fmt.Errorf("fold events: %w", err)
		}
		e.works(nil)
		reminding, err := e.remind(ctx) // also while events come in without end
		if err != nil {
			return fmt.Errorf("tell of incidents again: %w", err)
		}
		more = folded || reminding
	}
	return nil
}

// remind tells again of some incidents for which that is due, if it is time to look, and
// reports whether there may be more: events are folded in between.
func (e *Engine) remind(ctx context.Context) (more bool, err error) {
	if time.Since(e.reminded) < pollEvery {
		return false, nil
	}
	e.reminded = time.Now()
	if more, err = e.remindSome(ctx); more {
		e.reminded = time.Time{}
	}
	return more, err
}

// foldSome folds a batch, and reports whether there may be more.
func (e *Engine) foldSome(ctx context.Context) (more bool, err error) {
	began := time.Now()
	part, err := e.store.Unfolded(ctx, e.cursor, e.batch)
	if err != nil || part.Through == e.cursor {
		return false, err
	}
	by := incident.GroupBy{IdentifyBy: e.current.Load().settings.IdentifyBy}
	keys := make([]incident.Key, len(part.Events))
	for i, event := range part.Events {
		keys[i] = incident.KeyOf(event, by)
	}
	through := part.Through
	err = e.decide(ctx, func(ctx context.Context, p *plan) error {
		cursor, err := p.tx.Cursor(ctx)
		if err != nil {
			return err
		}
		through = max(cursor, part.Through)
		if cursor >= part.Through { // another replica was faster
			return nil
		}
		fresh := 0
		for fresh < len(part.Events) && part.Events[fresh].Seq() <= cursor {
			fresh++
		}
		if err := p.fold(ctx, part.Events[fresh:], keys[fresh:]); err != nil {
			return err
		}
		return p.tx.Advance(ctx, part.Through)
	})
	if err != nil {
		e.batch = max(1, e.batch/4) // it may have taken too long
		return false, err
	}
	if time.Since(began) < foldSoon {
		e.batch = min(foldBatch, 2*e.batch)
	}
	e.cursor = through
	return true, nil
}

// remindSome tells again of incidents for which that is due.
func (e *Engine) remindSome(ctx context.Context) (more bool, err error) {
	if due, err := e.store.RemindersDue(ctx); err != nil || !due {
		return false, err
	}
	err = e.decide(ctx, func(ctx context.Context, p *plan) error {
		due, err := p.tx.DueIncidents(ctx, remindBatch)
		if err != nil {
			return err
		}
		for _, i := range due {
			last, err := p.tx.Event(ctx, i.LastEvent)
			if err != nil {
				return err
			}
			change := i.Remind(last, p.tx.Now())
			if err := p.apply(ctx, i, change); err != nil {
				return err
			}
		}
		more = len(due) == remindBatch
		return nil
	})
	return more, err
}

// decide runs a transaction that changes incidents. What it has planned is sent once
// it is committed.
func (e *Engine) decide(ctx context.Context, f func(ctx context.Context, p *plan) error) error {
	p := &plan{engine: e, state: e.current.Load()}
	// What has begun goes on to its end: what is interrupted in COMMIT may have been
	// committed, and then nobody would send what it has claimed.
	err := e.store.Decide(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		p.begin(tx)
		return f(ctx, p)
	})
	if err != nil {
		p.drop()
		return err
	}
	p.carryOut()
	return nil
}

// fold folds events, oldest first, each with its key.
func (p *plan) fold(ctx context.Context, events []*alerting.Event, keys []incident.Key) error {
	if len(events) == 0 {
		return nil
	}
	now, repeat := p.tx.Now(), p.state.settings.RepeatInterval
	incidents, err := p.tx.OpenIncidents(ctx, distinct(keys))
	if err != nil {
		return err
	}
	var order []*incident.Incident
	changed := make(map[*incident.Incident]bool, len(incidents))
	var changes []changeOf
	seqs, numbers := make([]int64, len(events)), make([]int64, len(events))
	for n, event := range events {
		var change incident.Change
		i := incidents[keys[n].Fingerprint]
		if i == nil {
			number, err := p.tx.NextIncident(ctx)
			if err != nil {
				return err
			}
			opened, first := incident.Open(incident.NewID(), number, keys[n], event, now)
			i, change = &opened, first
			incidents[keys[n].Fingerprint] = i
			p.opened++
		} else {
			change = i.Add(event, repeat, now)
		}
		if !changed[i] {
			changed[i] = true
			order = append(order, i)
		}
		if len(change.Entries) > 0 || change.Notice != nil {
			changes = append(changes, changeOf{i, change})
		}
		seqs[n], numbers[n] = int64(event.Seq()), int64(i.Number)
	}
	for _, i := range order {
		if err := p.tx.SaveIncident(ctx, *i); err != nil {
			return err
		}
	}
	if err := p.tx.AddEvents(ctx, seqs, numbers); err != nil {
		return err
	}
	for _, c := range changes {
		if err := p.tell(ctx, c.incident.Number, c.change); err != nil {
			return err
		}
	}
	return nil
}

// changeOf is what has happened to an incident.
type changeOf struct {
	incident *incident.Incident
	change   incident.Change
}

// distinct returns each fingerprint once.
func distinct(keys []incident.Key) []incident.Fingerprint {
	seen := make(map[incident.Fingerprint]bool, len(keys))
	var prints []incident.Fingerprint
	for _, key := range keys {
		if !seen[key.Fingerprint] {
			seen[key.Fingerprint] = true
			prints = append(prints, key.Fingerprint)
		}
	}
	return prints
}
