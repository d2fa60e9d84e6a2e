package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// deskChannels are a webhook to a receiver and a log file beside the configuration.
func deskChannels(url, path string) string {
	return fmt.Sprintf("[alerting]\nenabled = true\n[alerting.channels.webhook]\nenabled = true\nurl = %q\n"+
		"[alerting.channels.logfile]\nenabled = true\npath = %q\n", url, path)
}

// webhookReceiver records the types of the messages.
func webhookReceiver(tb testing.TB) (url string, types func() []string) {
	tb.Helper()
	var mu sync.Mutex
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Type string }
		if json.NewDecoder(r.Body).Decode(&message) == nil {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, message.Type)
		}
	}))
	tb.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), got...)
	}
}

func lines(path string) int {
	data, _ := os.ReadFile(path) // it may not be there yet
	return strings.Count(string(data), "\n")
}

func eventually(tb testing.TB, condition func() bool, what string) {
	tb.Helper()
	require.Eventually(tb, condition, 20*time.Second, 5*time.Millisecond, what)
}

func TestSIGHUPReopensLogFiles(t *testing.T) {
	url, types := webhookReceiver(t)
	p := startProcess(t, "")
	path := p.beside("alerts.jsonl")
	p.configure(deskChannels(url, path))
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration reloaded")

	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	eventually(t, func() bool { return lines(path) == 1 && len(types()) == 1 }, "it is told on both")
	require.NoError(t, os.Rename(path, path+".1")) // as logrotate does
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration reloaded")
	var page struct {
		Incidents []struct {
			ID string `json:"incident_id"`
		}
	}
	p.get("/incidents").into(t, &page)
	require.Len(t, page.Incidents, 1)
	require.Equal(t, http.StatusOK, p.post("/incidents/"+page.Incidents[0].ID+"/resolve", `{"by": "ann"}`).status)
	eventually(t, func() bool { return lines(path) == 1 && len(types()) == 2 }, "in the new file")
	require.Equal(t, 1, lines(path+".1"))
	require.Equal(t, []string{"incident.opened", "incident.resolved"}, types())
	require.Equal(t, exitOK, p.exit(), "%s", p.log)
}

func TestUnopenableChannelChangesNothing(t *testing.T) {
	url, types := webhookReceiver(t)
	p := startProcess(t, "")
	p.configure(deskChannels(url, p.beside("alerts.jsonl")))
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration reloaded")
	inForce := p.get("/config").body

	p.configure(strings.Replace(deskChannels(url, p.beside("alerts.jsonl")), "url =", "ca_file = \"there/is/none.pem\"\nurl =", 1))
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration not reloaded, nothing has changed")
	require.Equal(t, inForce, p.get("/config").body)
	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	eventually(t, func() bool { return len(types()) == 1 && lines(p.beside("alerts.jsonl")) == 1 }, "as before")
	require.Equal(t, exitOK, p.exit(), "%s", p.log)
}
