package alertd_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the wait for what must happen. The first build of a checkout is slow.
const patience = 3 * time.Minute

// build makes bin/alertd once, as the README and the Dockerfile do. make run makes it again,
// so no test may run in parallel with that of the README.
var build = sync.OnceValue(func() error {
	output, err := command(context.Background(), "make", "build").CombinedOutput()
	if err != nil {
		return fmt.Errorf("make build: %w\n%s", err, output)
	}
	return nil
})

func requireBuilt(tb testing.TB) {
	tb.Helper()
	require.NoError(tb, build())
}

// command prepares a program as if it were started from a shell: without the variables that
// make passes to the tests, and without a proxy.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains([]string{"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ALERTD_URL"}, name)
	})
	cmd.Env = append(cmd.Env, "NO_PROXY=127.0.0.1", "no_proxy=127.0.0.1")
	return cmd
}

// daemon is a running alertd.
type daemon struct {
	addr string // host:port
	log  []string
}

// startDaemon runs a command that starts alertd, and waits until that listens. At the end of
// the test it stops the command as by Ctrl-C in a terminal.
func startDaemon(tb testing.TB, name string, args ...string) *daemon {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	cmd := command(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the whole group
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = patience
	stderr, err := cmd.StderrPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	d := &daemon{}
	listening, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			d.log = append(d.log, lines.Text())
			var record struct{ Msg, Addr string }
			if json.Unmarshal(lines.Bytes(), &record) == nil && record.Msg == "listening" {
				listening <- record.Addr
			}
		}
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
		_ = cmd.Wait() // make calls an interrupt an error
		log := strings.Join(d.log, "\n")
		require.Contains(tb, log, `"msg":"stopped"`, "%s %v did not end well", name, args)
	})
	select {
	case d.addr = <-listening:
	case <-ended:
		require.Fail(tb, "it does not start", "%s %v:\n%s", name, args, strings.Join(d.log, "\n"))
	case <-time.After(patience):
		require.Fail(tb, "it does not listen", "%s %v", name, args)
	}
	return d
}

// ownConfig returns a copy of config/config.toml with an event log of the test's own.
func ownConfig(tb testing.TB) string {
	tb.Helper()
	return ownCopy(tb, "config/config.toml")
}

// ownCopy is ownConfig of another file.
func ownCopy(tb testing.TB, name string) string {
	tb.Helper()
	const line = `path = "data/alertd.db"`
	config := readFile(tb, name)
	require.Contains(tb, config, line)
	directory := tb.TempDir()
	path := filepath.Join(directory, "config.toml")
	own := strings.Replace(config, line, fmt.Sprintf("path = %q", filepath.Join(directory, "alertd.db")), 1)
	require.NoError(tb, os.WriteFile(path, []byte(own), 0o600))
	return path
}

// url is the URL of the daemon.
func (d *daemon) url() string { return "http://" + d.addr }
