package alertd_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// example says how to run the examples of one language.
type example struct {
	language string
	command  func(name string) []string
}

func examples(tb testing.TB) []example {
	tb.Helper()
	directory := tb.TempDir()
	output, err := command(tb.Context(), "go", "build", "-o", directory, "./examples/...").CombinedOutput()
	require.NoError(tb, err, "%s", output)
	file := func(interpreter, extension string) func(string) []string {
		return func(name string) []string {
			return []string{interpreter, filepath.Join("examples", name, name+extension)}
		}
	}
	return []example{
		{"Python", file("python3", ".py")},
		{"shell", file("bash", ".sh")},
		{"Go", func(name string) []string { return []string{filepath.Join(directory, name)} }},
	}
}

// ran is the exit status and the output of a program.
type ran struct {
	status         int
	stdout, stderr string
}

func (e example) run(t *testing.T, alertd, name string, args ...string) ran {
	t.Helper()
	line := append(e.command(name), args...)
	cmd := command(t.Context(), line[0], line[1:]...)
	cmd.Env = append(cmd.Env, "ALERTD_URL="+alertd)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		require.NoError(t, err)
	}
	return ran{cmd.ProcessState.ExitCode(), string(stdout), stderr.String()}
}

// event is an event registered by an example.
type event struct {
	ID       string         `json:"event_id"`
	Severity string         `json:"severity"`
	Category string         `json:"category"`
	Source   string         `json:"source"`
	Message  string         `json:"message"`
	Context  map[string]any `json:"context"`
}

func (d *daemon) events(tb testing.TB) []event {
	tb.Helper()
	var page struct{ Events []event }
	require.NoError(tb, json.Unmarshal([]byte(get(tb, d.url()+"/events")), &page))
	return page.Events
}

// nowhere is an address at which nothing can listen.
const nowhere = "http://127.0.0.1:0"

func TestExamplesAreShort(t *testing.T) {
	files, err := filepath.Glob("examples/*/*.*")
	require.NoError(t, err)
	files = slices.DeleteFunc(files, func(file string) bool { // not a component of a user
		return strings.HasPrefix(file, "examples/counterparts/")
	})
	require.Len(t, files, 9)
	for _, file := range files {
		require.LessOrEqual(t, strings.Count(readFile(t, file), "\n"), 60, file)
	}
}

// TestExamples runs each example in each language against an alertd.
func TestExamples(t *testing.T) {
	requireBuilt(t)
	for _, e := range examples(t) {
		start := func(t *testing.T) *daemon {
			t.Helper()
			return startDaemon(t, "bin/alertd", "serve", "--config", ownConfig(t), "--listen", "127.0.0.1:0")
		}
		t.Run(e.language, func(t *testing.T) {
			t.Parallel()
			t.Run("a VaR gate within its limit trades on and registers nothing", func(t *testing.T) {
				t.Parallel()
				d := start(t)
				require.Equal(t, ran{stdout: "trade on\n"}, e.run(t, d.url(), "var_gate", "0.03", "0.03"))
				require.Empty(t, d.events(t))
			})
			t.Run("a VaR gate over its limit blocks and registers why", func(t *testing.T) {
				t.Parallel()
				d := start(t)
				require.Equal(t, ran{status: 1, stdout: "blocked\n"}, e.run(t, d.url(), "var_gate", "0.05", "0.03"))
				events := d.events(t)
				require.Len(t, events, 1)
				require.InDelta(t, 66.67, events[0].Context["breach_pct"], 0.01)
				delete(events[0].Context, "breach_pct")
				require.Equal(t, event{
					ID: events[0].ID, Severity: "error", Category: "risk_limit", Source: "var_gate",
					Message: "VaR limit breached: 0.0500 > 0.0300", Context: map[string]any{"current_var": 0.05, "limit": 0.03},
				}, events[0])
			})
			t.Run("a VaR gate also blocks without alertd", func(t *testing.T) {
				t.Parallel()
				got := e.run(t, nowhere, "var_gate", "0.05", "0.03")
				require.Equal(t, 1, got.status)
				require.Equal(t, "blocked\n", got.stdout)
				require.Contains(t, got.stderr, "var_gate: alert not registered")
			})
			t.Run("a kill switch registers once though an answer is lost", func(t *testing.T) {
				t.Parallel()
				d := start(t)
				proxy, requests := losesTheFirstAnswer(t, d)
				got := e.run(t, proxy, "kill_switch", "the desk's own limit")
				require.Equal(t, 0, got.status, got.stderr)
				require.EqualValues(t, 2, requests.Load())
				events := d.events(t)
				require.Len(t, events, 1)
				require.Equal(t, event{
					ID: events[0].ID, Severity: "critical", Category: "system_health", Source: "kill_switch",
					Message: "Kill switch activated: the desk's own limit",
					Context: map[string]any{"reason": "the desk's own limit", "action": "all_trading_halted"},
				}, events[0])
				require.Equal(t, "registered "+events[0].ID+"\n", got.stdout)
			})
			t.Run("a kill switch reports a failure", func(t *testing.T) {
				t.Parallel()
				got := e.run(t, nowhere, "kill_switch", "test")
				require.Equal(t, 1, got.status)
				require.Empty(t, got.stdout)
				require.Contains(t, got.stderr, "kill_switch: trading is halted, but the alert is not registered")
			})
			t.Run("a dashboard shows the statistics and the newest errors", func(t *testing.T) {
				t.Parallel()
				d := start(t)
				for range 6 {
					register(t, d, `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached","context":{"limit":0.03}}`)
				}
				register(t, d, `{"severity":"warning","category":"other","source":"noise","message":"not an error"}`)
				got := e.run(t, d.url(), "dashboard")
				require.Equal(t, 0, got.status, got.stderr)
				var shown struct {
					Stats struct {
						Total    int            `json:"total_events"`
						BySource map[string]int `json:"by_source"`
					}
					Recent  []event `json:"recent_critical"`
					Enabled *bool   `json:"alerting_enabled"`
				}
				require.NoError(t, json.Unmarshal([]byte(got.stdout), &shown), got.stdout)
				require.Equal(t, 7, shown.Stats.Total)
				require.Equal(t, map[string]int{"var_gate": 6, "noise": 1}, shown.Stats.BySource)
				require.Equal(t, d.events(t)[1:6], shown.Recent)
				require.Equal(t, new(bool), shown.Enabled, "it is off in this configuration")
			})
		})
	}
}

// losesTheFirstAnswer returns a proxy of the daemon that forwards every request and drops the
// first answer.
func losesTheFirstAnswer(tb testing.TB, d *daemon) (address string, requests *atomic.Int32) {
	tb.Helper()
	requests = new(atomic.Int32)
	target, err := url.Parse(d.url())
	require.NoError(tb, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) > 1 {
			proxy.ServeHTTP(w, r)
			return
		}
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // cuts the connection off
	}))
	tb.Cleanup(server.Close)
	return server.URL, requests
}

func register(tb testing.TB, d *daemon, alert string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, d.url()+"/alerts", strings.NewReader(alert))
	require.NoError(tb, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	require.NoError(tb, err)
	require.NoError(tb, answer.Body.Close())
	require.Equal(tb, http.StatusCreated, answer.StatusCode)
}
