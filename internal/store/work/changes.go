package work

import (
	"context"
	"fmt"
	"slices"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// Changes is what a transaction saves: everything that is new or has changed, each thing
// once.
type Changes struct {
	Incidents []incident.Incident
	// Reminders are when incidents are looked at again; a zero time: not at all.
	Reminders map[incident.Number]time.Time
	// Sooner are when incidents are looked at again at the latest: what is to be looked at
	// before, such as what was let go, is.
	Sooner  map[incident.Number]time.Time
	Notices []incident.Notice
	Entries []Entry
	// Deliveries are saved with their timers: see [delivery.Delivery.WakeAt].
	Deliveries []*delivery.Delivery
	Attempts   []Attempt
	// Outcomes are added to the channels' records, in their order.
	Outcomes []Outcome
	// Recovered are channels that work again: what waits there for its next attempt is
	// looked at now.
	Recovered []string
	// Folded are the events that were folded.
	Folded []Membership
	// States are saved with their timers, each once.
	States []State
	// Holds say what is held back, or is not any more.
	Holds []Hold
	// Released are holders that hold nothing back any more: what they hold is looked at now,
	// to be told, or held by something else.
	Released []string
	// Counts are added to what was counted before, by name.
	Counts map[string]int64
	// Audit is what people have done, for the audit log.
	Audit []audit.Entry
}

// Entry is a line of an incident's timeline.
type Entry struct {
	Incident incident.Number
	incident.Entry
}

// Attempt is an attempt at a delivery.
type Attempt struct {
	Delivery delivery.ID
	delivery.Attempt
}

// Membership says which incident an event belongs to.
type Membership struct {
	Event    alerting.Seq
	Incident incident.Number
}

var incidentsTable = table{name: "incidents", key: "number", columns: []column{
	{"number", numbers, kept},
	{"incident_id", ids, kept},
	{"fingerprint", texts, kept},
	{"status", numbers, replaced},
	{"severity", numbers, replaced},
	{"category", numbers, kept},
	{"source", texts, kept},
	{"last_seen", numbers, replaced},
	{"resolved", numbers, replaced},
	{"generation", numbers, replaced},
	{"state", texts, replaced},
}}

var noticesTable = table{name: "notices", columns: []column{
	{"incident", numbers, kept},
	{"number", numbers, kept},
	{"notice", texts, kept},
}}

var entriesTable = table{name: "incident_entries", columns: []column{
	{"incident", numbers, kept},
	{"entry", texts, kept},
}}

var deliveriesTable = table{name: "deliveries", key: "number", columns: []column{
	{"number", numbers, kept},
	{"delivery_id", ids, kept},
	{"incident", numbers, kept},
	{"generation", numbers, kept},
	{"notice", numbers, kept},
	{"reason", texts, kept},
	{"channel", texts, kept},
	{"target", texts, kept},
	{"status", numbers, replaced},
	{"ready", numbers, replaced},
	{"created", numbers, kept},
	{"due", numbers, replaced},
	{"give_up", numbers, replaced},
	{"finished", numbers, replaced},
	{"attempts", numbers, replaced},
	{"tried", numbers, replaced},
	{"claim", ids, replaced},
	{"lease", numbers, replaced},
	{"error", texts, replaced},
	{"thread", texts, replaced},
	{"fallback_for", ids, kept},
	{"reported", numbers, replaced},
}}

var attemptsTable = table{name: "delivery_attempts", columns: []column{
	{"delivery_id", ids, kept},
	{"number", numbers, kept},
	{"at", numbers, kept},
	{"took", numbers, kept},
	{"outcome", numbers, kept},
	{"code", numbers, kept},
	{"error", texts, kept},
}}

var digestsTable = table{name: "delivery_incidents", key: "delivery, incident", columns: []column{
	{"delivery", numbers, kept},
	{"incident", numbers, kept},
}}

// Save writes changes. It is the last thing that a transaction does if it writes to the
// audit log, whose end it locks: see [store.Store.Record].
func (t *Tx) Save(ctx context.Context, c Changes) error {
	if t.numbered {
		_, err := t.exec(ctx, `UPDATE engine SET incidents = ?, deliveries = ? WHERE id = 1`, t.incidents, t.deliveries)
		if err != nil {
			return fmt.Errorf("number incidents and deliveries: %w", err)
		}
	}
	incidents, err := t.incidentRows(c.Incidents)
	if err != nil {
		return err
	}
	notices, err := noticeRows(c.Notices)
	if err != nil {
		return err
	}
	entries, err := entryRows(c.Entries)
	if err != nil {
		return err
	}
	deliveries, digests, timers := t.deliveryRows(c.Deliveries)
	for number, due := range c.Reminders {
		timers.set(reminderTimer, int64(number), due)
	}
	for number, due := range c.Sooner {
		timers.sooner = append(timers.sooner, []any{int64(reminderTimer), int64(number), instant(due)})
	}
	if err := t.saveStates(ctx, c.States, &timers); err != nil {
		return err
	}
	for _, part := range []struct {
		to   table
		rows [][]any
	}{
		{incidentsTable, incidents},
		{noticesTable, notices},
		{entriesTable, entries},
		{deliveriesTable, deliveries},
		{digestsTable, digests},
		{attemptsTable, t.attemptRows(c.Attempts)},
		{holdsTable, holdRows(c.Holds)},
		{countsTable, countRows(c.Counts)},
	} {
		if err := t.write(ctx, part.to, part.rows); err != nil {
			return err
		}
	}
	if err := t.saveTimers(ctx, timers); err != nil {
		return err
	}
	if err := t.release(ctx, c.Released); err != nil { // also what is held since this transaction
		return err
	}
	if err := t.addFold(ctx, c.Folded); err != nil {
		return err
	}
	if err := t.addOutcomes(ctx, c.Outcomes); err != nil {
		return err
	}
	for _, channel := range c.Recovered {
		if err := t.retryNow(ctx, channel); err != nil {
			return err
		}
	}
	if err := t.tellReaders(ctx, &c); err != nil {
		return err
	}
	return t.work.store.Record(ctx, t.tx, t.now, c.Audit...)
}

// tellReaders tells readers of changes that people should see at once and no event tells of: what
// people have done, and what is over.
func (t *Tx) tellReaders(ctx context.Context, c *Changes) error {
	over := func(i incident.Incident) bool { return !i.Status.Open() }
	if t.rehearsal || len(c.Folded) > 0 || len(c.Audit) == 0 && !slices.ContainsFunc(c.Incidents, over) {
		return nil
	}
	t.announced = true
	return t.work.store.Announce(ctx, t.tx)
}

// statusNumbers are what queries look at; the name is in the state.
var statusNumbers = map[incident.Status]int64{incident.Triggered: 1, incident.Acknowledged: 2, incident.Resolved: 3}

// statusNumber returns the number of a status; one that is not known is open.
func statusNumber(s incident.Status) int64 { return max(1, statusNumbers[s]) }

func (t *Tx) incidentRows(incidents []incident.Incident) ([][]any, error) {
	rows := make([][]any, len(incidents))
	for n, i := range incidents {
		state, err := encode(i)
		if err != nil {
			return nil, err
		}
		rows[n] = []any{
			int64(i.Number), t.work.incidentKey(i.ID), i.Fingerprint.String(), statusNumber(i.Status), int64(i.Severity), int64(i.Category),
			i.Source, instant(i.LastSeen), micros(i.ResolvedAt), int64(i.Generation), state,
		}
	}
	return rows, nil
}

func noticeRows(notices []incident.Notice) ([][]any, error) {
	rows := make([][]any, len(notices))
	for i, n := range notices {
		notice, err := encode(n)
		if err != nil {
			return nil, err
		}
		rows[i] = []any{int64(n.Incident.Number), int64(n.Number), notice}
	}
	return rows, nil
}

func entryRows(entries []Entry) ([][]any, error) {
	rows := make([][]any, len(entries))
	for i, e := range entries {
		entry, err := encode(e.Entry)
		if err != nil {
			return nil, err
		}
		rows[i] = []any{int64(e.Incident), entry}
	}
	return rows, nil
}

func (t *Tx) deliveryRows(deliveries []*delivery.Delivery) (rows, digests [][]any, timers timerChanges) {
	for _, d := range deliveries {
		rows = append(rows, []any{
			int64(d.Number), t.work.deliveryKey(d.ID), int64(d.Incident), int64(d.Generation), int64(d.Notice), string(d.Reason), d.Channel, d.Target,
			int64(d.Status), flag(d.Ready), instant(d.CreatedAt), instant(d.DueAt), instant(d.GiveUpAt), micros(d.FinishedAt),
			int64(d.Attempts), micros(d.TriedAt), t.work.deliveryKey(d.Claim), micros(d.Lease), d.Error, d.Thread,
			t.work.deliveryKey(d.FallbackFor), flag(d.Reported),
		})
		for _, other := range d.Others {
			digests = append(digests, []any{int64(d.Number), int64(other.Number)})
		}
		timers.set(deliveryTimer, int64(d.Number), d.WakeAt(t.now))
	}
	return rows, digests, timers
}

func (t *Tx) attemptRows(attempts []Attempt) [][]any {
	rows := make([][]any, len(attempts))
	for i, a := range attempts {
		rows[i] = []any{
			t.work.deliveryKey(a.Delivery), int64(a.Number), instant(a.At), a.Duration.Microseconds(), int64(a.Outcome), int64(a.Code), a.Error,
		}
	}
	return rows
}

// incidentKey turns an id into an argument.
func (w *Work) incidentKey(id incident.ID) any { return w.dialect().ID(alerting.EventID(id)) }

// deliveryKey turns an id into an argument; the zero id is NULL.
func (w *Work) deliveryKey(id delivery.ID) any {
	if id.IsZero() {
		return nil
	}
	return w.dialect().ID(alerting.EventID(id))
}
