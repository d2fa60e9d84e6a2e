package main

import (
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const shutdownMessage = "event: shutdown\ndata: {\"reason\":\"alertd is shutting down\"}\n"

// Each of these processes also checks for leaked goroutines, and then ends with exitLeak.
func TestSignalLetsRequestsFinish(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, "")
			stream := p.openStream()
			post := p.beginPost()

			p.signal(signal)
			require.Equal(t, shutdownMessage, stream.message())
			stream.requireEnd()
			require.Eventually(t, func() bool { return refuses(t, p.addr) }, patience, patience/1000, "new connections are still taken")
			answer := post.finish()
			require.Equal(t, http.StatusCreated, answer.status, answer.body)

			require.Equal(t, exitOK, p.exitStatus(), "%s", p.log)
			require.Contains(t, p.awaitLog("stopping"), `"signal":"`+signal.String()+`"`)
			require.NotEmpty(t, p.awaitLog("stopped"))
		})
	}
}

func refuses(tb testing.TB, addr string) bool {
	tb.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(tb.Context(), "tcp", addr)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	for name, signals := range map[string][2]os.Signal{
		"a supervisor that asks twice":                   {syscall.SIGTERM, syscall.SIGTERM},
		"a person who presses Ctrl-C twice":              {syscall.SIGINT, syscall.SIGINT},
		"a person who gives up on what a supervisor did": {syscall.SIGTERM, syscall.SIGINT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, "[server]\nshutdown_timeout = \"1h\"\n")
			p.beginPost() // and never finishes
			p.signal(signals[0])
			p.awaitLog("stopping")
			p.signal(signals[1])
			require.Equal(t, exitError, p.exitStatus(), "%s", p.log)
			require.Equal(t, "alertd: stop: told again before requests had finished\n", p.awaitLog("alertd: "))
		})
	}
}

func TestShutdownTimeoutCutsRequestsOff(t *testing.T) {
	p := start(t, "[server]\nshutdown_timeout = \"20ms\"\n")
	post := p.beginPost()
	require.Equal(t, exitError, p.exit())
	require.Equal(t, "alertd: stop: requests did not finish within 20ms\n", p.awaitLog("alertd: "))
	_, err := post.reader.ReadByte()
	require.Error(t, err, "the connection is still open")
}
