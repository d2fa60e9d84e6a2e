package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/listen/listentest"
)

// onSocket returns a client of a Unix socket.
func onSocket(path string) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", path)
		},
	}}
}

// overTLS returns a client that trusts an authority, and shows certificates. It speaks
// HTTP/2, as browsers do.
func overTLS(tb testing.TB, ca *listentest.Authority, certificates ...tls.Certificate) *http.Client {
	tb.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: certificates}}
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: patience, Transport: transport}
}

// ask sends a request by a client of its own.
func ask(tb testing.TB, client *http.Client, method, url, body string, header ...string) answer {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), method, url, strings.NewReader(body))
	require.NoError(tb, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := client.Do(request)
	require.NoError(tb, err)
	return readAnswer(tb, response)
}

func TestAlertComesInByUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "alertd.sock")
	p := launch(t, "[server]\nsocket_mode = \"0600\"\naccess_log = \"all\"\nmax_connections_per_address = 1\n", "--listen", "unix:"+socket)
	p.awaitLog("listening")
	info, err := os.Lstat(socket)
	require.NoError(t, err)
	require.Equal(t, fs.ModeSocket|0o600, info.Mode())
	for range 3 {
		first := dialSocket(t, socket)
		defer func() { _ = first.Close() }()
	}
	a := ask(t, onSocket(socket), http.MethodPost, "http://alertd/alerts", breach)
	require.Equal(t, http.StatusCreated, a.status, "no limit for one address: %s", a.body)
	require.Contains(t, p.awaitLog(`"path":"/alerts"`), `"remote":"@"`)
	var out strings.Builder
	require.Equal(t, exitOK, run(t.Context(), []string{"healthcheck", "--listen", "unix:" + socket}, &out, io.Discard))
	require.Equal(t, "ready\n", out.String())

	require.Equal(t, exitError, run(t.Context(), p.args([]string{"--listen", "unix:" + socket}), io.Discard, p.log))
	p.awaitLog("the socket is in use by another process; choose another address")
	require.Equal(t, exitOK, p.exit())
	require.NoFileExists(t, socket)
}

func dialSocket(tb testing.TB, path string) net.Conn {
	tb.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(tb.Context(), "unix", path)
	require.NoError(tb, err)
	return conn
}

// secured is an alertd with TLS, which lets in an owner of a client certificate.
type secured struct {
	*program
	ca, clients *listentest.Authority
	cert, key   string
}

func startSecured(tb testing.TB, more string) *secured {
	tb.Helper()
	in := tb.TempDir()
	s := &secured{
		ca: listentest.NewAuthority(tb, "Desk CA"), clients: listentest.NewAuthority(tb, "Client CA"),
		cert: filepath.Join(in, "tls.crt"), key: filepath.Join(in, "tls.key"),
	}
	s.ca.Server(tb).Write(tb, s.cert, s.key)
	clients := filepath.Join(in, "clients.pem")
	require.NoError(tb, os.WriteFile(clients, s.clients.PEM, 0o600))
	s.program = start(tb, more+fmt.Sprintf(`
[server.tls]
cert_file = %q
key_file = %q
client_ca_file = %q
[[server.tokens]]
name = "var-gate"
role = "ingest"
subject = "CN=var-gate,O=Desk"
[[server.tokens]]
name = "board"
role = "read"
subject = "CN=board,O=Desk"
`, s.cert, s.key, clients))
	return s
}

func (s *secured) url(path string) string { return "https://" + s.addr + path }

func TestOwnerOfClientCertificateIsLetIn(t *testing.T) {
	s := startSecured(t, "")
	gate := overTLS(t, s.ca, s.clients.Client(t, "var-gate", "Desk").Pair(t))
	require.Equal(t, http.StatusCreated, ask(t, gate, http.MethodPost, s.url("/alerts"), breach).status)
	require.Equal(t, http.StatusForbidden, ask(t, gate, http.MethodGet, s.url("/events"), "").status, "it may send, and not read")
	require.Equal(t, http.StatusUnauthorized, ask(t, overTLS(t, s.ca), http.MethodPost, s.url("/alerts"), breach).status)
	other := overTLS(t, s.ca, s.clients.Client(t, "other", "Desk").Pair(t))
	require.Equal(t, http.StatusUnauthorized, ask(t, other, http.MethodPost, s.url("/alerts"), breach).status)
	require.Equal(t, http.StatusOK, ask(t, other, http.MethodGet, s.url("/healthz"), "").status)
	require.Equal(t, http.StatusBadRequest, s.get("/healthz").status, "not without TLS")

	var out strings.Builder
	require.Equal(t, exitOK, run(t.Context(), []string{"healthcheck", "--config", s.config, "--listen", s.addr}, &out, &out), &out)
}

func TestStreamOverHTTP2OutlivesTimeouts(t *testing.T) {
	s := startSecured(t, "[server]\nread_timeout = \"300ms\"\nwrite_timeout = \"300ms\"\nsearch_timeout = \"100ms\"\nstream_heartbeat = \"200ms\"\n")
	board := overTLS(t, s.ca, s.clients.Client(t, "board", "Desk").Pair(t))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/events/stream"), nil)
	require.NoError(t, err)
	response, err := board.Do(request)
	require.NoError(t, err)
	require.Equal(t, 2, response.ProtoMajor)
	t.Cleanup(func() { _ = response.Body.Close() })
	stream := &stream{t, bufio.NewReader(response.Body)}
	stream.message()
	for range 5 { // a second
		require.Equal(t, ": heartbeat\n", stream.message())
	}
	gate := overTLS(t, s.ca, s.clients.Client(t, "var-gate", "Desk").Pair(t))
	require.Equal(t, http.StatusCreated, ask(t, gate, http.MethodPost, s.url("/alerts"), breach).status)
	message := stream.message()
	for message == ": heartbeat\n" {
		message = stream.message()
	}
	require.Contains(t, message, "VaR limit breached")
	s.end()
	for message = stream.message(); message == ": heartbeat\n"; {
		message = stream.message()
	}
	require.Equal(t, shutdownMessage, message)
	stream.requireEnd()
	require.Equal(t, exitOK, s.exitStatus())
}

func TestCertificateIsRenewedUnderLoad(t *testing.T) {
	s := startSecured(t, "")
	gate := s.clients.Client(t, "var-gate", "Desk").Pair(t)
	var sent atomic.Int64
	ended := make(chan error, 2)
	done := make(chan struct{})
	for range cap(ended) {
		go func() {
			for {
				select {
				case <-done:
					ended <- nil
					return
				default:
				}
				client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.ca.Pool(), Certificates: []tls.Certificate{gate}}}}
				response, err := client.Post(s.url("/alerts"), "application/json", strings.NewReader(breach)) //nolint:noctx // it has a timeout
				if err != nil || response.StatusCode != http.StatusCreated {
					ended <- fmt.Errorf("%v: %w", response, err)
					return
				}
				_ = response.Body.Close()
				sent.Add(1)
			}
		}()
	}
	next := s.ca.Server(t)
	next.Write(t, s.cert, s.key)
	require.Eventually(t, func() bool {
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: s.ca.Pool()}}).DialContext(t.Context(), "tcp", s.addr)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		secure, ok := conn.(*tls.Conn)
		return ok && secure.ConnectionState().PeerCertificates[0].SerialNumber.String() == next.Serial(t)
	}, patience, 50*time.Millisecond)
	close(done)
	for range cap(ended) {
		require.NoError(t, <-ended)
	}
	require.Positive(t, sent.Load())
	s.awaitLog("TLS files read again")
}

func TestAdministratorsHaveListenerOfTheirOwn(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	admin := access.NewSecret()
	p := start(t, fmt.Sprintf("[server]\nadmin_listen = %q\nmax_connections = 2\n[[server.tokens]]\nname = \"ada\"\nrole = \"admin\"\nhash = %q\n", "unix:"+socket, admin.Hash().String()))
	authorization := []string{"Authorization", "Bearer " + admin.Reveal()}
	require.Equal(t, http.StatusNotFound, p.do(http.MethodGet, "/debug/pprof/", "", authorization...).status)
	require.Equal(t, http.StatusOK, p.do(http.MethodGet, "/metrics", "", authorization...).status)

	client := onSocket(socket)
	require.Equal(t, http.StatusUnauthorized, ask(t, client, http.MethodGet, "http://alertd/debug/pprof/", "").status)
	require.Equal(t, http.StatusOK, ask(t, client, http.MethodGet, "http://alertd/debug/pprof/goroutine?debug=1", "", authorization...).status)
	require.Equal(t, http.StatusNotFound, ask(t, client, http.MethodGet, "http://alertd/events", "", authorization...).status)

	// All places are taken, and administrators get in.
	post := p.beginPost(authorization...)
	second := p.dial()
	_, err := p.dial().Read(make([]byte, 1))
	require.Error(t, err, "the third is closed at once")
	metrics := ask(t, client, http.MethodGet, "http://alertd/metrics", "", authorization...).body
	require.Contains(t, metrics, "\nalertd_http_connections 2\n")
	require.Contains(t, metrics, "\nalertd_http_refused_total{reason=\"connections\"} 1\n")
	require.Contains(t, p.awaitLog("connection refused"), `"limit":"max_connections"`)

	// They can see what a stop waits for.
	require.NoError(t, second.Close())
	p.end()
	require.Eventually(t, func() bool { return refuses(t, p.addr) }, patience, patience/1000)
	require.Contains(t, ask(t, client, http.MethodGet, "http://alertd/readyz", "", authorization...).body, "shutting down")
	require.Equal(t, http.StatusCreated, post.finish().status)
	require.Equal(t, exitOK, p.exitStatus())
	require.NoFileExists(t, socket)
}

func TestConnectionsOfOneAddressAreCounted(t *testing.T) {
	p := start(t, "[server]\nmax_connections_per_address = 2\n")
	first := p.dial()
	p.dial()
	_, err := p.dial().Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool {
		response, err := p.client.Get("http://" + p.addr + "/metrics") //nolint:noctx // it has a timeout
		if err != nil {
			return false // the place is not free yet
		}
		return strings.Contains(readAnswer(t, response).body, `alertd_http_refused_total{reason="connections_per_address"}`)
	}, patience, patience/1000)
}

func TestTrustedProxyHasMoreConnections(t *testing.T) {
	p := start(t, "[server]\nmax_connections_per_address = 1\ntrusted_proxies = [\"127.0.0.0/8\"]\n")
	for range 5 {
		p.dial()
	}
	require.Equal(t, http.StatusOK, p.get("/healthz").status)
}

// A client that sends nothing, or slowly, is cut off in every state of a connection.
func TestSlowClientIsCutOff(t *testing.T) {
	const settings = "[server]\nread_header_timeout = \"200ms\"\nread_timeout = \"400ms\"\n"
	plain, secure := start(t, settings), startSecured(t, settings)
	for name, c := range map[string]struct {
		to    *program
		begin string
	}{
		"before it sends":          {plain, ""},
		"in the header":            {plain, "GET /healthz HTTP/1.1\r\nHost: a"},
		"in the body":              {plain, "POST /alerts HTTP/1.1\r\nHost: alertd\r\nContent-Length: 1000000\r\n\r\n"},
		"in a chunk":               {plain, "POST /alerts HTTP/1.1\r\nHost: alertd\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"},
		"before the TLS handshake": {secure.program, ""},
		"in the TLS handshake":     {secure.program, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := c.to.dial()
			write(t, conn, c.begin)
			dribble := make(chan struct{})
			go func() {
				defer close(dribble)
				for c.begin != "" {
					time.Sleep(20 * time.Millisecond) //nolint:forbidigo // that is how slow the client is
					if _, err := conn.Write([]byte("a")); err != nil {
						return
					}
				}
			}()
			_, _ = io.Copy(io.Discard, conn) // until alertd ends it; the deadline of the connection is patience
			_ = conn.Close()
			<-dribble
		})
	}
}

func TestSystemdOpensSockets(t *testing.T) {
	p := newProgram(t, "[server]\nadmin_listen = \"systemd:admin\"\n")
	var files []*os.File
	var addrs []string
	for range 2 {
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
		require.NoError(t, err)
		file, err := l.File()
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		files, addrs = append(files, file), append(addrs, l.Addr().String())
		require.NoError(t, l.Close())
	}
	// The shell becomes alertd, and keeps its process id.
	const script = `LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=admin:alertd.socket exec alertd "$@"`
	p.run(p.log, files, "sh", append([]string{"-c", script, "sh"}, p.args([]string{"--listen", "systemd"})...)...)
	// A connection waits until alertd is up: nothing is lost when it restarts.
	p.addr = addrs[1]
	require.Equal(t, http.StatusCreated, p.post("/alerts", breach).status)
	require.Equal(t, http.StatusOK, ask(t, p.client, http.MethodGet, "http://"+addrs[0]+"/debug/pprof/", "").status)
	require.Contains(t, p.awaitLog("listening"), `"addr":"`+addrs[1]+`"`)
	require.Equal(t, exitOK, p.exit())
}

func TestStartWithoutSocketOfSystemdFails(t *testing.T) {
	p := newProgram(t, "")
	p.code = run(t.Context(), p.args([]string{"--listen", "systemd"}), io.Discard, p.log)
	close(p.done)
	require.Equal(t, exitError, p.code)
	p.awaitLog("listen on systemd: systemd has passed no socket")
}

// Connections take no more files than leave some for the database.
func TestLackOfFilesDoesNotEndAlertd(t *testing.T) {
	p := newProgram(t, "[server]\naccess_log = \"off\"\n")
	p.run(p.log, nil, "sh", append([]string{"-c", `ulimit -n 80; exec alertd "$@"`, "sh"}, p.args(nil)...)...)
	require.Contains(t, p.awaitLog("may open too few files"), `"connections":40`)
	p.awaitListening()
	var taken []net.Conn
	for range 100 {
		taken = append(taken, p.dial())
	}
	p.awaitLog("connection refused: too many are open")
	for _, conn := range taken {
		require.NoError(t, conn.Close())
	}
	require.Eventually(t, func() bool {
		response, err := p.client.Post("http://"+p.addr+"/alerts", "application/json", strings.NewReader(breach)) //nolint:noctx // it has a timeout
		return err == nil && readAnswer(t, response).status == http.StatusCreated
	}, patience, patience/1000)
	require.Equal(t, exitOK, p.exit())
}
