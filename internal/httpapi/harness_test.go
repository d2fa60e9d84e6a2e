package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2/memstore"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/httpapi"
	"alertd/internal/metrics"
	"alertd/internal/session"
)

const breach = `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03","context":{"current_var":0.0500}}`

const (
	asJSON   = "application/json"
	asNDJSON = "application/x-ndjson"
	knownID  = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"
)

// with returns the alert of the seed's example with more fields.
func with(fields string) string { return strings.Replace(breach, "{", "{"+fields+",", 1) }

// harness is an API with all its real parts.
type harness struct {
	tb      testing.TB
	api     *httpapi.API
	manager *alerting.Manager
	log     *logBuffer
	desk    *desk
	// settings are those that it began with, to be changed and put into force.
	settings httpapi.Settings
	journal  *journal
}

// journal is an audit log.
type journal struct {
	mu      sync.Mutex
	entries []audit.Entry
	broken  error
}

func (j *journal) Audit(_ context.Context, entries ...audit.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	j.entries = append(j.entries, entries...)
	return nil
}

func (j *journal) AuditFailure(entry audit.Entry) { _ = j.Audit(context.Background(), entry) }

// logBuffer is a log that a test can read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newHarness returns an API whose configuration the test may change first.
func newHarness(tb testing.TB, change ...func(*httpapi.Config)) *harness {
	tb.Helper()
	manager, err := alerting.NewManager(alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: 1000}, nil)
	require.NoError(tb, err)
	log := &logBuffer{}
	registry := prometheus.NewRegistry()
	desk, journal := newDesk(), &journal{}
	config := httpapi.Config{
		Incidents: desk, EventIncidents: desk, EventCounts: counter{manager}, IncidentActions: desk, Silences: desk, Explainer: desk, Noise: desk, Deliveries: desk, Retries: desk, Channels: desk, ChannelTests: desk, Heartbeats: desk, Audit: desk, Credentials: &credentials{},
		Sessions: session.New(session.Config{Store: memstore.NewWithCleanupInterval(0), Idle: 8 * time.Hour, Absolute: 7 * 24 * time.Hour}), AuditLog: journal,
		Ready:   []httpapi.ReadyCheck{working("log"), working("engine")},
		Manager: manager, Changed: func() <-chan struct{} { return nil }, Registry: registry, Refusals: metrics.NewRefusals(registry), Logger: slog.New(slog.NewJSONHandler(log, nil)),
		Build:           httpapi.BuildInfo{Version: "v1.2.3", Commit: "abc", GoVersion: "go1.26"},
		EffectiveConfig: func() map[string]any { return map[string]any{"server": map[string]any{"listen": "127.0.0.1:8080"}} },
		Reload:          func(context.Context) ([]string, error) { return nil, nil },
	}
	for _, f := range change {
		f(&config)
	}
	registry.MustRegister(metrics.NewEvents(config.Manager))
	api, err := httpapi.New(config)
	require.NoError(tb, err)
	return &harness{tb: tb, api: api, manager: config.Manager, log: log, desk: desk, journal: journal, settings: config.Settings}
}

// counter counts the events of a manager one by one.
type counter struct{ *alerting.Manager }

func (c counter) Tally(_ context.Context, h *alerting.Histogram) error {
	for _, event := range c.AllEvents() {
		h.Add(event.Timestamp(), event.Severity(), 1)
	}
	return nil
}

// working is a check of something that works.
func working(name string) httpapi.ReadyCheck {
	return httpapi.ReadyCheck{Name: name, Err: func() error { return nil }}
}

// full is a check of something whose disk is full.
func full(name string) httpapi.ReadyCheck {
	return httpapi.ReadyCheck{Name: name, Err: func() error { return errDiskFull }}
}

// folded registers alerts, each given by its JSON, and folds them.
func (h *harness) folded(alerts ...string) *harness {
	h.tb.Helper()
	for _, alert := range alerts {
		require.Equal(h.tb, http.StatusCreated, h.post(alert).status)
	}
	page, err := h.manager.QueryEvents(h.tb.Context(), alerting.Query{Limit: len(alerts)})
	require.NoError(h.tb, err)
	h.desk.fold(page.Events...)
	return h
}

// brokenLog is a log that no longer works.
type brokenLog struct{ *alerting.MemoryLog }

var errDiskFull = &alerting.Error{Code: alerting.CodeUnavailable, Message: "the event log is not available: the disk is full"}

func (brokenLog) Append(context.Context, []*alerting.Draft) ([]alerting.Appended, error) {
	return nil, errDiskFull
}

func (brokenLog) Find(context.Context, alerting.EventID, string) (*alerting.Event, error) {
	return nil, errDiskFull
}

func (brokenLog) Query(context.Context, alerting.Query) (alerting.Page, error) {
	return alerting.Page{}, errDiskFull
}

func (brokenLog) Extent(context.Context) (alerting.Extent, error) {
	return alerting.Extent{}, errDiskFull
}

// brokenCounter counts on such a log.
type brokenCounter struct{}

func (brokenCounter) Tally(context.Context, *alerting.Histogram) error { return errDiskFull }

// onBrokenLog gives an API a log that no longer works.
func onBrokenLog(c *httpapi.Config) {
	manager, err := alerting.OpenManager(context.Background(), c.Manager.Config(), nil, brokenLog{alerting.NewMemoryLog(1)})
	if err != nil {
		panic(err) // the configuration is a good one
	}
	c.EventCounts = brokenCounter{}
	c.Manager, c.Ready = manager, []httpapi.ReadyCheck{full("log"), working("engine")}
}

// on returns the same API for another test, such as one input of a fuzz target.
func (h *harness) on(tb testing.TB) *harness {
	tb.Helper()
	copied := *h
	copied.tb = tb
	return &copied
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (h *harness) do(method, target, body string, header ...string) answer {
	h.tb.Helper()
	request := httptest.NewRequestWithContext(h.tb.Context(), method, target, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// routes finds the pattern of a path.
func (h *harness) routes() chi.Routes {
	h.tb.Helper()
	routes, ok := h.api.Handler().(chi.Routes)
	require.True(h.tb, ok)
	return routes
}

func (h *harness) get(target string) answer { return h.do(http.MethodGet, target, "") }

func (h *harness) post(body string, header ...string) answer {
	return h.do(http.MethodPost, "/alerts", body, header...)
}

// into decodes an answer's body.
func (a answer) into(tb testing.TB, value any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(a.body), value), a.body)
}

type problem struct {
	Type, Title, Detail string
	Status              int
	RequestID           string `json:"request_id"`
	Errors              []alerting.FieldError
}

// requireProblem checks the form of an error and returns it.
func requireProblem(tb testing.TB, a answer, status int) problem {
	tb.Helper()
	require.Equal(tb, status, a.status, a.body)
	require.Equal(tb, "application/problem+json", a.header.Get("Content-Type"))
	var p problem
	a.into(tb, &p)
	require.Equal(tb, status, p.Status)
	require.Equal(tb, "about:blank", p.Type)
	require.NotEmpty(tb, p.Title)
	require.NotEmpty(tb, p.Detail)
	require.Equal(tb, a.header.Get("X-Request-Id"), p.RequestID)
	return p
}

func requireField(tb testing.TB, p problem, field, contains string) {
	tb.Helper()
	for _, e := range p.Errors {
		if e.Field == field {
			require.Contains(tb, e.Message, contains)
			return
		}
	}
	require.Failf(tb, "the field is not named", "%s in %v", field, p)
}

type page struct {
	Events     []map[string]any `json:"events"`
	NextCursor *string          `json:"next_cursor"`
}

func (h *harness) events(query string) page {
	h.tb.Helper()
	a := h.get("/events" + query)
	require.Equal(h.tb, http.StatusOK, a.status, a.body)
	var p page
	a.into(h.tb, &p)
	return p
}

// serve runs the API on a real server.
func (h *harness) serve(change ...func(*http.Server)) *httptest.Server {
	h.tb.Helper()
	server := httptest.NewUnstartedServer(h.api.Handler())
	for _, f := range change {
		f(server.Config)
	}
	server.Start()
	h.tb.Cleanup(server.Close)
	return server
}

func readAll(tb testing.TB, r io.ReadCloser) string {
	tb.Helper()
	data, err := io.ReadAll(r)
	require.NoError(tb, err)
	require.NoError(tb, r.Close())
	return string(data)
}
