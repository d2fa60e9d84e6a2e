package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/config"
)

// beat is a message of the watchdog.
type beat struct {
	Status  string
	Missing []string `json:"missing_since_last"`
}

// outside is a service that hears the watchdog.
func outside(tb testing.TB) (address string, beats chan beat) {
	tb.Helper()
	beats = make(chan beat, 1000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b beat
		if r.URL.Path != "/s3cr3t" || json.NewDecoder(r.Body).Decode(&b) != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
		beats <- b
	}))
	tb.Cleanup(server.Close)
	return server.URL + "/s3cr3t", beats
}

// next returns the next message.
func next(tb testing.TB, beats chan beat) beat {
	tb.Helper()
	select {
	case b := <-beats:
		return b
	case <-time.After(patience):
		require.Fail(tb, "the watchdog is silent")
		return beat{}
	}
}

// startBusy runs alertd with a watchdog that is more often heard than one may configure.
func startBusy(t *testing.T, path, address string) *program {
	t.Helper()
	p := newProgram(t, "")
	loaded, err := config.Load(config.Options{Path: path, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	loaded.Alerting.Enabled = true
	loaded.Watchdog.URL, loaded.Watchdog.Every = address, 2*time.Second
	log, err := newDaemonLog(p.log, "info", "json")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p.end = cancel
	opened, err := openWays(ctx, &loaded.Server, log.Logger)
	require.NoError(t, err)
	p.addr = opened.main[0].Addr().String()
	d, err := newDaemon(ctx, daemonConfig{loaded: loaded, log: log, shared: config.NewShared(p.out), ways: opened})
	require.NoError(t, err)
	go func() {
		defer close(p.done)
		if err := d.runUntil(ctx, context.WithoutCancel(ctx), nil); err != nil {
			log.fail(err)
			p.code = exitError
		}
		log.close() //nolint:contextcheck // as in serve
	}()
	return p
}

// execute runs a statement on the database of a configuration.
func execute(tb testing.TB, path, statement string) {
	tb.Helper()
	loaded, err := config.Load(config.Options{Path: path})
	require.NoError(tb, err)
	driver, name := "pgx", loaded.Storage.DSN
	if loaded.Storage.Driver == "sqlite" {
		driver, name = "sqlite", "file:"+(&url.URL{Path: loaded.Storage.Path}).EscapedPath()+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	_, err = db.ExecContext(tb.Context(), statement)
	require.NoError(tb, err)
}

func TestAStuckFoldWithholdsTheWatchdog(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, path string) {
		address, beats := outside(t)
		p := startBusy(t, path, address)
		posted := func() bool { return p.post("/alerts", breach).status == http.StatusCreated }
		// On a machine that is slow to start, the first message says what had not been seen to work.
		for b := next(t, beats); len(b.Missing) > 0; b = next(t, beats) {
			require.Equal(t, "ok", b.Status)
			require.True(t, posted()) // alertd looks for itself whether it can write, but not so often
		}
		eventually(t, func() bool { return strings.Contains(p.get("/readyz").body, `"watchdog":{"ok":true}`) }, "it is ready")
		sent := regexp.MustCompile(`\nalertd_watchdog_last_sent_timestamp_seconds [1-9]`)
		eventually(t, func() bool { return sent.MatchString(p.get("/metrics").body) }, "it is noted that it was sent")

		execute(t, path, `ALTER TABLE incidents RENAME TO hidden`)
		eventually(t, func() bool {
			return posted() && strings.Contains(p.get("/readyz").body, `"watchdog":{"ok":false,"reason":"nothing is sent to the watchdog: no progress of fold"}`)
		}, "the fold is missed")
		for len(beats) > 0 { // what was sent before
			next(t, beats)
		}
		execute(t, path, `ALTER TABLE hidden RENAME TO incidents`)
		require.True(t, posted())
		require.Contains(t, next(t, beats).Missing, "fold")
		eventually(t, func() bool { return p.get("/readyz").status == http.StatusOK }, "it is ready")
		require.NotContains(t, p.log.String(), "s3cr3t")
	})
}

func TestAReloadTurnsTheWatchdogOnAndOff(t *testing.T) {
	address, beats := outside(t)
	p := start(t, "[alerting]\n")
	p.configure("[alerting]\n[alerting.watchdog]\nurl = '" + address + "'\n")
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	require.Equal(t, beat{"ok", []string{}}, next(t, beats))
	require.NotContains(t, p.get("/config").body, "s3cr3t")

	p.configure("[alerting]\n[alerting.watchdog]\nurl = 'nowhere'\n")
	require.Equal(t, http.StatusUnprocessableEntity, p.post("/-/reload", "").status)
	p.configure("[alerting]\n")
	require.Equal(t, http.StatusOK, p.post("/-/reload", "").status)
	require.Contains(t, p.get("/readyz").body, `"watchdog":{"ok":true}`)
}
