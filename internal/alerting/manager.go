package alerting

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome says what became of an alert.
type Outcome uint8

// The outcomes of registering.
const (
	// OutcomeRegistered: a new event.
	OutcomeRegistered Outcome = iota
	// OutcomeFiltered: below the minimum severity; counted, not kept.
	OutcomeFiltered
	// OutcomeDuplicate: its id or key is known; the first event stands.
	OutcomeDuplicate
	// OutcomeRejected: invalid; nothing was kept.
	OutcomeRejected
)

// outcomeNames is indexed by the outcome.
var outcomeNames = [...]string{"registered", "filtered", "duplicate", "rejected"}

// String returns the outcome as answers name it.
func (o Outcome) String() string { return outcomeNames[o] }

// Registration is the result of registering one alert.
type Registration struct {
	Outcome Outcome
	// Event is the new event, or for a duplicate the first one, else nil.
	Event *Event
	// Reason says why an alert was filtered.
	Reason string
	// Err says why an alert was rejected; it is an [*Error].
	Err error
}

// Manager registers alerts and answers questions about the recent ones.
//
// Invariants: events are in the buffer, the subscriptions and the dispatcher in
// the order of their sequence numbers; an id or an idempotency key in the buffer
// is there once; no lock is held across anything that can block.
type Manager struct {
	config     atomic.Pointer[Config]
	dispatcher Dispatcher
	buffer     *Buffer
	feed       *feed
	totals     totals

	mu  sync.Mutex // orders registrations, held from number to publication
	seq uint64     // the last number given
}

// NewManager returns a manager with an empty buffer. A nil dispatcher stands
// for a [MemoryDispatcher] of the buffer's size. The error says what is wrong
// with the configuration.
func NewManager(config Config, dispatcher Dispatcher) (*Manager, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure alert manager: %w", err)
	}
	if dispatcher == nil {
		dispatcher = NewMemoryDispatcher(config.BufferSize)
	}
	m := &Manager{dispatcher: dispatcher, buffer: NewBuffer(config.BufferSize), feed: newFeed()}
	m.config.Store(&config)
	return m, nil
}

// Register checks one alert and makes an event of it. The error is an [*Error]
// if the alert is invalid, or ctx's own if that had ended before; in both cases
// nothing has changed.
func (m *Manager) Register(ctx context.Context, alert Alert) (Registration, error) {
	if err := ctx.Err(); err != nil {
		return Registration{}, err
	}
	d, result := prepare(m.Config(), alert, now())
	if result.Outcome == OutcomeRejected {
		return Registration{}, result.Err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settle(d, result), nil
}

// RegisterBatch registers alerts in their order, with nothing in between, and
// returns a result for each: an invalid one is rejected alone. The error is
// ctx's own, if that had ended before; then nothing has changed.
func (m *Manager) RegisterBatch(ctx context.Context, alerts []Alert) ([]Registration, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	config, at := m.Config(), now()
	drafts := make([]*draft, len(alerts))
	results := make([]Registration, len(alerts))
	for i, alert := range alerts {
		drafts[i], results[i] = prepare(config, alert, at)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, result := range results {
		if result.Outcome != OutcomeRejected {
			results[i] = m.settle(drafts[i], result)
		}
	}
	return results, nil
}

// now is the time of registration, to the microsecond as events keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// prepare does all that needs no lock: it validates, filters, and encodes what
// is to be kept. The outcome is what it will be unless the alert is a duplicate.
func prepare(config Config, alert Alert, at time.Time) (*draft, Registration) {
	if problems := alert.normalize(); len(problems) > 0 {
		return nil, Registration{Outcome: OutcomeRejected, Err: &Error{Code: CodeInvalid, Fields: problems}}
	}
	if alert.Severity < config.MinSeverity {
		// Never encoded: only its id, key, severity and category are looked at.
		filtered := &draft{event: Event{
			id: alert.EventID, idempotencyKey: alert.IdempotencyKey,
			severity: alert.Severity, category: alert.Category,
		}}
		return filtered, Registration{
			Outcome: OutcomeFiltered,
			Reason:  "severity " + alert.Severity.String() + " is below min_severity " + config.MinSeverity.String(),
		}
	}
	return newDraft(&alert, at), Registration{Outcome: OutcomeRegistered}
}

// settle decides the outcome and makes it so. Under the lock.
func (m *Manager) settle(d *draft, result Registration) Registration {
	if first, known := m.buffer.find(d.event.id, d.event.idempotencyKey); known {
		m.totals.duplicate.Add(1)
		return Registration{Outcome: OutcomeDuplicate, Event: first}
	}
	if result.Outcome == OutcomeFiltered {
		m.totals.filtered.add(d.event.severity, d.event.category)
		return result
	}
	m.seq++
	event := d.finish(m.seq)
	m.buffer.Append(event)
	m.totals.registered.add(event.severity, event.category)
	m.feed.publish(event)
	if m.config.Load().Enabled {
		m.dispatcher.Dispatch(event)
		m.totals.dispatched.Add(1)
	}
	result.Event = event
	return result
}

// CountRejected counts n alerts that could not be made into an [Alert] at all.
func (m *Manager) CountRejected(reason RejectReason, n int) {
	m.totals.rejected[reason].Add(uint64(max(0, n)))
}

// RecentEvents returns the newest events that match.
func (m *Manager) RecentEvents(q Query) Page { return m.buffer.Recent(q) }

// AllEvents returns every event in the buffer, oldest first.
func (m *Manager) AllEvents() []*Event { return m.buffer.After(0, Filter{}) }

// Event returns the event with this id, if it is in the buffer.
func (m *Manager) Event(id EventID) (*Event, bool) { return m.buffer.Get(id) }

// Clear empties the buffer. The counters since the start and the sequence
// numbers go on.
func (m *Manager) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffer.Clear()
}

// Count returns how many events are in the buffer.
func (m *Manager) Count() int { return m.buffer.Len() }

// Config returns the configuration in force.
func (m *Manager) Config() Config { return *m.config.Load() }

// Reconfigure puts a new configuration into force for the alerts that come
// after it. A smaller buffer drops its oldest events. The error says what is
// wrong with the configuration; then nothing has changed.
func (m *Manager) Reconfigure(config Config) error {
	if err := config.Validate(); err != nil {
		return fmt.Errorf("reconfigure alert manager: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.config.Store(&config)
	m.buffer.Resize(config.BufferSize)
	return nil
}

// Subscribe returns a live view of the events that match, which the caller must
// close. If it resumes after an event that is older than the buffer, or from
// before a restart, the subscription has a gap.
func (m *Manager) Subscribe(filter Filter, resume Resume) *Subscription {
	m.mu.Lock() // no event may come between the backlog and the feed
	defer m.mu.Unlock()
	s := m.feed.add(filter)
	if !resume.Active {
		return s
	}
	if after := resume.After; after > m.seq {
		s.gap = &Gap{
			From: 1, To: after,
			Reason: fmt.Sprintf("event %d is not known: alertd has started anew, all its events follow", after),
		}
		s.backlog = m.buffer.After(0, filter)
		return s
	}
	oldest, _ := m.buffer.ends()
	s.gap = gapBefore(resume.After, oldest, m.seq)
	s.backlog = m.buffer.After(resume.After, filter)
	return s
}

// Stats returns the statistics. The cost grows with the number of sources in
// the buffer only.
func (m *Manager) Stats() Stats {
	config, sums := m.Config(), m.totals.load()
	s := m.buffer.stats()
	s.Enabled, s.MinSeverity = config.Enabled, config.MinSeverity
	s.SinceStart = SinceStart{
		Registered: sums.Registered.Sum(), Filtered: sums.Filtered.Sum(),
		Duplicate: sums.Duplicate, Dispatched: sums.Dispatched,
	}
	for _, n := range sums.Rejected {
		s.SinceStart.Rejected += n
	}
	return s
}

// Totals returns the counters since the start; unlike [Manager.Stats] its cost
// is fixed.
func (m *Manager) Totals() Totals {
	sums := m.totals.load()
	sums.BufferSize, sums.BufferCapacity = m.buffer.Len(), m.buffer.Capacity()
	return sums
}
