package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds the wait for what must happen, on a busy machine.
const patience = 30 * time.Second

// noRaceSleep turns off the race detector's wait of a second when a process ends. The
// processes check for goroutines themselves.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

const (
	// noFile stands for a missing configuration: alertd runs with its defaults, in a folder
	// of its own, so the test cannot be parallel.
	noFile = "no file"

	breach = `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03","context":{"current_var":0.05,"limit":0.03}}`
	notice = `{"severity":"info","category":"other","source":"var_gate","message":"VaR is back within its limit"}`
)

// program is a running alertd serve. It ends with the test at the latest, and must then exit
// with status 0, unless the test has called exit.
type program struct {
	tb     testing.TB
	config string // the file
	addr   string // host:port
	client *http.Client
	log    *logBuffer
	out    *logBuffer      // standard output, if it runs in this process
	end    func()          // asks it to end
	signal func(os.Signal) // nil if it runs in this process
	done   chan struct{}   // closed when it has ended
	code   int             // once it has
}

// start runs the real run function in this process, with a configuration, and
// waits until it listens.
func start(tb testing.TB, toml string, args ...string) *program {
	tb.Helper()
	p := launch(tb, toml, args...)
	p.awaitListening()
	return p
}

// launch is start without the wait.
func launch(tb testing.TB, toml string, args ...string) *program {
	tb.Helper()
	p := newProgram(tb, toml)
	ctx, cancel := context.WithCancel(tb.Context())
	p.end = cancel
	go func() {
		defer close(p.done)
		p.code = run(ctx, p.args(args), p.out, p.log)
	}()
	return p
}

// startProcess runs alertd in a process of its own, for signals, and waits until it
// listens.
func startProcess(tb testing.TB, toml string) *program {
	tb.Helper()
	p := newProgram(tb, toml)
	p.launchProcess("alertd", p.log)
	p.awaitListening()
	return p
}

// launchProcess runs the test binary under one of the names of [TestMain].
func (p *program) launchProcess(name string, stderr io.Writer) {
	p.tb.Helper()
	p.run(stderr, nil, name, p.args(nil)...)
}

// run starts a process that is alertd, or becomes it, with open files from 3 on.
func (p *program) run(stderr io.Writer, files []*os.File, name string, args ...string) {
	p.tb.Helper()
	ctx, cancel := context.WithCancel(p.tb.Context())
	p.end = cancel
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), noRaceSleep)
	cmd.Stderr, cmd.ExtraFiles = stderr, files
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = patience
	require.NoError(p.tb, cmd.Start())
	p.signal = func(s os.Signal) { require.NoError(p.tb, cmd.Process.Signal(s)) }
	go func() {
		defer close(p.done)
		_ = cmd.Wait() // its error adds nothing to the exit status
		p.code = cmd.ProcessState.ExitCode()
	}()
}

// newProgram writes the configuration, unless it is noFile.
func newProgram(tb testing.TB, toml string) *program {
	tb.Helper()
	p := &program{
		tb: tb, config: filepath.Join(tb.TempDir(), "config.toml"), log: newLogBuffer(), out: newLogBuffer(), done: make(chan struct{}),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience},
	}
	if toml == noFile {
		tb.Chdir(filepath.Dir(p.config))
	} else {
		p.configure(toml)
	}
	tb.Cleanup(func() {
		select {
		case <-p.done: // the test has checked the exit status
		default:
			require.Equal(tb, exitOK, p.exit(), "alertd did not end well; its log:\n%s", p.log)
		}
	})
	return p
}

func (p *program) args(more []string) []string {
	return append([]string{"serve", "--config", p.config, "--listen", "127.0.0.1:0"}, more...)
}

// configure replaces the file in one step. The event log is a file beside
// it, unless the configuration says otherwise.
func (p *program) configure(toml string) {
	p.tb.Helper()
	if !strings.Contains(toml, "[storage]") {
		toml += fmt.Sprintf("\n[storage]\npath = %q\n", p.beside("alertd.db"))
	}
	next := p.config + ".next"
	require.NoError(p.tb, os.WriteFile(next, []byte(toml), 0o600))
	require.NoError(p.tb, os.Rename(next, p.config))
}

// beside returns the path of a file in the folder of the configuration.
func (p *program) beside(name string) string { return filepath.Join(filepath.Dir(p.config), name) }

// awaitListening learns the address from the log, as an operator does.
func (p *program) awaitListening() {
	p.tb.Helper()
	line := p.awaitLog("listening")
	found := regexp.MustCompile(`addr"?[=:]"?([0-9.]+:[0-9]+)`).FindStringSubmatch(line)
	require.NotNil(p.tb, found, "no address in %s", line)
	p.addr = found[1]
}

// awaitLog waits for a line of the log that contains the text, after the last awaited line,
// and returns it.
func (p *program) awaitLog(text string) string {
	p.tb.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for ended := false; ; {
		line, changed := p.log.next(text)
		if line != "" {
			return line
		}
		require.False(p.tb, ended, "alertd ended without logging %q; its log:\n%s", text, p.log)
		select {
		case <-changed:
		case <-p.done:
			ended = true // look at its last words
		case <-limit.C:
			require.Fail(p.tb, "not logged in time", "%q in:\n%s", text, p.log)
		}
	}
}

// exit asks alertd to end and returns the exit status.
func (p *program) exit() int {
	p.tb.Helper()
	p.end()
	return p.exitStatus()
}

// exitStatus waits until alertd ends and returns its status.
func (p *program) exitStatus() int {
	p.tb.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		require.Fail(p.tb, "alertd does not end", "its log:\n%s", p.log)
	}
	return p.code
}

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *program) do(method, path, body string, header ...string) answer {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(p.tb.Context(), method, "http://"+p.addr+path, strings.NewReader(body))
	require.NoError(p.tb, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := p.client.Do(request)
	require.NoError(p.tb, err)
	return readAnswer(p.tb, response)
}

func readAnswer(tb testing.TB, response *http.Response) answer {
	tb.Helper()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	require.NoError(tb, response.Body.Close())
	return answer{response.StatusCode, response.Header, string(body)}
}

func (p *program) get(path string) answer {
	p.tb.Helper()
	return p.do(http.MethodGet, path, "")
}

func (p *program) post(path, body string) answer {
	p.tb.Helper()
	return p.do(http.MethodPost, path, body)
}

// into decodes the answer's body.
func (a answer) into(tb testing.TB, value any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal([]byte(a.body), value), a.body)
}

// dial opens a bare connection.
func (p *program) dial() net.Conn {
	p.tb.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(p.tb.Context(), "tcp", p.addr)
	require.NoError(p.tb, err)
	p.tb.Cleanup(func() { _ = conn.Close() })
	require.NoError(p.tb, conn.SetDeadline(time.Now().Add(patience)))
	return conn
}

func write(tb testing.TB, conn net.Conn, text string) {
	tb.Helper()
	_, err := io.WriteString(conn, text)
	require.NoError(tb, err)
}

// halfPost is a POST whose body is on its way.
type halfPost struct {
	tb     testing.TB
	conn   net.Conn
	reader *bufio.Reader
	rest   string
}

// beginPost sends a request and half of its body, the breach. When it returns, alertd is
// reading the body: it has answered 100 Continue.
func (p *program) beginPost(header ...string) *halfPost {
	p.tb.Helper()
	conn := p.dial()
	write(p.tb, conn, "POST /alerts HTTP/1.1\r\nHost: alertd\r\n")
	for i := 0; i < len(header); i += 2 {
		write(p.tb, conn, header[i]+": "+header[i+1]+"\r\n")
	}
	write(p.tb, conn, "Expect: 100-continue\r\nContent-Length: "+strconv.Itoa(len(breach))+"\r\n\r\n")
	post := &halfPost{tb: p.tb, conn: conn, reader: bufio.NewReader(conn), rest: breach[len(breach)/2:]}
	line, err := post.reader.ReadString('\n')
	require.NoError(p.tb, err)
	require.Equal(p.tb, "HTTP/1.1 100 Continue\r\n", line)
	_, err = post.reader.ReadString('\n')
	require.NoError(p.tb, err)
	write(p.tb, conn, breach[:len(breach)/2])
	return post
}

// finish sends the rest and returns the answer.
func (h *halfPost) finish() answer {
	h.tb.Helper()
	write(h.tb, h.conn, h.rest)
	return h.answer()
}

func (h *halfPost) answer() answer {
	h.tb.Helper()
	response, err := http.ReadResponse(h.reader, nil)
	require.NoError(h.tb, err)
	return readAnswer(h.tb, response)
}

// stream is an open GET /events/stream.
type stream struct {
	tb     testing.TB
	reader *bufio.Reader
}

// openStream opens a stream and waits until alertd begins to answer.
func (p *program) openStream(header ...string) *stream {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, "http://"+p.addr+"/events/stream", nil)
	require.NoError(p.tb, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := p.client.Do(request)
	require.NoError(p.tb, err)
	p.tb.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(p.tb, http.StatusOK, response.StatusCode)
	s := &stream{p.tb, bufio.NewReader(response.Body)}
	require.Equal(p.tb, "retry: 2000\n", s.message())
	return s
}

// message returns the lines of the next message.
func (s *stream) message() string {
	s.tb.Helper()
	var message string
	for {
		line, err := s.reader.ReadString('\n')
		require.NoError(s.tb, err, "after %q", message)
		if line == "\n" {
			return message
		}
		message += line
	}
}

// requireEnd checks that the stream ends properly, without another message.
func (s *stream) requireEnd() {
	s.tb.Helper()
	rest, err := io.ReadAll(s.reader)
	require.NoError(s.tb, err)
	require.Empty(s.tb, string(rest))
}

// logBuffer is a log that a test can read and wait for while it is written.
type logBuffer struct {
	mu      sync.Mutex
	text    bytes.Buffer
	read    int           // the position of next
	changed chan struct{} // closed by the next write
}

func newLogBuffer() *logBuffer { return &logBuffer{changed: make(chan struct{})} }

func (l *logBuffer) Write(data []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.text.Write(data)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// next returns the next complete line that contains the text, or "" and a channel that the
// next write closes.
func (l *logBuffer) next(text string) (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.read
	for line := range strings.Lines(l.text.String()[at:]) {
		at += len(line)
		if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
			l.read = at
			return line, l.changed
		}
	}
	return "", l.changed
}
