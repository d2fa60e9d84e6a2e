package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The timeouts are short for people but long for a busy machine: the steps of these tests
// must not run into them.

// requireClosed reads until alertd closes the connection. The harness waits longer than any
// timeout of these tests.
func requireClosed(tb testing.TB, conn io.Reader) string {
	tb.Helper()
	rest, err := io.ReadAll(conn)
	require.NoError(tb, err, "the connection is still open")
	return string(rest)
}

func TestSlowHeaderClosesConnection(t *testing.T) {
	t.Parallel()
	p := start(t, "[server]\nread_header_timeout = \"200ms\"\n")
	conn := p.dial()
	write(t, conn, "GET /healthz HTTP/1.1\r\nHost: ale")
	require.Empty(t, requireClosed(t, conn), "a request was answered that was never sent")
}

func TestSlowBodyIsRefused(t *testing.T) {
	t.Parallel()
	p := start(t, "[server]\nread_timeout = \"500ms\"\n")
	refusal := p.beginPost().answer()
	require.Equal(t, http.StatusBadRequest, refusal.status)
	require.Contains(t, refusal.body, "the request body could not be read to its end")
	require.Contains(t, p.awaitLog(`"route":"/alerts"`), "i/o timeout")
	require.Contains(t, p.get("/metrics").body, "\nalertd_alerts_rejected_total{reason=\"malformed\"} 1\n")
}

func TestIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	p := start(t, "[server]\nidle_timeout = \"200ms\"\n")
	conn := p.dial()
	write(t, conn, "GET /healthz HTTP/1.1\r\nHost: alertd\r\n\r\n")
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, readAnswer(t, response).status)
	require.Empty(t, requireClosed(t, reader))
}

func TestUnreadAnswerIsCutOff(t *testing.T) {
	t.Parallel()
	p := start(t, "[server]\nwrite_timeout = \"1s\"\n")
	large := strings.Replace(breach, "VaR limit breached", strings.Repeat("x", 8000), 1)
	batch := "[" + large + strings.Repeat(","+large, 29) + "]"
	for range 30 {
		require.Equal(t, http.StatusOK, p.post("/alerts", batch).status)
	}

	conn := p.dial()
	tcp, ok := conn.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, tcp.SetReadBuffer(4096)) // the kernel must not take it all
	write(t, conn, "GET /events?limit=1000 HTTP/1.1\r\nHost: alertd\r\n\r\n")
	require.Contains(t, p.awaitLog(`"route":"/events"`), "i/o timeout")
}

func TestStreamOutlivesRequestTimeouts(t *testing.T) {
	t.Parallel()
	p := start(t, "[server]\nread_timeout = \"500ms\"\nwrite_timeout = \"500ms\"\nidle_timeout = \"500ms\"\nstream_heartbeat = \"100ms\"\n")
	stream := p.openStream()
	for range 10 { // at least 1 s
		require.Equal(t, ": heartbeat\n", stream.message())
	}
	registered := p.post("/alerts", breach)
	require.Equal(t, http.StatusCreated, registered.status)
	want := fmt.Sprintf("id: 1\nevent: alert\ndata: %s", registered.body)
	message := stream.message()
	for message == ": heartbeat\n" {
		message = stream.message()
	}
	require.Equal(t, want, message)
}
