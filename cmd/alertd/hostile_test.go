package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

// TestHostileContentIsInertOnEveryWayOut sends each content through alertd as an alert, as the
// words of a person who acts, as an answer of a receiver and as a bad request. It gathers what
// comes out on every way there is: it finds the kinds of channels, the operations of the API
// and the commands in alertd itself, so that a new one is looked at too, or fails this test
// until it is known how to use it. Each output must be inert by the rule of its medium.
//
// docs/security-content.md shows the result; go test ./cmd/alertd -run Hostile -update
// writes it.
func TestHostileContentIsInertOnEveryWayOut(t *testing.T) {
	t.Setenv(hostileVariable, hostileValue)
	o := &outputs{}
	for _, format := range []string{"json", "text"} {
		gather(t, o, format)
	}
	for _, way := range o.ways {
		for _, output := range way.outputs {
			if err := way.medium.inert(output); err != nil {
				assert.Fail(t, "not inert", "%s, as %s: %s", way.name, way.medium, err)
				break // the others tell the same
			}
		}
	}
	requireDocument(t, o)
}

// wayOut is an output of alertd.
type wayOut struct {
	group, name string
	medium      medium
	outputs     []string
}

// shows reports whether the content is in an output.
func (w *wayOut) shows(c hostileContent) bool {
	return slices.ContainsFunc(w.outputs, func(output string) bool { return strings.Contains(output, c.word()) })
}

// outputs are those of all ways out.
type outputs struct{ ways []*wayOut }

func (o *outputs) add(group, name string, m medium, output string) {
	way := &wayOut{group: group, name: name, medium: m}
	if at := slices.IndexFunc(o.ways, func(w *wayOut) bool { return w.group == group && w.name == name && w.medium == m }); at >= 0 {
		way = o.ways[at]
	} else {
		o.ways = append(o.ways, way)
	}
	way.outputs = append(way.outputs, output)
}

// hostile is a running alertd that gets hostile contents.
type hostile struct {
	*program
	t *testing.T
	o *outputs
	// authorization is what an administrator shows.
	authorization string
	tokenFile     string
	// parameters are the values of the parameters in the paths of the API.
	parameters map[string][]string
}

// gather runs an alertd whose log has a format, and gathers what comes out of it.
func gather(t *testing.T, o *outputs, format string) {
	receivers, toml := openReceivers(t)
	secret := access.NewSecret()
	toml += fmt.Sprintf("[[server.tokens]]\nname = \"desk\"\nrole = \"admin\"\nhash = %q\n", secret.Hash())
	for i := range len(hostileContents) + 1 { // one is left for the command
		toml += fmt.Sprintf("[[alerting.heartbeats]]\nname = %q\nevery = \"1h\"\n", hostileHeartbeat(i))
	}
	h := &hostile{t: t, o: o, authorization: "Bearer " + secret.Reveal(), parameters: map[string][]string{"asset": {"docs.css"}}}
	h.tokenFile = filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(h.tokenFile, []byte(secret.Reveal()), 0o600))
	h.program = start(t, toml, "--log-format", format, "--log-level", "debug")

	var incidents []string
	for _, c := range hostileContents {
		created := h.ask(http.MethodPost, "/alerts", "/alerts", c.alert(t))
		require.Equal(t, http.StatusCreated, created.status, created.body)
		h.parameters["event_id"] = append(h.parameters["event_id"], strings.TrimPrefix(created.header.Get("Location"), "/events/"))
		h.settle()
		eventually(t, func() bool { // a channel shows its last error
			return strings.Contains(h.ask(http.MethodGet, "/channels", "/channels", "").body, c.word())
		}, "the refusal is shown")
	}
	for i, c := range hostileContents {
		body, err := json.Marshal(map[string]string{"status": "failing", "message": c.fit(4096)})
		require.NoError(t, err)
		name := hostileHeartbeat(i)
		heard := h.ask(http.MethodPost, "/heartbeats/{name}", "/heartbeats/"+name, string(body))
		require.Equal(t, http.StatusOK, heard.status, heard.body)
		eventually(t, func() bool {
			return strings.Contains(h.ask(http.MethodGet, "/incidents", "/incidents?source=alertd&limit=100", "").body, "heartbeat "+name+" says")
		}, "the failing component is an incident")
		h.settle()
	}
	for _, id := range h.parameters["event_id"] {
		var event struct {
			Incident string `json:"incident_id"`
		}
		h.read("/events/"+id, &event)
		incidents = append(incidents, event.Incident)
	}
	h.parameters["incident_id"] = incidents
	for _, action := range []string{"acknowledge", "resolve"} {
		for i, c := range hostileContents {
			body, err := json.Marshal(map[string]string{"by": c.fit(255), "note": c.fit(8192)})
			require.NoError(t, err)
			done := h.ask(http.MethodPost, "/incidents/{incident_id}/"+action, "/incidents/"+incidents[i]+"/"+action, string(body))
			require.Equal(t, http.StatusOK, done.status, done.body)
		}
		h.settle()
	}
	h.silence()
	for _, c := range hostileContents {
		explained := h.ask(http.MethodPost, "/explain", "/explain", `{"alert":`+c.alert(t)+`}`)
		require.Equal(t, http.StatusOK, explained.status, explained.body)
	}
	h.readAPI()
	if format == "json" { // they know nothing of it
		h.runCommands()
	}
	require.Equal(t, exitOK, h.exit(), "%s", h.log)
	for _, r := range receivers {
		r.gather(o)
	}
	o.add("channels", "console", onTerminal, h.out.String())
	o.add("log", "as "+format, map[string]medium{"json": asLines, "text": asTextLog}[format], h.log.String())
}

// hostileHeartbeat is the name of the heartbeat whose message is a content.
func hostileHeartbeat(content int) string { return fmt.Sprintf("component-%d", content) }

// silence makes silences in the words of the contents, and ends them.
func (h *hostile) silence() {
	h.t.Helper()
	for _, c := range hostileContents {
		body, err := json.Marshal(map[string]any{
			"match":    map[string]any{"source": []string{"nobody"}, "context": map[string]string{c.fit(50): "x"}},
			"duration": "1h", "by": c.fit(255), "comment": c.fit(1024),
		})
		require.NoError(h.t, err)
		created := h.ask(http.MethodPost, "/silences", "/silences", string(body))
		require.Equal(h.t, http.StatusCreated, created.status, created.body)
		id := strings.TrimPrefix(created.header.Get("Location"), "/silences/")
		h.parameters["silence_id"] = append(h.parameters["silence_id"], id)
		ended := h.ask(http.MethodDelete, "/silences/{silence_id}", "/silences/"+id+"?by="+url.QueryEscape(c.fit(255)), "")
		require.Equal(h.t, http.StatusOK, ended.status, ended.body)
	}
}

// read asks for what the test itself needs.
func (h *hostile) read(path string, into any) {
	h.t.Helper()
	h.do(http.MethodGet, path, "", "Authorization", h.authorization).into(h.t, into)
}

// settle waits until nothing is left to be folded or sent.
func (h *hostile) settle() {
	h.t.Helper()
	eventually(h.t, func() bool {
		var page struct{ Deliveries []struct{} }
		h.read("/deliveries?limit=1&status=waiting&status=sending", &page)
		var event struct {
			Incident string `json:"incident_id"`
		}
		last := h.parameters["event_id"][len(h.parameters["event_id"])-1]
		h.read("/events/"+last, &event)
		return len(page.Deliveries) == 0 && event.Incident != ""
	}, "everything is sent")
}
