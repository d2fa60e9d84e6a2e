package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

// meter counts what an engine does.
type meter struct {
	mu       sync.Mutex
	finished map[string]int // by channel and status
	attempts int
}

func (*meter) Configure([]string)      {}
func (*meter) Opened(int)              {}
func (*meter) Noticed(incident.Reason) {}

func (m *meter) Attempted(string, channel.Outcome, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts++
}

func (m *meter) Finished(name string, status delivery.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.finished[name+" "+status.String()]++
}

func (m *meter) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.finished[what]
}

// message is one that a receiver was sent.
type message struct {
	at       time.Time
	n        channel.Notification
	outcome  channel.Outcome
	finished time.Time
}

// receiver is a channel in memory, whose answers a test chooses.
type receiver struct {
	name string

	mu     sync.Mutex
	got    []message
	answer func(ctx context.Context, n channel.Notification) channel.Result
	closed bool
}

func newReceiver(name string) *receiver { return &receiver{name: name} }

func (r *receiver) Send(ctx context.Context, n channel.Notification) channel.Result {
	m := message{at: time.Now(), n: n}
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	result := channel.Result{Outcome: channel.Delivered, Thread: "thread " + n.Key}
	if answer != nil {
		result = answer(ctx, n)
	}
	m.outcome, m.finished = result.Outcome, time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, m)
	return result
}

func (r *receiver) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// answers chooses how the receiver answers from now on; nil: it takes everything.
func (r *receiver) answers(f func(ctx context.Context, n channel.Notification) channel.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// always is an answer that is the same for everything.
func always(result channel.Result) func(context.Context, channel.Notification) channel.Result {
	return func(context.Context, channel.Notification) channel.Result { return result }
}

var (
	down    = always(channel.Result{Outcome: channel.Transient, Code: 503, Error: "answered 503 Service Unavailable"})
	refuses = always(channel.Result{Outcome: channel.Permanent, Code: 400, Error: "answered 400 Bad Request"})
)

func (r *receiver) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// told returns what was delivered, as "number reason", in the order in which it came.
func (r *receiver) told() []string {
	var texts []string
	for _, m := range r.messages() {
		if m.outcome == channel.Delivered {
			texts = append(texts, fmt.Sprintf("%d %s", m.n.Notice.Incident.Number, m.n.Notice.Reason))
		}
	}
	return texts
}

// channel returns the settings of a channel that sends to the receiver.
func (r *receiver) channel(changes ...func(p *delivery.Policy)) engine.Channel {
	p := delivery.DefaultPolicy()
	p.Name, p.Kind, p.Enabled, p.Retry.Jitter = r.name, "test", true, false
	for _, change := range changes {
		change(&p)
	}
	return engine.Channel{Policy: p, Config: r.name, Open: func() (channel.Channel, error) { return r, nil }}
}

// daemon is an alertd without its HTTP side, on SQLite, in a bubble of fake time.
type daemon struct {
	*alerting.Manager
	Engine *engine.Engine
	Store  *store.Store
	Work   *work.Work
	Meter  *meter

	t        *testing.T
	path     string
	settings engine.Settings
	stop     func()
}

// story runs a test in a bubble whose time goes on when nothing else does.
func story(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func start(t *testing.T, channels ...engine.Channel) *daemon {
	t.Helper()
	d := &daemon{t: t, path: filepath.Join(t.TempDir(), "alertd.db")}
	d.settings = engine.Settings{Enabled: true, RepeatInterval: time.Hour, PublicURL: "https://alertd.example.com", Channels: channels}
	d.start()
	return d
}

// start starts alertd on what it left behind.
func (d *daemon) start() {
	t := d.t
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
	s, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: d.path, Logger: log})
	require.NoError(t, err)
	d.Store, d.Work, d.Meter = s, work.New(s), &meter{finished: map[string]int{}}
	d.Engine, err = engine.New(engine.Config{
		Store: s, Work: d.Work, Meter: d.Meter, Logger: log,
		Raise: func(ctx context.Context, a alerting.Alert) error {
			_, err := d.Register(ctx, a)
			return err
		},
	}, d.settings)
	require.NoError(t, err)
	config := alerting.DefaultConfig()
	config.Enabled = d.settings.Enabled
	d.Manager, err = alerting.OpenManager(t.Context(), config, d.Engine, s)
	require.NoError(t, err)
	endStore, endEngine := background(t, s.Run), background(t, d.Engine.Run)
	d.stop = sync.OnceFunc(func() {
		require.NoError(t, endEngine())
		require.NoError(t, d.Engine.Close())
		require.NoError(t, endStore())
		require.NoError(t, s.Close())
	})
	t.Cleanup(d.stop)
	synctest.Wait()
}

func background(t *testing.T, run func(context.Context) error) (end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// enable turns alerting on or off, as a reload does.
func (d *daemon) enable(on bool) {
	d.t.Helper()
	d.settings.Enabled = on
	d.reconfigure()
	config := d.Config()
	config.Enabled = on
	require.NoError(d.t, d.Reconfigure(config))
}

func (d *daemon) reconfigure() {
	d.t.Helper()
	require.NoError(d.t, d.Engine.Reconfigure(d.settings))
}

// post registers an alert of var_gate.
func (d *daemon) post(severity alerting.Severity, message string) {
	d.t.Helper()
	_, err := d.Register(d.t.Context(), alerting.Alert{
		Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: message,
	})
	require.NoError(d.t, err)
	wait(time.Millisecond)
}

// wait lets time go on, and everything happen that is due meanwhile.
func wait(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble
	synctest.Wait()
}

// incident returns the incident with a number.
func (d *daemon) incident(number incident.Number) incident.Incident {
	d.t.Helper()
	page, err := d.Work.Incidents(d.t.Context(), incident.Query{Before: number + 1, Limit: 1})
	require.NoError(d.t, err)
	require.Len(d.t, page.Incidents, 1)
	require.Equal(d.t, number, page.Incidents[0].Number)
	return page.Incidents[0]
}

func (d *daemon) acknowledge(number incident.Number, by string) {
	d.t.Helper()
	_, err := d.Engine.Acknowledge(d.t.Context(), d.incident(number).ID, incident.Action{By: by})
	require.NoError(d.t, err)
	synctest.Wait()
}

// resolve resolves the first incident.
func (d *daemon) resolve(by string) {
	d.t.Helper()
	_, err := d.Engine.Resolve(d.t.Context(), d.incident(1).ID, incident.Action{By: by, Note: "done"})
	require.NoError(d.t, err)
	synctest.Wait()
}

// timeline returns an incident's entries as "kind: reason".
func (d *daemon) timeline(number incident.Number) []string {
	d.t.Helper()
	entries, err := d.Work.Timeline(d.t.Context(), d.incident(number).ID)
	require.NoError(d.t, err)
	var lines []string
	for _, e := range entries {
		lines = append(lines, string(e.Kind)+": "+e.Reason)
	}
	return lines
}

// deliveries returns all deliveries, the first planned first.
func (d *daemon) deliveries() []delivery.Delivery {
	d.t.Helper()
	page, err := d.Work.Deliveries(d.t.Context(), delivery.Query{Limit: 1000})
	require.NoError(d.t, err)
	slices.Reverse(page.Deliveries)
	return page.Deliveries
}

// statuses returns how far each delivery has come, as "channel reason status".
func (d *daemon) statuses() []string {
	d.t.Helper()
	var lines []string
	for _, x := range d.deliveries() {
		lines = append(lines, fmt.Sprintf("%s %s %s", x.Channel, x.Reason, x.Status))
	}
	return lines
}

// channel returns how the channel desk does.
func (d *daemon) channel() delivery.ChannelStatus {
	d.t.Helper()
	all, err := d.Engine.Channels(d.t.Context())
	require.NoError(d.t, err)
	i := slices.IndexFunc(all, func(c delivery.ChannelStatus) bool { return c.Name == "desk" })
	require.GreaterOrEqual(d.t, i, 0)
	return all[i]
}
