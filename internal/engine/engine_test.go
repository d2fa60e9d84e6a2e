package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/engine"
	"alertd/internal/incident"
	"alertd/internal/store"
)

// patience is how long anything may take on a slow machine.
const patience = 20 * time.Second

// meter counts nothing.
type meter struct{}

func (meter) Attempted(string, channel.Outcome, time.Duration) {}
func (meter) Finished(string, delivery.Status)                 {}
func (meter) Opened(int)                                       {}
func (meter) Noticed(incident.Reason)                          {}

// receiver is a channel in memory, whose answers a test chooses.
type receiver struct {
	mu     sync.Mutex
	got    []channel.Notification
	answer func(n channel.Notification) channel.Result
	grown  chan struct{}
}

func newReceiver() *receiver { return &receiver{grown: make(chan struct{}, 1)} }

func (r *receiver) Send(_ context.Context, n channel.Notification) channel.Result {
	r.mu.Lock()
	answer := r.answer
	r.mu.Unlock()
	result := channel.Result{Outcome: channel.Delivered}
	if answer != nil {
		result = answer(n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, n)
	select {
	case r.grown <- struct{}{}:
	default:
	}
	return result
}

func (r *receiver) Close() error { return nil }

func (r *receiver) answers(f func(n channel.Notification) channel.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// told returns what has come, as "number reason".
func (r *receiver) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var texts []string
	for _, n := range r.got {
		texts = append(texts, fmt.Sprintf("%d %s", n.Notice.Incident.Number, n.Notice.Reason))
	}
	return texts
}

// daemon is an alertd without its HTTP side.
type daemon struct {
	*alerting.Manager
	Engine *engine.Engine
	Store  *store.Store
	tb     testing.TB
}

func (r *receiver) channel(change func(p *delivery.Policy)) engine.Channel {
	p := delivery.DefaultPolicy()
	p.Name, p.Kind, p.Enabled = "receiver", "test", true
	if change != nil {
		change(&p)
	}
	return engine.Channel{Policy: p, Config: r, Open: func() (channel.Channel, error) { return r, nil }}
}

func start(tb testing.TB, channels ...engine.Channel) *daemon {
	tb.Helper()
	log := slog.New(slog.NewTextHandler(tb.Output(), nil))
	s, err := store.Open(tb.Context(), store.Config{Driver: store.SQLite, Path: filepath.Join(tb.TempDir(), "alertd.db"), Logger: log})
	require.NoError(tb, err)
	d := &daemon{Store: s, tb: tb}
	d.Engine, err = engine.New(engine.Config{
		Store: s, Meter: meter{}, Logger: log,
		Raise: func(ctx context.Context, a alerting.Alert) error {
			_, err := d.Manager.Register(ctx, a)
			return err
		},
	}, engine.Settings{Enabled: true, RepeatInterval: time.Hour, Channels: channels})
	require.NoError(tb, err)
	config := alerting.DefaultConfig()
	config.Enabled = true
	d.Manager, err = alerting.OpenManager(tb.Context(), config, d.Engine, s)
	require.NoError(tb, err)
	ctx, end := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 2)
	go func() { ended <- s.Run(context.WithoutCancel(ctx)) }()
	_ = ended
	engineEnded := make(chan error, 1)
	go func() { engineEnded <- d.Engine.Run(ctx) }()
	tb.Cleanup(func() {
		end()
		require.NoError(tb, <-engineEnded)
		require.NoError(tb, d.Engine.Close())
	})
	return d
}

func (d *daemon) post(severity alerting.Severity, message string) {
	d.tb.Helper()
	_, err := d.Register(d.tb.Context(), alerting.Alert{Severity: severity, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: message})
	require.NoError(d.tb, err)
}

func (d *daemon) wait(r *receiver, want ...string) {
	d.tb.Helper()
	require.Eventually(d.tb, func() bool {
		return len(r.told()) >= len(want)
	}, patience, time.Millisecond)
	require.Equal(d.tb, want, r.told())
}

func TestAnIncidentIsToldOnce(t *testing.T) {
	r := newReceiver()
	d := start(t, r.channel(nil))
	d.post(alerting.SeverityError, "VaR limit breached: 0.05 > 0.03")
	d.wait(r, "1 opened")
	d.post(alerting.SeverityError, "VaR limit breached: 0.06 > 0.03")
	d.post(alerting.SeverityCritical, "VaR limit breached: 0.09 > 0.03")
	d.wait(r, "1 opened", "1 severity_raised")
	page, err := d.Store.Incidents(t.Context(), incident.Query{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Incidents, 1)
	require.Equal(t, uint64(3), page.Incidents[0].Count)
	_, err = d.Engine.Acknowledge(t.Context(), page.Incidents[0].ID, incident.Action{By: "ann"})
	require.NoError(t, err)
	_, err = d.Engine.Resolve(t.Context(), page.Incidents[0].ID, incident.Action{By: "ann"})
	require.NoError(t, err)
	d.post(alerting.SeverityError, "VaR limit breached: 0.05 > 0.03")
	d.wait(r, "1 opened", "1 severity_raised", "1 acknowledged", "1 resolved", "2 opened")
	entries, err := d.Store.Timeline(t.Context(), page.Incidents[0].ID)
	require.NoError(t, err)
	for _, e := range entries {
		t.Log(e.Kind, e.Reason)
	}
}
