package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
	"alertd/internal/needs"
)

func gzipped(text string) []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, text)
	if err != nil || w.Close() != nil {
		panic("a buffer takes everything")
	}
	return packed.Bytes()
}

func zstded(tb testing.TB, text string, options ...zstd.EOption) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil, options...)
	require.NoError(tb, err)
	return w.EncodeAll([]byte(text), nil)
}

func TestCompressedBodiesAreUnpacked(t *testing.T) {
	h := newHarness(t)
	for encoding, body := range map[string][]byte{
		"gzip": gzipped(breach), "x-gzip": gzipped(breach), "GZIP": gzipped(breach), "zstd": zstded(t, breach), "identity": []byte(breach),
	} {
		a := h.post(string(body), "Content-Encoding", encoding)
		require.Equal(t, http.StatusCreated, a.status, "%s: %s", encoding, a.body)
		require.Contains(t, a.body, `"current_var":0.0500`)
	}
	lines := h.post(string(gzipped("\ufeff"+breach+"\r\n"+breach+"\r\n")), "Content-Encoding", "gzip", "Content-Type", asNDJSON)
	require.Contains(t, lines.body, `"registered":2,"filtered":0,"duplicate":0,"rejected":0`)
}

func TestLimitHoldsWhenUnpacked(t *testing.T) {
	const limit = 128 << 10
	h := newHarness(t, func(c *httpapi.Config) { c.MaxBody = limit })
	fits := breach + strings.Repeat(" ", limit-len(breach))
	bomb := strings.Repeat(" ", 40<<20)
	for encoding, pack := range map[string]func(string) []byte{
		"gzip": gzipped,
		"zstd": func(text string) []byte { return zstded(t, text) },
	} {
		require.Equal(t, http.StatusCreated, h.post(string(pack(fits)), "Content-Encoding", encoding).status, encoding)
		p := requireProblem(t, h.post(string(pack(fits+" ")), "Content-Encoding", encoding), http.StatusRequestEntityTooLarge)
		require.Equal(t, "the request body is over the limit of 131072 bytes once it is unpacked", p.Detail)
		cut := pack(breach)
		p = requireProblem(t, h.post(string(cut[:len(cut)-6]), "Content-Encoding", encoding), http.StatusBadRequest)
		require.Contains(t, p.Detail, "not all of a "+encoding+" stream")

		packed := string(pack(bomb))
		rejected := h.manager.Totals().Rejected[alerting.RejectTooLarge]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		requireProblem(t, h.post(packed, "Content-Encoding", encoding), http.StatusRequestEntityTooLarge)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(32<<20), "no more is unpacked than is needed to know")
		require.Equal(t, rejected+1, h.manager.Totals().Rejected[alerting.RejectTooLarge])
	}
}

func TestZstdWindowIsLimited(t *testing.T) {
	h := newHarness(t)
	var packed bytes.Buffer
	w, err := zstd.NewWriter(&packed, zstd.WithWindowSize(64<<20))
	require.NoError(t, err)
	_, err = io.WriteString(w, breach)
	require.NoError(t, err)
	require.NoError(t, w.Flush()) // before the size is known, so that the window is what was asked for
	require.NoError(t, w.Close())
	p := requireProblem(t, h.post(packed.String(), "Content-Encoding", "zstd"), http.StatusRequestEntityTooLarge)
	require.Contains(t, p.Detail, "zstd window over the limit of 8388608 bytes")
}

func TestMediaTypeAliases(t *testing.T) {
	h := newHarness(t)
	for _, name := range []string{
		"application/json", "text/json", "application/x-json", "application/vnd.api+json", "application/cloudevents+json; charset=utf-8", "APPLICATION/JSON;charset=UTF8", "application/problem+json",
	} {
		require.Equal(t, http.StatusCreated, h.post(breach, "Content-Type", name).status, name)
	}
	for _, name := range []string{
		"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines", "application/x-jsonlines", "text/x-ndjson; charset=utf-8",
	} {
		a := h.post(breach+"\r\n"+breach+"\r\n", "Content-Type", name)
		require.Contains(t, a.body, `"registered":2`, name)
	}
	for _, name := range []string{"text/plain", "application/xml", "image/svg+json", "application/json-seq", "application/json; charset=latin1", "application/+json5"} {
		requireProblem(t, h.post(breach, "Content-Type", name), http.StatusUnsupportedMediaType)
	}
}

func TestByteOrderMarkIsSkipped(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, http.StatusCreated, h.post("\ufeff"+breach).status)
	require.Contains(t, h.post("\ufeff["+breach+"]").body, `"registered":1`)
	require.Contains(t, h.post("\ufeff"+breach+"\n\ufeff"+breach, "Content-Type", asNDJSON).body, `"registered":1,"filtered":0,"duplicate":0,"rejected":1`, "only at the beginning")
}

func TestEmptyBodyTakesAnyMediaType(t *testing.T) {
	h := newHarness(t).folded(breach)
	h.desk.furnish()
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/channels/slack/test", "", "Content-Type", "text/plain").status)
	for _, target := range []string{"/channels/slack/test", "/deliveries/" + deliveryText + "/retry"} {
		for _, header := range [][]string{{"Content-Type", "application/x-www-form-urlencoded"}, {"Content-Type", "text/plain"}, {"Content-Encoding", "br"}} {
			require.NotEqual(t, http.StatusUnsupportedMediaType, h.do(http.MethodPost, target, "", header...).status, target)
		}
		requireProblem(t, h.do(http.MethodPost, target, "{}", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType)
	}
}

// overLimit is a server whose limit a body of 20 MiB exceeds.
func overLimit(t *testing.T) *httptest.Server {
	t.Helper()
	return newHarness(t, quiet, func(c *httpapi.Config) { c.MaxBody = 4096 }).serve()
}

const tooMuch = 20 << 20

func TestGoReadsThe413(t *testing.T) {
	server := overLimit(t)
	for name, body := range map[string]io.Reader{
		"announced":   bytes.NewReader(make([]byte, tooMuch)),
		"unannounced": io.LimitReader(bytes.NewBuffer(make([]byte, tooMuch)), tooMuch),
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/alerts", body)
		require.NoError(t, err)
		response, err := server.Client().Do(request) //nolint:bodyclose // readAll does
		require.NoError(t, err, name)
		require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
		require.Contains(t, readAll(t, response.Body), "limit of 4096 bytes")
	}
}

// run runs a program that the machine may lack, and returns what it prints.
func run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		needs.Lacking(t, "%s", name)
	}
	output, err := exec.CommandContext(t.Context(), path, arguments...).CombinedOutput()
	require.NoError(t, err, string(output))
	return string(output)
}

func TestCurlReadsThe413(t *testing.T) {
	server := overLimit(t)
	file := t.TempDir() + "/body"
	require.NoError(t, os.WriteFile(file, make([]byte, tooMuch), 0o600))
	for _, headers := range [][]string{{}, {"-H", "Expect:"}, {"-H", "Expect:", "-H", "Transfer-Encoding: chunked"}} {
		arguments := append([]string{"-sS", "-w", "%{http_code}", "-H", "Content-Type: application/json", "--data-binary", "@" + file, server.URL + "/alerts"}, headers...)
		output := run(t, "curl", arguments...)
		require.Contains(t, output, "limit of 4096 bytes", headers)
		require.True(t, strings.HasSuffix(output, "413"), output)
	}
}

func TestPythonReadsThe413(t *testing.T) {
	server := overLimit(t)
	const program = `
import json, sys, urllib.error, urllib.request
sizes = [b"x" * int(sys.argv[2]), (b"x" * 65536 for _ in range(int(sys.argv[2]) // 65536))]
for body in sizes:
    request = urllib.request.Request(sys.argv[1], body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        print(error.code, json.load(error)["detail"])
`
	output := run(t, "python3", "-c", program, server.URL+"/alerts", fmt.Sprint(tooMuch))
	require.Equal(t, strings.Repeat("413 the request body is over the limit of 4096 bytes\n", 2), output)
}

// A client that goes on sending is cut off once alertd has read enough.
func TestDiscardIsBoundedInBytes(t *testing.T) {
	server := overLimit(t)
	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	_, err = fmt.Fprintf(connection, "POST /alerts HTTP/1.1\r\nHost: alertd\r\nContent-Length: %d\r\n\r\n", 1<<40)
	require.NoError(t, err)
	piece, sent := make([]byte, 1<<20), 0
	for err == nil {
		var n int
		n, err = connection.Write(piece)
		sent += n
	}
	require.Less(t, sent, 128<<20)
}

// pipes is a listener whose connections are in memory, so that time need not pass.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case connection := <-p.connections:
		return connection, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func TestDiscardIsBoundedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, quiet, func(c *httpapi.Config) { c.MaxBody = 4096 })
		listener := &pipes{connections: make(chan net.Conn), closed: make(chan struct{})}
		server := &http.Server{Handler: h.api.Handler()}
		done := make(chan error, 1)
		go func() { done <- server.Serve(listener) }()
		ours, theirs := net.Pipe()
		listener.connections <- theirs
		_, err := io.WriteString(ours, "POST /alerts HTTP/1.1\r\nHost: alertd\r\nContent-Length: 100000\r\n\r\n{")
		require.NoError(t, err)
		began := time.Now()
		answer, err := io.ReadAll(ours) // sends nothing more
		require.NoError(t, err)
		require.Contains(t, string(answer), "413 Request Entity Too Large")
		require.Contains(t, string(answer), "limit of 4096 bytes")
		require.Less(t, time.Since(began), 10*time.Second)
		require.NoError(t, server.Shutdown(context.WithoutCancel(t.Context())))
		require.ErrorIs(t, <-done, http.ErrServerClosed)
	})
}
