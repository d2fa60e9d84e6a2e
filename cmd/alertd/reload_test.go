package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	strict  = "[alerting]\nmin_severity = \"error\"\n"
	lenient = "[alerting]\nmin_severity = \"info\"\n"

	// refused is what the log says of a reload that changes nothing.
	refused = "configuration not reloaded, nothing has changed"
)

func TestSIGHUPReloads(t *testing.T) {
	p := startProcess(t, strict)
	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	require.Equal(t, http.StatusOK, p.post("/alerts", notice).status, "below min_severity")

	p.configure(lenient)
	p.signal(syscall.SIGHUP)
	require.Contains(t, p.awaitLog("configuration reloaded"), `"min_severity":"info"`)
	require.Equal(t, http.StatusCreated, p.post("/alerts", notice).status)

	inForce := p.get("/config").body
	p.configure("[alerting]\nmin_severity = \"loud\"\nbufer_size = 5\n")
	p.signal(syscall.SIGHUP)
	refusal := p.awaitLog(refused)
	require.Contains(t, refusal, `alerting.bufer_size: is not a known key, did you mean buffer_size?\nalerting.min_severity: \"loud\" is not one of debug, info, warning, error, critical`)
	require.Equal(t, inForce, p.get("/config").body)
	require.Equal(t, http.StatusCreated, p.post("/alerts", notice).status)
	require.Contains(t, p.get("/metrics").body, "\nalertd_config_last_reload_successful 0\n")

	p.configure(strict)
	p.signal(syscall.SIGHUP)
	p.awaitLog("configuration reloaded")
	require.Contains(t, p.get("/metrics").body, "\nalertd_config_last_reload_successful 1\n")
	require.Equal(t, http.StatusOK, p.post("/alerts", notice).status, "below min_severity")

	var page struct{ Events []event }
	p.get("/events").into(t, &page)
	require.Len(t, page.Events, 3, "no event was lost")
	require.Equal(t, exitOK, p.exit(), "%s", p.log)
}

func TestReloadOverHTTP(t *testing.T) {
	for name, test := range map[string]struct {
		toml   string // "": the file is removed
		status int
		body   string // what it holds
		after  int    // status of an info alert
	}{
		"a good file is in force with the answer": {
			toml: lenient, status: http.StatusOK, body: `{"reloaded":true,"restart_required":[]}`, after: http.StatusCreated,
		},
		"keys that wait for a restart are named, and the others are in force": {
			toml:   "[server]\nmax_body = \"1KiB\"\nidle_timeout = \"1s\"\n[storage]\npath = \"elsewhere.db\"\n" + lenient,
			status: http.StatusOK, body: `{"reloaded":true,"restart_required":["server.idle_timeout","server.max_body","storage.path"]}`, after: http.StatusCreated,
		},
		"a bad file changes nothing, and every problem is named": {
			toml: "[alerting]\nmin_severity = \"info\"\nbuffer_size = 0\nenabled = \"${NO_SUCH_VARIABLE}\"\n", status: http.StatusUnprocessableEntity,
			body: `"errors":[{"field":"alerting.buffer_size","message":"0 is not allowed, must be a whole number from 1 to 10000000"},` +
				`{"field":"alerting.enabled","message":"environment variable NO_SUCH_VARIABLE is not set"}`, after: http.StatusOK,
		},
		"a file that is no TOML changes nothing": {
			toml: "[alerting\n", status: http.StatusUnprocessableEntity, body: "config.toml: line 1, column ", after: http.StatusOK,
		},
		"a log file that cannot be written changes nothing, and is named": {
			toml:   "[alerting]\nenabled = true\nmin_severity = \"info\"\n[alerting.channels.logfile]\nenabled = true\npath = \"/proc/alerts.jsonl\"\n",
			status: http.StatusUnprocessableEntity, body: "/proc/alerts.jsonl", after: http.StatusOK,
		},
		"a file that is gone changes nothing": {
			status: http.StatusUnprocessableEntity, body: "config.toml is gone", after: http.StatusOK,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, strict)
			if test.toml != "" {
				p.configure(test.toml)
			} else {
				require.NoError(t, os.Remove(p.config))
			}
			answer := p.post("/-/reload", "")
			require.Equal(t, test.status, answer.status, answer.body)
			require.Contains(t, answer.body, test.body)
			require.Equal(t, test.after, p.post("/alerts", notice).status)
		})
	}
}

// A file is empty for a moment while it is replaced, and cut short on a full disk.
func TestReloadDoesNotSilentlyTurnAlertingOff(t *testing.T) {
	url, types := webhookReceiver(t)
	p := startProcess(t, "")
	full := deskChannels(url, p.beside("alerts.jsonl"))
	p.configure(full)
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	inForce := p.get("/config").body
	for field, toml := range map[string]string{
		"alerting":          "",
		"alerting.enabled":  "[alerting]\n",
		"alerting.channels": "[alerting]\nenabled = true\n",
	} {
		p.configure(toml)
		p.signal(syscall.SIGHUP)
		require.Contains(t, p.awaitLog(refused), field+": ")
		answer := p.post("/-/reload", "")
		p.awaitLog(refused)
		require.Equal(t, http.StatusUnprocessableEntity, answer.status)
		require.Contains(t, answer.body, `"errors":[{"field":"`+field+`","message":"`)
		require.Contains(t, p.get("/metrics").body, "\nalertd_config_last_reload_successful 0\n")
		require.Equal(t, inForce, p.get("/config").body)
	}
	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	eventually(t, func() bool { return len(types()) == 1 }, "it is told")

	p.configure("[alerting]\nenabled = false\n")
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	require.Contains(t, p.get("/metrics").body, "\nalertd_config_last_reload_successful 1\n")
	require.Contains(t, p.get("/config").body, `"enabled":false`)
	require.Equal(t, exitOK, p.exit(), "%s", p.log)
}

func TestReloadReadsAFileThatIsNew(t *testing.T) {
	p := start(t, noFile)
	require.Equal(t, http.StatusOK, p.post("/alerts", notice).status)
	p.configure(lenient)
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	require.Equal(t, http.StatusCreated, p.post("/alerts", notice).status)
}

func TestConfigShowsWhatIsInForce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "first.db")
	p := start(t, fmt.Sprintf("[server]\nmax_body = \"2KiB\"\n[storage]\npath = %q\n", path)+strict)
	p.configure("[server]\nmax_body = \"4KiB\"\n[storage]\npath = \"second.db\"\n" + lenient)
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	logged := p.awaitLog("configuration reloaded")
	shown := p.get("/config").body
	for _, view := range []string{logged, shown} {
		require.Contains(t, view, `"max_body":"2KiB"`)
		require.Contains(t, view, `"path":"`+path+`"`)
		require.Contains(t, view, `"min_severity":"info"`)
	}

	p.configure(lenient) // with another [storage]
	require.Contains(t, p.post("/-/reload", "").body, `"storage.path"`)
	require.Contains(t, p.get("/config").body, `"path":"`+path+`"`)
}

func TestReloadChangesAccessLogAndPublicURL(t *testing.T) {
	p := start(t, strict)
	p.get("/version")
	require.NotContains(t, p.log.String(), `"path":"/version"`)

	p.configure("[server]\naccess_log = \"all\"\npublic_url = \"https://alertd.example.com\"\n" + strict)
	reloaded := p.post("/-/reload", "")
	require.Contains(t, reloaded.body, `"restart_required":[]`)
	require.Contains(t, p.get("/config").body, `"public_url":"https://alertd.example.com"`)
	p.get("/version")
	p.awaitLog(`"path":"/version"`)
	require.Equal(t, http.StatusCreated, p.do(http.MethodPost, "/alerts", breach, "Origin", "https://alertd.example.com").status)
}
