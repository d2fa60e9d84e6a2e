package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/spool"
)

// asked runs a command in this process until it ends or ctx does, against an alertd.
func (p *program) asked(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer, args ...string) int {
	root := newRootCommand(stdout, stderr)
	root.SetIn(stdin)
	root.SetArgs(append(args, "--url", "http://"+p.addr))
	if err := root.ExecuteContext(ctx); err != nil {
		tell(stderr, err)
		return exitCode(err)
	}
	return exitOK
}

// following is a command that goes on until the test ends it.
type following struct {
	*program
	end func() int
}

// follow runs a command in the background. Its log is the output.
func (p *program) follow(stdin io.Reader, args ...string) following {
	ctx, cancel := context.WithCancel(p.tb.Context())
	f := &program{tb: p.tb, log: newLogBuffer(), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.code = p.asked(ctx, stdin, f.log, f.log, args...)
	}()
	f.end = cancel
	p.tb.Cleanup(cancel)
	return following{f, f.exit}
}

func TestEventsAreFollowedAcrossARestart(t *testing.T) {
	p := start(t, "[alerting]\nmin_severity = \"info\"\n")
	p.post("/alerts", breach)
	p.post("/alerts", notice)
	p.post("/alerts", breach)
	f := p.follow(nil, "events", "--follow", "--min-severity", "error", "--limit", "1", "--output", "json")
	f.awaitLog(`"seq":3`)
	p.post("/alerts", breach)
	f.awaitLog(`"seq":4`)
	require.NotContains(t, f.log.String(), `"seq":1,`, "--limit 1 shows the last")

	addr := p.addr
	require.Equal(t, exitOK, p.exit())
	f.awaitLog("alertd is shutting down")
	f.awaitLog("is not reachable")
	next := &program{tb: t, config: p.config, client: p.client, log: newLogBuffer(), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	next.end = cancel
	go func() {
		defer close(next.done)
		next.code = run(ctx, []string{"serve", "--config", p.config, "--listen", addr}, io.Discard, next.log)
	}()
	next.awaitListening()
	next.post("/alerts", breach)
	f.awaitLog(`"seq":5`)
	require.Equal(t, exitOK, f.end(), "Ctrl-C is how it ends")
	require.Equal(t, exitOK, next.exit())
	for seq, times := range map[int]int{2: 0, 3: 1, 4: 1, 5: 1} {
		require.Equal(t, times, strings.Count(f.log.String(), fmt.Sprintf(`"seq":%d,`, seq)))
	}
}

// A line of a pipe that stays open is sent without waiting for more.
func TestLineIsSentWhilePipeStaysOpen(t *testing.T) {
	p := start(t, "")
	in, out := io.Pipe()
	f := p.follow(in, "send")
	write := func(line string) {
		_, err := io.WriteString(out, line+"\n")
		require.NoError(t, err)
	}
	write(breach)
	f.awaitLog("-")
	require.Contains(t, p.get("/events").body, "VaR limit breached")
	write(breach)
	f.awaitLog("-")
	require.NoError(t, out.Close())
	require.Equal(t, exitOK, f.exitStatus())
	var page struct {
		Events []json.RawMessage `json:"events"`
	}
	p.get("/events").into(t, &page)
	require.Len(t, page.Events, 2)
}

// Ctrl-C loses nothing that was read if there is a spool.
func TestInterruptedSendKeepsWhatItHas(t *testing.T) {
	p := start(t, "")
	p.addr = refusing(t)
	dir := filepath.Join(t.TempDir(), "spool")
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	f := p.follow(in, "send", "--spool", dir)
	_, err := io.WriteString(out, breach+"\n")
	require.NoError(t, err)
	f.awaitLog("trying again")
	require.Equal(t, exitError, f.end())
	names, err := filepath.Glob(filepath.Join(dir, "*.ndjson"))
	require.NoError(t, err)
	require.Len(t, names, 1)
}

// A drain is killed again and again, wherever it is. In the end alertd has each alert once.
func TestKilledDrainLosesNothingAndDoublesNothing(t *testing.T) {
	p := start(t, "")
	path := filepath.Join(t.TempDir(), "spool")
	dir, err := spool.Open(path)
	require.NoError(t, err)
	const files, each = 60, 5
	want := map[alerting.EventID]bool{}
	for i := range files {
		var alerts []client.Alert
		for range each {
			alert, err := client.NewAlert([]byte(breach), time.Now())
			require.NoError(t, err)
			alerts = append(alerts, alert)
			want[alert.ID] = true
		}
		require.NoError(t, dir.Put(alerts, time.Unix(int64(i), 0)))
	}
	left := func() int {
		names, err := filepath.Glob(filepath.Join(path, "*.ndjson"))
		require.NoError(t, err)
		return len(names)
	}
	kills := 0
	for before := left(); before > 0; before = left() {
		cmd := exec.CommandContext(t.Context(), "alertd", "send", "--drain", path, "--url", "http://"+p.addr)
		cmd.Env = append(os.Environ(), noRaceSleep)
		require.NoError(t, cmd.Start())
		for target := max(0, before-7); left() > target; { // it is under way
			require.NoError(t, cmd.Process.Signal(syscall.Signal(0)))
		}
		_ = cmd.Process.Kill() // it may have ended
		if cmd.Wait() != nil {
			kills++
		}
	}
	require.Greater(t, kills, 3)
	require.Equal(t, exitOK, p.asked(t.Context(), nil, io.Discard, io.Discard, "send", "--drain", path))

	var out strings.Builder
	require.Equal(t, exitOK, p.asked(t.Context(), nil, &out, io.Discard, "events", "--limit", "0", "--output", "json"))
	seen := 0
	for line := range strings.Lines(out.String()) {
		event, err := readElement([]byte(line))
		require.NoError(t, err)
		id, err := alerting.ParseEventID(event.text("event_id"))
		require.NoError(t, err)
		require.True(t, want[id], "an alert that was not sent, or twice: %s", id)
		delete(want, id)
		seen++
	}
	require.Empty(t, want, "lost")
	require.Equal(t, files*each, seen)
}
