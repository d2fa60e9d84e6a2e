package httpapi_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/heartbeat"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// desk keeps incidents and deliveries in memory, by the rules of package incident.
type desk struct {
	mu         sync.Mutex
	incidents  []incident.Incident // by their numbers
	timelines  map[incident.ID][]incident.Entry
	events     map[incident.ID][]*alerting.Event
	of         map[alerting.Seq]incident.ID // by the events' numbers
	deliveries []delivery.Delivery          // by their numbers
	attempts   map[delivery.ID][]delivery.Attempt
	channels   []delivery.ChannelStatus
	heartbeats []heartbeat.Heartbeat
	silences   []routing.Silenced
	// result is what becomes of a test, after wait has ended.
	result     delivery.TestResult
	wait       func(context.Context) error
	records    []audit.Record
	unreadable int
	// err is what every call is answered with, if it is not nil; away is for
	// IncidentsOf alone.
	err, away error
}

func newDesk() *desk {
	return &desk{
		timelines: map[incident.ID][]incident.Entry{}, events: map[incident.ID][]*alerting.Event{}, of: map[alerting.Seq]incident.ID{}, attempts: map[delivery.ID][]delivery.Attempt{},
		wait: func(context.Context) error { return nil },
	}
}

// noon is when things happen on a desk.
func noon() time.Time { return time.Date(2025, 12, 27, 12, 0, 0, 0, time.UTC) }

// knownIncident and knownDelivery are ids of what happens first on a desk.
func knownIncident() incident.ID { return must(incident.ParseID(incidentText)) }
func knownDelivery() delivery.ID { return must(delivery.ParseID(deliveryText)) }

const (
	incidentText = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a01"
	deliveryText = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a02"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// fold folds events, in the order of their numbers.
func (d *desk) fold(events ...*alerting.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	slices.SortFunc(events, func(a, b *alerting.Event) int { return cmp.Compare(a.Seq(), b.Seq()) })
	for _, e := range events {
		key := incident.KeyOf(e, incident.GroupBy{})
		i := slices.IndexFunc(d.incidents, func(i incident.Incident) bool { return i.Fingerprint == key.Fingerprint && i.Status.Open() })
		var change incident.Change
		if i < 0 {
			id := knownIncident()
			if len(d.incidents) > 0 {
				id = incident.NewID()
			}
			i = len(d.incidents)
			var opened incident.Incident
			opened, change = incident.Open(id, incident.Number(i+1), key, e, incident.Terms{}, noon())
			d.incidents = append(d.incidents, opened)
		} else {
			change = d.incidents[i].Add(e, incident.Terms{Repeat: time.Hour}, noon())
		}
		id := d.incidents[i].ID
		d.timelines[id] = append(d.timelines[id], change.Entries...)
		d.events[id], d.of[e.Seq()] = append(d.events[id], e), id
	}
}

// act has Ada do something to the first incident.
func (d *desk) act(tb testing.TB, what ...string) {
	tb.Helper()
	for _, do := range what {
		var err error
		switch ada := (incident.Action{By: "Ada", Note: "Looking at it"}); do {
		case "acknowledge":
			_, err = d.Acknowledge(tb.Context(), knownIncident(), ada)
		case "resolve":
			_, err = d.Resolve(tb.Context(), knownIncident(), ada)
		}
		require.NoError(tb, err)
	}
}

// forget drops what belongs to incidents, as retention may.
func (d *desk) forget() {
	clear(d.timelines)
	clear(d.events)
}

// plan adds a delivery.
func (d *desk) plan(planned delivery.Delivery, attempts ...delivery.Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	planned.Number = delivery.Number(len(d.deliveries) + 1)
	planned.Attempts = len(attempts)
	d.deliveries = append(d.deliveries, planned)
	d.attempts[planned.ID] = attempts
}

func noSuch(what string, id fmt.Stringer) error {
	return &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no %s with the id %s", what, id)}
}

func (d *desk) Incidents(_ context.Context, q incident.Query) (incident.Page, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var page incident.Page
	for _, i := range slices.Backward(d.incidents) {
		if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, i.Status) || i.Severity < q.MinSeverity ||
			len(q.Categories) > 0 && !slices.Contains(q.Categories, i.Category) || len(q.Sources) > 0 && !slices.Contains(q.Sources, i.Source) ||
			i.LastSeen.Before(q.Since) || !strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.Text)) || q.Before > 0 && i.Number >= q.Before || i.Number <= q.After ||
			q.Fingerprint != nil && i.Fingerprint != *q.Fingerprint {
			continue
		}
		page.Incidents = append(page.Incidents, i)
	}
	if q.Ascending {
		slices.Reverse(page.Incidents)
	}
	if len(page.Incidents) > q.Limit {
		page.Incidents, page.More = page.Incidents[:q.Limit], true
	}
	return page, d.err
}

func (d *desk) CountOpen(context.Context) (map[incident.Status]map[alerting.Severity]int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	open := map[incident.Status]map[alerting.Severity]int{incident.Triggered: {}, incident.Acknowledged: {}, incident.Resolved: {}}
	for _, i := range d.incidents {
		open[i.Status][i.Severity]++
	}
	return open, d.err
}

func (d *desk) find(id incident.ID) (*incident.Incident, error) {
	for i := range d.incidents {
		if d.incidents[i].ID == id {
			return &d.incidents[i], d.err
		}
	}
	return &incident.Incident{}, cmp.Or(d.err, noSuch("incident", id))
}

func (d *desk) Incident(_ context.Context, id incident.ID) (incident.Incident, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.find(id)
	return *found, err
}

func (d *desk) Timeline(_ context.Context, id incident.ID) ([]incident.Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.timelines[id]), d.err
}

func (d *desk) IncidentEvents(_ context.Context, id incident.ID, limit int) ([]*alerting.Event, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := slices.Clone(d.events[id])
	slices.Reverse(events)
	return events[:min(limit, len(events))], d.err
}

func (d *desk) IncidentsOf(ctx context.Context, events []*alerting.Event) (map[alerting.Seq]incident.ID, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := cmp.Or(d.err, d.away); err != nil {
		return nil, err
	}
	if err := d.wait(ctx); err != nil {
		return nil, err
	}
	known := map[alerting.Seq]incident.ID{}
	for _, e := range events {
		if id, ok := d.of[e.Seq()]; ok {
			known[e.Seq()] = id
		}
	}
	return known, nil
}

func (d *desk) Acknowledge(_ context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.find(id)
	if err != nil {
		return incident.Incident{}, err
	}
	change, err := found.Acknowledge(a, nil, noon().Add(time.Minute))
	d.timelines[id] = append(d.timelines[id], change.Entries...)
	return *found, err
}

// all does something to incidents one by one.
func (d *desk) all(ids []incident.ID, do func(*incident.Incident) (incident.Change, error)) (results []incident.Result, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		r := incident.Result{ID: id}
		found, err := d.find(id)
		if d.err != nil {
			return nil, d.err
		}
		if r.Err = err; err == nil {
			var change incident.Change
			change, r.Err = do(found)
			d.timelines[id] = append(d.timelines[id], change.Entries...)
			r.Incident, r.Changed = *found, change.Notice != nil
		}
		results = append(results, r)
	}
	return results, nil
}

func (d *desk) AcknowledgeAll(_ context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error) {
	return d.all(ids, func(i *incident.Incident) (incident.Change, error) {
		return i.Acknowledge(a, nil, noon().Add(time.Minute))
	})
}

func (d *desk) ResolveAll(_ context.Context, ids []incident.ID, a incident.Action) ([]incident.Result, error) {
	return d.all(ids, func(i *incident.Incident) (incident.Change, error) {
		return i.Resolve(a, nil, noon().Add(time.Hour)), nil
	})
}

func (d *desk) Resolve(_ context.Context, id incident.ID, a incident.Action) (incident.Incident, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, err := d.find(id)
	if err != nil {
		return incident.Incident{}, err
	}
	d.timelines[id] = append(d.timelines[id], found.Resolve(a, nil, noon().Add(time.Hour)).Entries...)
	return *found, nil
}

func (d *desk) Deliveries(_ context.Context, q delivery.Query) (delivery.Page, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var page delivery.Page
	for _, one := range slices.Backward(d.deliveries) {
		if len(q.Statuses) > 0 && !slices.Contains(q.Statuses, one.Status) || q.Channel != "" && one.Channel != q.Channel ||
			!q.Incident.IsZero() && one.IncidentID != q.Incident || q.Before > 0 && one.Number >= q.Before {
			continue
		}
		page.Deliveries = append(page.Deliveries, one)
	}
	if len(page.Deliveries) > q.Limit {
		page.Deliveries, page.More = page.Deliveries[:q.Limit], true
	}
	return page, d.err
}

func (d *desk) Delivery(_ context.Context, id delivery.ID) (delivery.Delivery, []delivery.Attempt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, one := range d.deliveries {
		if one.ID == id {
			return one, d.attempts[id], d.err
		}
	}
	return delivery.Delivery{}, nil, cmp.Or(d.err, noSuch("delivery", id))
}

func (d *desk) RetryDelivery(ctx context.Context, id delivery.ID) (delivery.Delivery, error) {
	found, _, err := d.Delivery(ctx, id)
	switch {
	case err != nil:
		return delivery.Delivery{}, err
	case found.Status != delivery.Failed:
		return delivery.Delivery{}, &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf("the delivery is %s, only one that is failed can be retried", found.Status)}
	}
	found.Status, found.FinishedAt, found.DueAt = delivery.Waiting, time.Time{}, noon().Add(2*time.Hour)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.deliveries[found.Number-1] = found
	return found, nil
}

func (d *desk) Channels(context.Context) ([]delivery.ChannelStatus, error) {
	for i := range d.channels {
		d.channels[i].Activity = delivery.NewActivity(noon())
		d.channels[i].Activity.Add(delivery.Hour{Start: noon().Add(-time.Hour), Successes: 2, Failures: uint64(i)})
	}
	return d.channels, d.err
}

func (d *desk) TestChannel(ctx context.Context, name string) (delivery.TestResult, error) {
	if d.err != nil {
		return delivery.TestResult{}, d.err
	}
	i := slices.IndexFunc(d.channels, func(c delivery.ChannelStatus) bool { return c.Name == name })
	switch {
	case i < 0:
		return delivery.TestResult{}, &alerting.Error{Code: alerting.CodeNotFound, Message: fmt.Sprintf("there is no channel %q", name)}
	case !d.channels[i].Enabled:
		return delivery.TestResult{}, &alerting.Error{Code: alerting.CodeConflict, Message: fmt.Sprintf("the channel %s is disabled", name)}
	}
	result := d.result
	result.Channel = name
	return result, d.wait(ctx)
}

func (d *desk) Heartbeats(context.Context) ([]heartbeat.Heartbeat, error) { return d.heartbeats, d.err }

func (d *desk) Heartbeat(_ context.Context, name string, ping heartbeat.Ping) (heartbeat.Heartbeat, error) {
	i := slices.IndexFunc(d.heartbeats, func(h heartbeat.Heartbeat) bool { return h.Spec.Name == name })
	switch {
	case d.err != nil:
		return heartbeat.Heartbeat{}, d.err
	case i < 0:
		return heartbeat.Heartbeat{}, &alerting.Error{Code: alerting.CodeNotFound, Message: "there is no heartbeat of this name"}
	}
	h := d.heartbeats[i]
	h.State, _ = h.State.Ping(h.Spec, ping, noon())
	return h, nil
}

// furnish puts a bit of everything on a desk whose incidents are there: a delivery
// of each status, a channel of each state of health, heartbeats, and a silence.
func (d *desk) furnish() {
	d.silenced()
	about := func(id delivery.ID, status delivery.Status, name string) delivery.Delivery {
		return delivery.Delivery{
			ID: id, Incident: 1, IncidentID: knownIncident(), Generation: 1, Notice: 1, Reason: incident.Opened, Channel: name, Status: status,
			CreatedAt: noon(), DueAt: noon().Add(time.Minute), GiveUpAt: noon().Add(time.Hour),
		}
	}
	failed := about(knownDelivery(), delivery.Failed, "slack")
	failed.FinishedAt, failed.Error = noon().Add(time.Hour), "503 Service Unavailable"
	d.plan(failed,
		delivery.Attempt{Number: 1, At: noon(), Duration: 1500 * time.Microsecond, Outcome: channel.Transient, Error: "connection refused"},
		delivery.Attempt{Number: 2, At: noon().Add(time.Minute), Duration: 2 * time.Second, Outcome: channel.Transient, Code: 503, Error: "503 Service Unavailable"})
	instead := about(delivery.NewID(), delivery.Delivered, "email")
	instead.FallbackFor, instead.FinishedAt = failed.ID, noon().Add(2*time.Hour)
	d.plan(instead, delivery.Attempt{Number: 1, At: noon().Add(2 * time.Hour), Duration: time.Second, Outcome: channel.Delivered, Code: 250})
	d.plan(about(delivery.NewID(), delivery.Waiting, "slack"))
	d.plan(about(delivery.NewID(), delivery.Sending, "webhook"))
	superseded := about(delivery.NewID(), delivery.Superseded, "webhook")
	superseded.Reason, superseded.FinishedAt = incident.Updated, noon()
	d.plan(superseded)
	test := about(delivery.NewID(), delivery.Delivered, "email")
	test.IncidentID, test.Incident, test.Reason, test.FinishedAt = incident.ID{}, 0, incident.Test, noon()
	d.plan(test)
	d.channels = []delivery.ChannelStatus{
		{Name: "console", Kind: "console", Health: delivery.Disabled},
		{Name: "email", Kind: "email", Enabled: true, Health: delivery.Healthy, Breaker: delivery.BreakerClosed, Record: delivery.Record{Successes: 2, LastSuccess: noon()}},
		{Name: "slack", Kind: "slack", Enabled: true, Health: delivery.Failing, Breaker: delivery.BreakerOpen, Waiting: 1, OldestWaiting: noon(), Record: delivery.Record{
			Successes: 7, Failures: 9, Consecutive: 3, LastError: "503 Service Unavailable", LastFailure: noon(), LastSuccess: noon().Add(-time.Hour),
		}},
		{Name: "on call/night", Kind: "webhook", Enabled: true, Health: delivery.Degraded, Breaker: delivery.BreakerHalfOpen},
	}
	missed, feed := heartbeat.NewSpec("var-engine", time.Minute), heartbeat.NewSpec("feed", time.Hour)
	state, _ := heartbeat.State{}.Ping(missed, heartbeat.Ping{Message: "warmed up"}, noon())
	state, _ = state.Check(missed, noon().Add(2*time.Minute))
	d.heartbeats = []heartbeat.Heartbeat{{Spec: missed, State: state}, {Spec: feed, State: heartbeat.State{}.Resume(feed, noon())}}
	d.result = delivery.TestResult{Delivery: knownDelivery(), Attempt: delivery.Attempt{
		Number: 1, At: noon(), Duration: 12345 * time.Microsecond, Outcome: channel.Transient, Code: 503, Error: "503 Service Unavailable",
	}}
}
