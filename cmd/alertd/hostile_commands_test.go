package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// hostileRun is one use of a command.
type hostileRun struct {
	args []string
	// stdout is the medium of standard output; standard error is for people.
	stdout medium
}

// hostileRuns has the uses of each command that could show contents, with a running alertd. A
// command of [fixedCommands] shows none.
var hostileRuns = map[string]func(h *hostile) []hostileRun{
	"alertd export": func(h *hostile) []hostileRun {
		return []hostileRun{
			{[]string{"export", "--config", h.config}, asLines},
			{[]string{"export", "--config", h.config, "--format", "csv"}, asCSV},
		}
	},
	"alertd import": func(h *hostile) []hostileRun {
		var runs []hostileRun
		for _, c := range hostileContents { // each is a file of lines that are no alerts
			name := h.beside(c.word() + ".ndjson")
			require.NoError(h.t, os.WriteFile(name, []byte(badObject(c)+"\n"+c.text), 0o600))
			elsewhere := h.beside("elsewhere.toml")
			require.NoError(h.t, os.WriteFile(elsewhere, []byte("[storage]\npath = \""+h.beside("elsewhere.db")+"\"\n"), 0o600))
			runs = append(runs, hostileRun{[]string{"import", "--config", elsewhere, "--skip-invalid", name}, onTerminal})
		}
		return runs
	},
	"alertd healthcheck": func(h *hostile) []hostileRun {
		var runs []hostileRun
		for _, c := range hostileContents {
			runs = append(runs, hostileRun{[]string{"healthcheck", "--listen", strings.TrimPrefix(unready(h.t, c), "http://")}, onTerminal})
		}
		return runs
	},
	"alertd audit export": func(h *hostile) []hostileRun {
		return []hostileRun{{[]string{"audit", "export", "--config", h.config}, asLines}}
	},
	"alertd audit list":      func(h *hostile) []hostileRun { return h.remote("audit", "list", "--limit", "0") },
	"alertd audit verify":    auditRuns,
	"alertd token new":       tokenRuns,
	"alertd template render": templateRuns,
	"alertd events":          func(h *hostile) []hostileRun { return h.remote("events", "--limit", "0") },
	"alertd incidents":       func(h *hostile) []hostileRun { return h.remote("incidents", "--limit", "0") },
	"alertd incidents list":  func(h *hostile) []hostileRun { return h.remote("incidents", "list", "--limit", "0") },
	"alertd silence":         func(h *hostile) []hostileRun { return h.remote("silence", "--limit", "0") },
	"alertd silence list":    func(h *hostile) []hostileRun { return h.remote("silence", "list", "--limit", "0") },
	"alertd silence show":    func(h *hostile) []hostileRun { return h.remoteEach("silence_id", "silence", "show") },
	"alertd silence expire":  func(h *hostile) []hostileRun { return h.remoteEach("silence_id", "silence", "expire") },
	"alertd silence add": func(h *hostile) []hostileRun {
		return append(h.remoteEach("", "silence", "add", "--source", "nobody", "--for", "1h", "--comment"),
			h.remoteEach("", "silence", "add", "--preview", "--max-severity", "critical", "--not-source", "alertd", "--not-source")...) // of alertd, a slow machine has more
	},
	"alertd explain": func(h *hostile) []hostileRun {
		return append(h.remoteEach("", "explain", "--severity", "error", "--category", "other", "--source", "gate"),
			h.remoteEach("", "explain", "--event")...)
	},
	"alertd channels":       func(h *hostile) []hostileRun { return h.remote("channels") },
	"alertd heartbeat list": func(h *hostile) []hostileRun { return h.remote("heartbeat", "list") },
	"alertd heartbeat": func(h *hostile) []hostileRun {
		return append(h.remoteEach("", "heartbeat"), h.remoteEach("", "heartbeat", hostileHeartbeat(len(hostileContents)), "--message")...)
	},
	"alertd channels list":   func(h *hostile) []hostileRun { return h.remote("channels", "list") },
	"alertd deliveries":      func(h *hostile) []hostileRun { return h.remote("deliveries", "--limit", "0") },
	"alertd deliveries list": func(h *hostile) []hostileRun { return h.remote("deliveries", "list", "--limit", "0") },
	"alertd stats":           func(h *hostile) []hostileRun { return h.remote("stats") },
	"alertd incidents show":  func(h *hostile) []hostileRun { return h.remoteEach("incident_id", "incidents", "show") },
	"alertd incidents ack":   func(h *hostile) []hostileRun { return h.remoteEach("incident_id", "incidents", "ack") },
	"alertd incidents resolve": func(h *hostile) []hostileRun {
		return h.remoteEach("incident_id", "incidents", "resolve")
	},
	"alertd deliveries show":  func(h *hostile) []hostileRun { return h.remoteEach("delivery_id", "deliveries", "show") },
	"alertd channels test":    func(h *hostile) []hostileRun { return h.remoteEach("", "channels", "test") },
	"alertd deliveries retry": func(h *hostile) []hostileRun { return h.remoteEach("", "deliveries", "retry") },
	"alertd send": func(h *hostile) []hostileRun {
		return append(h.remoteEach("", "send", "--severity", "debug", "--category", "other", "--source", "gate", "--retry-for", "0s"),
			h.remoteEach("", "send", "--retry-for", "0s", "--severity")...)
	},
}

// auditRuns verify the audit log, and exports and heads that are contents.
func auditRuns(h *hostile) []hostileRun {
	runs := []hostileRun{{[]string{"audit", "verify", "--config", h.config}, onTerminal}}
	for _, c := range hostileContents {
		name := h.beside("audit-" + c.word() + ".ndjson")
		require.NoError(h.t, os.WriteFile(name, []byte(badObject(c)+"\n"+c.text), 0o600))
		runs = append(runs, hostileRun{[]string{"audit", "verify", name}, onTerminal}, hostileRun{[]string{"audit", "verify", "--head", c.fit(200), name}, onTerminal})
	}
	return runs
}

// tokenRuns make tokens with names and patterns of sources that are contents.
func tokenRuns(*hostile) []hostileRun {
	var runs []hostileRun
	for _, c := range hostileContents {
		runs = append(runs, hostileRun{[]string{"token", "new", "--role", "ingest", "--name", c.fit(60)}, onTerminal},
			hostileRun{[]string{"token", "new", "--role", "ingest", "--name", "gate", "--source", c.fit(255)}, onTerminal})
	}
	return runs
}

// templateRuns show messages about alerts whose texts are contents.
func templateRuns(h *hostile) []hostileRun {
	var runs []hostileRun
	for _, c := range hostileContents {
		alert, err := json.Marshal(map[string]any{
			"severity": "error", "category": "other", "source": c.fit(255), "message": c.fit(8000), "context": map[string]string{c.fit(100): c.text},
		})
		require.NoError(h.t, err)
		event, settings := h.beside("alert-"+c.word()+".json"), h.beside("templates.toml")
		require.NoError(h.t, os.WriteFile(event, alert, 0o600))
		require.NoError(h.t, os.WriteFile(settings, []byte(`[alerting.channels.console.template]
title = "{{ .Source }}"
body = "{{ .Message }}{{ range $name, $value := .Context }}{{ $name }}{{ $value }}{{ end }}"
[alerting.channels.webhook]
`), 0o600))
		for _, channel := range []string{"console", "webhook", c.fit(60)} {
			runs = append(runs, hostileRun{[]string{"template", "render", "--config", settings, "--channel", channel, "--event", event}, onTerminal})
		}
		runs = append(runs, hostileRun{[]string{"template", "render", "--config", settings, "--channel", "console", "--reason", c.fit(60)}, onTerminal},
			hostileRun{[]string{"template", "render", "--config", settings, "--channel", "console", "--route", c.fit(60)}, onTerminal})
	}
	return runs
}

// remote are the uses of a command that asks a running alertd, as a table and as JSON.
func (h *hostile) remote(args ...string) []hostileRun {
	at := append(slices.Clone(args), "--token-file", h.tokenFile, "--url", "http://"+h.addr)
	return []hostileRun{{at, onTerminal}, {append(slices.Clone(at), "--output", "json"), asLines}}
}

// remoteEach are those of a command with an argument: each value of a parameter of the API,
// and each content.
func (h *hostile) remoteEach(parameter string, args ...string) []hostileRun {
	var runs []hostileRun
	for _, value := range h.parameters[parameter] {
		runs = append(runs, h.remote(append(slices.Clone(args), value)...)...)
	}
	for _, c := range hostileContents {
		runs = append(runs, h.remote(append(slices.Clone(args), c.fit(2000))...)...)
	}
	return runs
}

// fixedCommands show nothing that comes from outside.
var fixedCommands = map[string]string{
	"alertd serve":        "its outputs are the log and the channels",
	"alertd check-config": "shows the configuration, which is the operator's",
	"alertd version":      "shows the program",
	"alertd backup":       "writes a copy of the database, and names its first and last event",
	"alertd migrate":      "shows the version of the database",
	"alertd help":         "shows the program",
	"alertd audit":        "only names its subcommands",
	"alertd token":        "only names its subcommands",
	"alertd template":     "only names its subcommands",
	"alertd token hash":   "shows a hash, and no error quotes what it has read",
	"alertd completion":   "shows the program",
}

// runCommands runs every command that could show contents.
func (h *hostile) runCommands() {
	var liars []string // servers that answer with contents
	for _, c := range hostileContents {
		liars = append(liars, refusingServer(h.t, c), unready(h.t, c))
	}
	for _, name := range commandNames(newRootCommand(nil, nil)) {
		if fixedCommands[name] != "" {
			continue
		}
		uses := hostileRuns[name]
		require.NotNil(h.t, uses, "nothing looks at what this command shows: %s", name)
		runs := uses(h)
		for _, run := range runs {
			h.runCommand(name, run)
		}
		if first := runs[0]; slices.Contains(first.args, "--url") {
			for _, url := range liars {
				lied := slices.Clone(first.args)
				lied[slices.Index(lied, "--url")+1] = url
				h.runCommand(name, hostileRun{lied, first.stdout})
			}
		}
	}
}

func (h *hostile) runCommand(name string, r hostileRun) {
	var stdout, stderr bytes.Buffer
	_ = run(h.t.Context(), r.args, &stdout, &stderr) // refusing a content is as good as showing it
	h.o.add("commands", name, r.stdout, stdout.String())
	h.o.add("commands", name+", errors", onTerminal, stderr.String())
}

// commandNames returns the commands that do something.
func commandNames(cmd *cobra.Command) []string {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.Name() != "completion" {
			names = append(names, commandNames(sub)...)
		}
		if sub.Runnable() {
			names = append(names, sub.CommandPath())
		}
	}
	slices.Sort(names)
	return names
}

// refusingServer starts a server that refuses everything with a content, as alertd would.
func refusingServer(t *testing.T, c hostileContent) string {
	body, err := json.Marshal(map[string]any{
		"type": "about:blank", "title": c.fit(200), "status": http.StatusForbidden, "detail": c.text, "request_id": c.fit(50),
		"errors": []map[string]string{{"field": c.fit(200), "message": c.text}},
	})
	require.NoError(t, err)
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body) // a command may have enough of it
	}))
}

// unready starts a server that says in a content why it is not ready.
func unready(t *testing.T, c hostileContent) string {
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, c.text, http.StatusServiceUnavailable) }))
}
