package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A desk's engine that falls silent, comes back, and says that it fails, as people see it.
func TestAComponentMustBeHeardOf(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, path string) {
		storage, err := os.ReadFile(path)
		require.NoError(t, err)
		url, types := webhookReceiver(t)
		beat := func(name, every string) string {
			return fmt.Sprintf("[[alerting.heartbeats]]\nname = %q\nevery = %q\ngrace = \"1s\"\n", name, every)
		}
		toml := func(heartbeats string) string {
			return string(storage) + "[alerting]\nenabled = true\nmin_severity = \"critical\"\n[alerting.channels.webhook]\nenabled = true\nurl = \"" + url + "\"\n" + heartbeats
		}
		p := start(t, toml(beat("var-engine", "1s")+beat("feed", "1h")))
		require.Equal(t, http.StatusNotFound, p.post("/heartbeats/nobody", "").status)
		require.Contains(t, p.get("/heartbeats").body, `"name":"feed","status":"waiting","due_at":`)

		heard := p.post("/heartbeats/var-engine", "")
		require.Equal(t, http.StatusOK, heard.status, heard.body)
		require.Contains(t, heard.body, `"status":"alive"`)
		eventually(t, func() bool { return len(types()) == 1 && types()[0] == "incident.opened" }, "it is accused")
		require.Contains(t, p.get("/heartbeats").body, `"name":"var-engine","status":"missed"`)
		require.Contains(t, p.get("/incidents").body, "heartbeat var-engine is missed: last seen at ")
		require.Contains(t, p.get("/metrics").body, "\nalertd_heartbeat_up{heartbeat=\"var-engine\"} 0\n")

		require.Equal(t, http.StatusOK, p.post("/heartbeats/var-engine", `{"status":"ok"}`).status)
		eventually(t, func() bool { return strings.HasPrefix(strings.Join(types(), " "), "incident.opened incident.resolved") }, "it is back")

		require.Equal(t, http.StatusOK, p.post("/heartbeats/feed", `{"status":"failing","message":"no ticks"}`).status)
		eventually(t, func() bool {
			return strings.Contains(p.get("/incidents?status=triggered").body, "heartbeat feed says that it is failing: no ticks")
		}, "it says that it fails")

		p.configure(toml(""))
		require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
		eventually(t, func() bool { return strings.Contains(p.get("/incidents?status=triggered").body, `{"incidents":[]`) }, "nobody waits for them any more")
		require.JSONEq(t, `{"heartbeats":[]}`, p.get("/heartbeats").body)
		require.Equal(t, http.StatusNotFound, p.post("/heartbeats/feed", "").status)
		require.NotContains(t, p.get("/metrics").body, "alertd_heartbeat_up")
	})
}
