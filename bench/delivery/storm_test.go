package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/incident"
)

func TestStormHasAHundredKindsOfDistinctMessages(t *testing.T) {
	bodies := stormBatches("storm-1", 3000)
	require.Len(t, bodies, 3)
	messages, kinds := map[string]bool{}, map[string]int{}
	for _, body := range bodies {
		require.Equal(t, batchSize, strings.Count(string(body), "\n"))
		for line := range strings.Lines(string(body)) {
			var alert struct{ Source, Message string }
			require.NoError(t, json.Unmarshal([]byte(line), &alert))
			require.Equal(t, "storm-1", alert.Source)
			messages[alert.Message] = true
			kinds[incident.Mask(alert.Message)]++
		}
	}
	require.Len(t, messages, 3000)
	require.Len(t, kinds, incidents)
	for kind, count := range kinds {
		require.Equal(t, 30, count, kind)
	}
}

// fakeAlertd takes batches, is behind for two scrapes, and shows incidents.
type fakeAlertd struct {
	mu                       sync.Mutex
	events, scrapes          int
	lost, refused, incidents int
	told                     func()
}

func (f *fakeAlertd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.URL.Path {
	case "/alerts":
		body, _ := io.ReadAll(r.Body)
		lines := strings.Count(string(body), "\n")
		f.events += lines
		_, _ = fmt.Fprintf(w, `{"registered":%d,"filtered":0}`, lines-f.refused)
	case "/metrics":
		f.scrapes++
		switch f.scrapes {
		case 1: // the lag is not known
			_, _ = fmt.Fprintln(w, `alertd_delivery_queue{channel="webhook"} 0`)
		case 2:
			_, _ = fmt.Fprintln(w, "# HELP alertd_dispatch_lag_seconds 0\nalertd_dispatch_lag_seconds 0.5\nalertd_delivery_queue{channel=\"webhook\"} 0")
		case 3:
			_, _ = fmt.Fprintln(w, "alertd_dispatch_lag_seconds 0\nalertd_delivery_queue{channel=\"webhook\"} 7")
		default:
			f.told()
			_, _ = fmt.Fprintln(w, "alertd_dispatch_lag_seconds 0\nalertd_delivery_queue{channel=\"webhook\"} 0")
		}
	case "/incidents":
		counts := make([]string, f.incidents)
		for i := range counts {
			counts[i] = fmt.Sprintf(`{"count": %d}`, (f.events-f.lost)/f.incidents)
		}
		_, _ = fmt.Fprintf(w, `{"incidents": [%s], "next_cursor": null}`, strings.Join(counts, ","))
	default:
		http.NotFound(w, r)
	}
}

// weather raises a storm of 4,000 events on the fake.
func weather(t *testing.T, f *fakeAlertd, enabled bool, toldOf int) (storm, error) {
	t.Helper()
	heard := &tally{source: "s", incidents: make(map[string]bool)}
	f.told = func() {
		for n := range toldOf {
			m := message{Type: "incident.opened"}
			m.Data.Incident.Source, m.Data.Incident.ID = "s", fmt.Sprint(n)
			heard.take(m, time.Time{})
			m.Data.Incident.Source = "another"
			heard.take(m, time.Time{})
		}
	}
	server := httptest.NewServer(f)
	defer server.Close()
	c := &client{addr: server.Listener.Addr().String(), http: &http.Client{Transport: &http.Transport{}}}
	defer c.http.CloseIdleConnections()
	return c.weather(t.Context(), os.Getpid(), "s", stormBatches("s", 4000), enabled, heard)
}

func TestStormEndsWhenAllIsFoldedAndTold(t *testing.T) {
	f := &fakeAlertd{incidents: incidents}
	s, err := weather(t, f, true, incidents)
	require.NoError(t, err)
	require.Equal(t, 4, f.scrapes, "a lag that is not known is none of 0")
	require.Positive(t, s.rate)
	require.GreaterOrEqual(t, s.lag, pollEvery, "the second poll comes later")
	require.Greater(t, s.told, s.lag)
	require.Equal(t, incidents, s.messages)
	require.Positive(t, s.peak)
}

func TestStormWithoutAlertingIsOnlyPosted(t *testing.T) {
	f := &fakeAlertd{}
	s, err := weather(t, f, false, 0)
	require.NoError(t, err)
	require.Equal(t, 4000, f.events)
	require.Zero(t, f.scrapes)
	require.Zero(t, s.lag)
}

func TestIncompleteStormFails(t *testing.T) {
	_, err := weather(t, &fakeAlertd{incidents: incidents, refused: 1}, true, incidents)
	require.ErrorContains(t, err, "not accepted as a whole")
	_, err = weather(t, &fakeAlertd{incidents: incidents, lost: 100}, true, incidents)
	require.ErrorContains(t, err, "100 incidents with 3900 events")
	_, err = weather(t, &fakeAlertd{incidents: 50}, true, incidents)
	require.ErrorContains(t, err, "50 incidents with 4000 events")
	_, err = weather(t, &fakeAlertd{incidents: incidents}, true, 99)
	require.ErrorContains(t, err, "about 99 incidents")
}

func TestGaugeReadsTheSeriesItself(t *testing.T) {
	text := []byte("# HELP a b 1\na{b=\"c\"} 2\na_b 3\na 4.5e-3\n")
	value, ok := gauge(text, "a")
	require.True(t, ok)
	require.InDelta(t, 0.0045, value, 0)
	value, ok = gauge(text, `a{b="c"}`)
	require.True(t, ok)
	require.InDelta(t, 2, value, 0)
	_, ok = gauge(text, "b")
	require.False(t, ok)
}

func TestFoldedCountsTheTimeToPostAndToCatchUp(t *testing.T) {
	s := storm{rate: 100_000, lag: 2 * time.Second}
	require.InDelta(t, 50_000, s.folded(200_000), 1e-6)
}
