package alertd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"alertd/internal/needs"
	"alertd/internal/pgtest"
)

const operations = "docs/operations.md"

// section returns the text below a heading of the document.
func section(tb testing.TB, heading string) string {
	tb.Helper()
	_, text, found := strings.Cut(readFile(tb, operations), "\n## "+heading+"\n")
	require.True(tb, found, "%s has no section %q", operations, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// scripts returns the shell blocks of a section.
func scripts(tb testing.TB, heading string) []string {
	tb.Helper()
	var found []string
	for _, b := range blocks(section(tb, heading)) {
		if b.language == "sh" {
			found = append(found, b.text)
		}
	}
	return found
}

// host is a machine for the document's commands: its folders are in the test's directory, and
// a systemctl of the test starts and stops its alertd.
type host struct {
	directory   string
	environment []string
}

func newHost(tb testing.TB, environment ...string) *host {
	tb.Helper()
	requireBuilt(tb)
	h := &host{directory: tb.TempDir(), environment: environment}
	for _, folder := range []string{"bin", "etc", "lib", "backups"} {
		require.NoError(tb, os.Mkdir(h.path(folder), 0o700))
	}
	h.write(tb, "etc/config.toml", fmt.Sprintf("[storage]\npath = %q\n", h.path("lib/alertd.db")))
	binary, err := filepath.Abs("bin/alertd")
	require.NoError(tb, err)
	require.NoError(tb, os.Symlink(binary, h.path("bin/alertd")))
	h.write(tb, "bin/sudo", "#!/bin/bash\n[ \"$1 $2\" = '-u alertd' ] || exit 1\nexec \"${@:3}\"\n")
	h.write(tb, "bin/systemctl", `#!/bin/bash
set -euo pipefail
cd "$HOST"
case "$1 $2" in
"start alertd")
	: >log
	alertd serve --config etc/config.toml --listen 127.0.0.1:0 >/dev/null 2>log </dev/null &
	echo $! >pid
	until grep -q '"msg":"listening"' log; do
		kill -0 "$(<pid)" || { cat log >&2; exit 1; }
		sleep 0.02
	done
	;;
"stop alertd")
	kill -"${END:-TERM}" "$(<pid)"
	until ! kill -0 "$(<pid)" 2>/dev/null; do sleep 0.02; done
	rm pid
	;;
"kill --signal=HUP")
	before=$(grep -c '"msg":"configuration [nr]' log || true)
	kill -HUP "$(<pid)"
	until [ "$(grep -c '"msg":"configuration [nr]' log || true)" -gt "$before" ]; do sleep 0.02; done
	if grep '"msg":"configuration not reloaded' log >&2; then exit 1; fi
	;;
*) exit 1 ;;
esac
`)
	tb.Cleanup(func() {
		if _, err := os.Stat(h.path("pid")); err == nil {
			h.run(tb, "systemctl stop alertd")
		}
	})
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.directory, name) }

func (h *host) write(tb testing.TB, name, text string) {
	tb.Helper()
	require.NoError(tb, os.WriteFile(h.path(name), []byte(text), 0o700))
}

// run runs a script. Later scripts see its variables.
func (h *host) run(tb testing.TB, script string) string {
	tb.Helper()
	script = strings.NewReplacer("/etc/alertd", h.path("etc"), "/var/lib/alertd", h.path("lib"), "/var/backups/alertd", h.path("backups")).Replace(script)
	script = "set -eu\n[ ! -e $HOST/variables ] || source $HOST/variables\n" + script + "\n[ ! -v BACKUP ] || declare -p BACKUP >$HOST/variables\n"
	cmd := command(context.WithoutCancel(tb.Context()), "bash", "-c", script) // also at the end of the test
	cmd.Env = append(append(cmd.Env, h.environment...), "HOST="+h.directory, "PATH="+h.path("bin")+":"+os.Getenv("PATH"))
	cmd.Dir = h.directory
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = patience
	require.NoError(tb, cmd.Run(), "%s%s", script, &stderr)
	return stdout.String()
}

// addr returns the address of the running alertd.
func (h *host) addr(tb testing.TB) string {
	tb.Helper()
	log, err := os.ReadFile(h.path("log"))
	require.NoError(tb, err)
	addr := regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`).FindSubmatch(log)
	require.NotNil(tb, addr, "%s", log)
	return string(addr[1])
}

// post registers alerts with the running alertd.
func (h *host) post(tb testing.TB, messages ...string) {
	tb.Helper()
	var lines strings.Builder
	for _, message := range messages {
		_, _ = fmt.Fprintf(&lines, `{"severity":"critical","category":"risk_limit","source":"var_gate","message":%q}`+"\n", message)
	}
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, fmt.Sprintf("http://%s/alerts", h.addr(tb)), strings.NewReader(lines.String()))
	require.NoError(tb, err)
	request.Header.Set("Content-Type", "application/x-ndjson")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Do(request)
	require.NoError(tb, err)
	body, err := io.ReadAll(answer.Body)
	require.NoError(tb, err)
	require.NoError(tb, answer.Body.Close())
	require.Contains(tb, string(body), fmt.Sprintf(`{"registered":%d,`, len(messages)))
}

// messages returns the messages of all events, in order.
func (h *host) messages(tb testing.TB) []string {
	tb.Helper()
	return strings.Fields(h.run(tb, "alertd export --config /etc/alertd/config.toml | jq -r .message"))
}

func TestBackupAndRestoreSteps(t *testing.T) {
	steps := scripts(t, "Backup and restore, SQLite")
	require.Len(t, steps, 2)
	h := newHost(t, "END=KILL") // like a crash, which leaves the write-ahead log behind
	h.run(t, "systemctl start alertd")
	h.post(t, "one", "two")
	require.Contains(t, h.run(t, steps[0]), " holds events 1 to 2 in ")
	h.post(t, "three")
	require.Equal(t, "schema version 7, newest 7\n", h.run(t, steps[1]))
	require.Equal(t, []string{"one", "two"}, h.messages(t))
	h.post(t, "four")
	require.Equal(t, []string{"one", "two", "four"}, h.messages(t))
}

func TestExportSteps(t *testing.T) {
	steps := scripts(t, "Export and import")
	require.Len(t, steps, 1)
	h := newHost(t)
	h.run(t, "systemctl start alertd")
	h.post(t, "one", "two")
	h.run(t, steps[0])
	require.Equal(t, 2, strings.Count(readFile(t, h.path("backups/all.ndjson")), "\n"))
	require.Equal(t, 3, strings.Count(readFile(t, h.path("backups/all.csv")), "\n"))
}

func TestStepsFromSQLiteToPostgreSQL(t *testing.T) {
	const heading = "From SQLite to PostgreSQL"
	steps := scripts(t, heading)
	require.Len(t, steps, 1)
	cluster := pgtest.StartCluster(t)
	h := newHost(t, "DATABASE_URL="+cluster.DSN(pgtest.MaintenanceDatabase))
	for _, b := range blocks(section(t, heading)) {
		if b.language == "toml" {
			h.write(t, "etc/postgres.toml", b.text)
		}
	}
	h.run(t, "systemctl start alertd")
	h.post(t, "one", "two", "three")
	before := h.run(t, "alertd export --config /etc/alertd/config.toml")
	moved := h.run(t, steps[0])
	require.Contains(t, moved, "imported 3, duplicates 0, invalid 0\n")
	require.Contains(t, moved, "imported 0, duplicates 3, invalid 0\n")
	require.Equal(t, before, h.run(t, "alertd export --config /etc/alertd/config.toml"))
	require.Contains(t, readFile(t, h.path("log")), `"driver":"postgres"`)
	h.post(t, "four")
	require.Equal(t, []string{"one", "two", "three", "four"}, h.messages(t))
}

func TestStepsForAFailingChannel(t *testing.T) {
	steps := scripts(t, "Delivery")
	require.Len(t, steps, 2)
	var works atomic.Bool
	told := make(chan string, 8) // messages that arrive once it works
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct{ Type string }
		switch err := json.NewDecoder(r.Body).Decode(&message); {
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		case !works.Load():
			http.NotFound(w, r)
		default:
			told <- message.Type
		}
	}))
	defer receiver.Close()
	h := newHost(t)
	h.write(t, "etc/config.toml", fmt.Sprintf("[storage]\npath = %q\n[alerting]\nenabled = true\n"+
		"[alerting.channels.slack]\nkind = \"webhook\"\nenabled = true\nurl = %q\n", h.path("lib/alertd.db"), receiver.URL))
	h.run(t, "systemctl start alertd")
	h.post(t, "one")
	run := func(step string) string { return h.run(t, strings.ReplaceAll(step, readmeAddr, h.addr(t))) }
	showsSoon := func(want string) {
		shown := run(steps[0])
		for last := time.Now().Add(soon); shown != want && time.Now().Before(last); {
			shown = run(steps[0])
		}
		require.Equal(t, want, shown)
	}
	const why = "answered 404 Not Found: 404 page not found\n"
	showsSoon("slack is degraded, 0 waiting: " + why + "slack opened after 1: " + why)
	works.Store(true)
	require.Regexp(t, `^delivered\nopened (waiting|sending|delivered)\n$`, run(steps[1]))
	require.Equal(t, "test", <-told)
	require.Equal(t, "incident.opened", <-told)
	showsSoon("")
}

// A token is made, replaced and revoked by the document's commands.
func TestTokensAreMadeAndReplacedAsDocumented(t *testing.T) {
	steps := scripts(t, "Who is let in")
	require.Len(t, steps, 2)
	h := newHost(t)
	h.write(t, "etc/config.toml", fmt.Sprintf("[storage]\npath = %q\n[alerting]\n", h.path("lib/alertd.db")))
	h.run(t, "systemctl start alertd")
	status := func(token string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s/config", h.addr(t)), nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
		answer, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode
	}
	lines := strings.Split(strings.TrimSpace(h.run(t, steps[0])), "\n")
	first := lines[len(lines)-1]
	require.Equal(t, http.StatusOK, status(first))
	require.Equal(t, http.StatusUnauthorized, status(""))

	shown := h.run(t, steps[1])
	second := strings.TrimSpace(h.run(t, "head -n 1 ada-2.txt"))
	require.NotEqual(t, first, second)
	require.Equal(t, http.StatusOK, status(first))
	require.Equal(t, http.StatusOK, status(second))

	found := regexp.MustCompile(`(?m)^(\d+)-\[\[server\.tokens\]\]$`).FindStringSubmatch(shown)
	require.NotNil(t, found, "the entry to delete is shown: %s", shown)
	h.run(t, "sed -i '"+found[1]+",+3d' /etc/alertd/config.toml\nsystemctl kill --signal=HUP --kill-whom=main alertd")
	require.Equal(t, http.StatusUnauthorized, status(first))
	require.Equal(t, http.StatusOK, status(second))
}

// The document's commands make certificates, and a program sends with its own.
func TestProgramIsLetInByItsCertificateAsDocumented(t *testing.T) {
	steps := scripts(t, "Ways in")
	require.Len(t, steps, 2)
	h := newHost(t)
	require.Contains(t, h.run(t, steps[0]), "subject=CN=var-gate,O=Desk\n")
	h.run(t, "systemctl start alertd")
	send := strings.ReplaceAll(steps[1], "127.0.0.1:8080", h.addr(t))
	require.Contains(t, h.run(t, send), `"source":"var_gate"`)
	without := strings.NewReplacer("--cert var-gate.crt --key var-gate.key", "").Replace(send)
	require.Contains(t, h.run(t, without), `"status":401`)
}

func TestUnitsOfSystemdAreValid(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		needs.Lacking(t, "it needs systemd-analyze")
	}
	requireBuilt(t)
	binary, err := filepath.Abs("bin/alertd")
	require.NoError(t, err)
	in := t.TempDir()
	var units []string
	for _, name := range []string{"alertd.service", "alertd.socket"} {
		unit := strings.ReplaceAll(readFile(t, "config/systemd/"+name), "/usr/local/bin/alertd", binary)
		units = append(units, filepath.Join(in, name))
		require.NoError(t, os.WriteFile(units[len(units)-1], []byte(unit), 0o600))
	}
	out, err := command(t.Context(), analyze, append([]string{"verify"}, units...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))
}

func TestOperationsDocumentNamesEveryMetric(t *testing.T) {
	requireBuilt(t)
	config := ownConfig(t)
	const off = "[alerting.channels.console]\nenabled = false"
	text := readFile(t, config)
	require.Contains(t, text, off)
	on := strings.Replace(text, off, "[alerting.channels.console]\nenabled = true", 1) // so that there are metrics of a channel
	on = strings.Replace(on, "[alerting]\nenabled = false", "[alerting]\nenabled = true", 1)
	on += "\n[[alerting.heartbeats]]\nname = \"var-engine\"\nevery = \"1h\"\n"
	require.NoError(t, os.WriteFile(config, []byte(on), 0o600))
	d := startDaemon(t, "bin/alertd", "serve", "--config", config, "--listen", "127.0.0.1:0")
	get(t, d.url()+"/healthz")                                                                                           // so that there is a request to count
	ping, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url()+"/heartbeats/var-engine", http.NoBody) // so that there is one
	require.NoError(t, err)
	caller := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := caller.Do(ping)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	metrics := get(t, d.url()+"/metrics")
	text = strings.ReplaceAll(readFile(t, operations), "alertd_session", "") // a cookie
	names := func(pattern, text string) []string {
		var found []string
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, match[1])
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	metrics += "# TYPE alertd_tls_certificate_expiry_timestamp_seconds gauge\n" // there is no TLS
	require.Equal(t, names(`(?m)^# TYPE (alertd_\w+) `, metrics), names(`\b(alertd_[a-z_]+)`, text))
	for _, labels := range regexp.MustCompile(`(alertd_[a-z_]+)\{([a-z_,]+)\}`).FindAllStringSubmatch(text, -1) {
		series := regexp.MustCompile(`(?m)^` + labels[1] + `\{.*$`).FindString(metrics)
		for label := range strings.SplitSeq(labels[2], ",") {
			if series != "" { // there are no rejections yet
				require.Contains(t, series, label+`="`)
			}
		}
	}
}

func TestPrometheusRulesAreWellFormed(t *testing.T) {
	var files []block
	for _, b := range blocks(section(t, "What to watch")) {
		if b.language == "yaml" {
			files = append(files, b)
		}
	}
	require.Len(t, files, 1)
	var rules struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	decoder := yaml.NewDecoder(strings.NewReader(files[0].text))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&rules))
	require.Len(t, rules.Groups, 1)
	require.NotEmpty(t, rules.Groups[0].Rules)
	for _, rule := range rules.Groups[0].Rules {
		require.Regexp(t, `^Alertd[A-Za-z]+$`, rule.Alert)
		require.Regexp(t, `alertd_|up\{job="alertd"\}`, rule.Expr)
		require.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"])
		require.Contains(t, rule.Annotations["summary"], "$labels.instance")
		require.Equal(t, strings.Count(rule.Expr, "("), strings.Count(rule.Expr, ")"))
	}
}
