package failuretest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/engine"
	"alertd/internal/httpapi"
	"alertd/internal/metrics"
	"alertd/internal/session"
	"alertd/internal/store"
	"alertd/internal/store/work"
)

// patience bounds every wait for something that must happen.
const patience = 15 * time.Second

// service is an event log with the API in front of it.
type service struct {
	store   *store.Store
	manager *alerting.Manager
	api     http.Handler
	log     *logText
	stop    func() // ends it; may be called more than once
}

// logText is a log that a test can read while it is written.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newLogger(out *logText) *slog.Logger { return slog.New(slog.NewTextHandler(out, nil)) }

// start opens a log and runs it until the test ends.
func start(tb testing.TB, config store.Config) *service {
	tb.Helper()
	return startWith(tb, config, alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: 100})
}

func startWith(tb testing.TB, config store.Config, alerts alerting.Config) *service {
	tb.Helper()
	s := &service{log: &logText{}}
	config.Logger = newLogger(s.log)
	var err error
	s.store, err = store.Open(tb.Context(), config)
	require.NoError(tb, err)
	s.manager, err = alerting.OpenManager(tb.Context(), alerts, nil, s.store)
	if err != nil {
		require.NoError(tb, errors.Join(err, s.store.Close()))
	}
	registry, tasks := prometheus.NewRegistry(), work.New(s.store)
	registry.MustRegister(metrics.NewEvents(s.manager), metrics.NewLog(s.store, tasks.Deleted))
	idle := idleEngine(tb, s.store, config.Logger)
	api, err := httpapi.New(httpapi.Config{
		Manager: s.manager, Changed: s.store.Changed, Registry: registry, Refusals: metrics.NewRefusals(registry), Logger: config.Logger, Ready: []httpapi.ReadyCheck{{Name: "log", Err: s.store.Ready}, {Name: "engine", Err: idle.Ready}},
		Incidents: tasks, EventIncidents: tasks, EventCounts: s.store, Deliveries: tasks, Audit: s.store, Credentials: s.store,
		IncidentActions: idle, Silences: idle, Explainer: idle, Noise: tasks, Heartbeats: idle, Retries: idle, Channels: idle, ChannelTests: idle,
		Sessions: session.New(session.Config{Store: store.NewSessions(s.store), Idle: time.Hour, Absolute: time.Hour}), AuditLog: s.store,
		Build:           httpapi.BuildInfo{Version: "v1.2.3", Commit: "abc", GoVersion: "go1.26"},
		EffectiveConfig: func() map[string]any { return nil },
		Reload:          func(context.Context) ([]string, error) { return nil, nil },
	})
	require.NoError(tb, err)
	s.api = api.Handler()

	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.store.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, s.store.Close()); err != nil {
			tb.Errorf("stop the log: %s", err)
		}
		if tb.Failed() {
			tb.Logf("the service's log:\n%s", s.log)
		}
	})
	tb.Cleanup(s.stop)
	return s
}

// idleEngine returns an engine that does not run: these tests are about the log alone.
func idleEngine(tb testing.TB, s *store.Store, log *slog.Logger) *engine.Engine {
	tb.Helper()
	e, err := engine.New(engine.Config{
		Store: s, Work: work.New(s), Meter: metrics.NewDelivery(nil), Logger: log,
		Raise: func(context.Context, alerting.Alert) error { return nil },
	}, engine.Settings{})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, e.Close()) })
	return e
}

// alert returns a valid alert with an id of its own.
func alert() alerting.Alert {
	return alerting.Alert{
		EventID: alerting.NewEventID(), Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit,
		Source: "var_gate", Message: "VaR limit breached: 0.05 > 0.03",
	}
}

// register registers one alert.
func (s *service) register(tb testing.TB, a alerting.Alert) (*alerting.Event, error) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 2*patience)
	defer cancel()
	result, err := s.manager.Register(ctx, a)
	return result.Event, err
}

// mustRegister registers n alerts at once, which must be taken.
func (s *service) mustRegister(tb testing.TB, n int) {
	tb.Helper()
	alerts := make([]alerting.Alert, n)
	for i := range alerts {
		alerts[i] = alert()
	}
	ctx, cancel := context.WithTimeout(tb.Context(), 2*patience)
	defer cancel()
	results, err := s.manager.RegisterBatch(ctx, alerts)
	require.NoError(tb, err)
	for _, result := range results {
		require.Equal(tb, alerting.OutcomeRegistered, result.Outcome)
	}
}

// requireUnavailable requires an error that says that the log cannot do it now, and
// why.
func requireUnavailable(tb testing.TB, err error, reason string) {
	tb.Helper()
	known, ok := errors.AsType[*alerting.Error](err)
	require.True(tb, ok, "%T: %v", err, err)
	require.Equal(tb, alerting.CodeUnavailable, known.Code, known.Message)
	require.Contains(tb, known.Message, reason)
}

// waitReady waits until the log takes events again.
func (s *service) waitReady(tb testing.TB) {
	tb.Helper()
	require.Eventually(tb, func() bool { return s.store.Ready() == nil }, patience, 5*time.Millisecond, "%v", s.store.Ready())
}

// waitNotReady waits until readiness fails with a reason that contains a text.
func (s *service) waitNotReady(tb testing.TB, reason string) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		err := s.store.Ready()
		return err != nil && strings.Contains(err.Error(), reason)
	}, patience, 5*time.Millisecond, "%v", s.store.Ready())
	requireUnavailable(tb, s.store.Ready(), reason)
}

// answer is what came back over HTTP.
type answer struct {
	status int
	header http.Header
	body   string
}

func (s *service) do(tb testing.TB, method, target, body string) answer {
	tb.Helper()
	request := httptest.NewRequestWithContext(tb.Context(), method, target, strings.NewReader(body))
	recorder := httptest.NewRecorder()
	s.api.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

func (s *service) get(tb testing.TB, target string) answer {
	tb.Helper()
	return s.do(tb, http.MethodGet, target, "")
}

// into decodes an answer's body.
func (a answer) into(tb testing.TB, value any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(a.body), value), a.body)
}
