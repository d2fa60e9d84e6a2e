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

// Manager registers alerts and answers questions about them.
//
// Invariants: an alert is registered only once the log has made it durable;
// events reach the subscriptions and the dispatcher in the order of their sequence
// numbers, each once, after the log's buffer; no lock is held across anything that
// can block.
type Manager struct {
	config     atomic.Pointer[Config]
	dispatcher Dispatcher
	log        Log
	buffer     *Buffer
	feed       *feed
	totals     totals

	mu  sync.Mutex // orders what is published, and who subscribes when
	seq Seq        // the last number published
}

// NewManager returns a manager that keeps events in memory only. A nil
// dispatcher stands for a [MemoryDispatcher] of the buffer's size. The error says
// what is wrong with the configuration.
func NewManager(config Config, dispatcher Dispatcher) (*Manager, error) {
	return OpenManager(context.Background(), config, dispatcher, NewMemoryLog(config.BufferSize))
}

// OpenManager returns a manager on a log, with the log's most recent events in
// its buffer. See [NewManager] for the rest.
func OpenManager(ctx context.Context, config Config, dispatcher Dispatcher, log Log) (*Manager, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("configure alert manager: %w", err)
	}
	if dispatcher == nil {
		dispatcher = NewMemoryDispatcher(config.BufferSize)
	}
	m := &Manager{dispatcher: dispatcher, log: log, buffer: log.Buffer(), feed: newFeed()}
	m.config.Store(&config)
	m.buffer.Resize(config.BufferSize, config.bufferBytes())
	if err := log.Attach(ctx, m, config.BufferSize); err != nil {
		return nil, fmt.Errorf("fill the buffer: %w", err)
	}
	return m, nil
}

// Register checks one alert and makes an event of it. The error is an [*Error]
// if the alert is invalid or the log cannot take it; then nothing has changed.
// If it is ctx's own, the alert may have been registered all the same.
func (m *Manager) Register(ctx context.Context, alert Alert) (Registration, error) {
	results, err := m.RegisterBatch(ctx, []Alert{alert})
	if err != nil {
		return Registration{}, err
	}
	if results[0].Outcome == OutcomeRejected {
		return Registration{}, results[0].Err
	}
	return results[0], nil
}

// RegisterBatch registers alerts in their order, in one transaction, and returns
// a result for each: an invalid one is rejected alone. For the error see
// [Manager.Register].
func (m *Manager) RegisterBatch(ctx context.Context, alerts []Alert) ([]Registration, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	config, at := m.config.Load(), time.Now()
	drafts := make([]*Draft, 0, len(alerts))
	results := make([]Registration, len(alerts))
	for i := range alerts {
		var draft *Draft
		if draft, results[i] = prepare(config, &alerts[i], at); draft != nil {
			drafts = append(drafts, draft)
		}
	}
	if len(drafts) > 0 {
		appended, err := m.log.Append(ctx, drafts)
		if err != nil {
			return nil, err
		}
		for i := range results {
			if results[i].Outcome == OutcomeRegistered {
				results[i].settle(appended[0])
				appended = appended[1:]
			}
		}
	}
	if err := m.findFiltered(ctx, alerts, results); err != nil {
		return nil, err
	}
	m.count(alerts, results)
	return results, nil
}

// prepare validates and filters an alert, and encodes what is to be kept. The
// outcome is what it will be unless the alert is a duplicate.
func prepare(config *Config, alert *Alert, at time.Time) (*Draft, Registration) {
	if problems := alert.normalize(); len(problems) > 0 {
		return nil, Registration{Outcome: OutcomeRejected, Err: &Error{Code: CodeInvalid, Fields: problems}}
	}
	if reason := config.Filters(alert); reason != "" {
		return nil, Registration{Outcome: OutcomeFiltered, Reason: reason}
	}
	draft := newDraft(alert, at)
	draft.dispatch = config.Enabled
	return draft, Registration{Outcome: OutcomeRegistered}
}

// settle takes over what the log says.
func (r *Registration) settle(appended Appended) {
	r.Event = appended.Event
	if appended.Duplicate {
		r.Outcome = OutcomeDuplicate
	}
}

// findFiltered looks for alerts that are filtered today and were registered
// before: the first event stands.
func (m *Manager) findFiltered(ctx context.Context, alerts []Alert, results []Registration) error {
	for i := range results {
		alert := &alerts[i]
		if results[i].Outcome != OutcomeFiltered || (alert.EventID.IsZero() && alert.IdempotencyKey == "") {
			continue
		}
		first, err := m.log.Find(ctx, alert.EventID, alert.IdempotencyKey)
		if err != nil {
			return err
		}
		if first != nil {
			results[i] = Registration{Outcome: OutcomeDuplicate, Event: first}
		}
	}
	return nil
}

// count counts what became of alerts; new events are counted as they are published.
func (m *Manager) count(alerts []Alert, results []Registration) {
	for i, result := range results {
		switch result.Outcome {
		case OutcomeDuplicate:
			m.totals.duplicate.Add(1)
		case OutcomeFiltered:
			m.totals.filtered.add(alerts[i].Severity, alerts[i].Category)
		case OutcomeRegistered, OutcomeRejected:
		}
	}
}

// Publish implements [Sink].
func (m *Manager) Publish(events []*Event, origin Origin) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(events) == 0 {
		return
	}
	m.seq = events[len(events)-1].seq
	m.feed.publish(events)
	if origin != OriginHere {
		return
	}
	dispatch := m.config.Load().Enabled
	for _, event := range events {
		m.totals.registered.add(event.severity, event.category)
		if dispatch {
			m.dispatcher.Dispatch(event)
			m.totals.dispatched.Add(1)
		}
	}
}

// lastSeq returns the last number published.
func (m *Manager) lastSeq() Seq {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seq
}

// CountRejected counts n alerts that could not be made into an [Alert] at all.
func (m *Manager) CountRejected(reason RejectReason, n int) {
	m.totals.rejected[reason].Add(uint64(max(0, n)))
}

// RecentEvents returns the newest events that match, of those in the buffer.
func (m *Manager) RecentEvents(q Query) Page { return m.buffer.Recent(q) }

// QueryEvents returns the newest events that match, at most q.Limit, which must
// not be 0: from the buffer as far as that reaches, then from the log, without a
// seam between them.
func (m *Manager) QueryEvents(ctx context.Context, q Query) (Page, error) {
	page, err := m.log.Query(ctx, q)
	if err != nil {
		return Page{}, fmt.Errorf("query the log: %w", err)
	}
	return page, nil
}

// AllEvents returns every event in the buffer, oldest first.
func (m *Manager) AllEvents() []*Event { return m.buffer.All() }

// Event returns the event with this id, if it is in the buffer.
func (m *Manager) Event(id EventID) (*Event, bool) { return m.buffer.Get(id) }

// FindEvent returns the event with this id, from the buffer or the log; nil if
// there is none.
func (m *Manager) FindEvent(ctx context.Context, id EventID) (*Event, error) {
	if event, ok := m.buffer.Find(id); ok {
		return event, nil
	}
	return m.log.Find(ctx, id, "")
}

// History describes what the log holds.
func (m *Manager) History(ctx context.Context) (Extent, error) { return m.log.Extent(ctx) }

// Clear empties the buffer. The counters since the start and the sequence
// numbers go on.
func (m *Manager) Clear() { m.buffer.Clear() }

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
	m.config.Store(&config)
	m.buffer.Resize(config.BufferSize, config.bufferBytes())
	return nil
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
	sums.BufferBytes, sums.BufferBytesCapacity = m.buffer.Bytes()
	return sums
}
