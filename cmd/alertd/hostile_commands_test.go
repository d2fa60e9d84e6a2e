package main

import (
	"bytes"
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
}

// fixedCommands show nothing that comes from outside.
var fixedCommands = map[string]string{
	"alertd serve":        "its outputs are the log and the channels",
	"alertd check-config": "shows the configuration, which is the operator's",
	"alertd version":      "shows the program",
	"alertd backup":       "writes a copy of the database, and says of which events",
	"alertd migrate":      "shows the version of the database",
	"alertd help":         "shows the program",
	"alertd completion":   "shows the program",
}

// runCommands runs every command that could show contents.
func (h *hostile) runCommands() {
	for _, name := range commandNames(newRootCommand(nil, nil)) {
		if fixedCommands[name] != "" {
			continue
		}
		require.Contains(h.t, hostileRuns, name, "nothing looks at what this command shows")
		for _, run := range hostileRuns[name](h) {
			h.runCommand(name, run)
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
		if sub.HasSubCommands() && sub.Name() != "completion" {
			names = append(names, commandNames(sub)...)
		} else {
			names = append(names, sub.CommandPath())
		}
	}
	slices.Sort(names)
	return names
}

// unready starts a server that says in a content why it is not ready.
func unready(t *testing.T, c hostileContent) string {
	return serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, c.text, http.StatusServiceUnavailable) }))
}
