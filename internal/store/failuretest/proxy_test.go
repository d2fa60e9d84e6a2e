package failuretest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// fault is what a proxy does to one transaction that appends, or one read.
type fault int

const (
	// none forwards it.
	none fault = iota
	// cutBefore loses the connection at the commit: the server never hears of it.
	cutBefore
	// cutAfter loses it as well, but not before the server has committed.
	cutAfter
	// hangInTransaction forwards nothing more of the connection, once the log's lock
	// is held.
	hangInTransaction
	// cutInAnswer loses the connection in the middle of events that are read.
	cutInAnswer
)

// at returns how the statement begins where it happens. Nobody but the log writes
// it so.
func (f fault) at() string {
	switch f {
	case hangInTransaction:
		return "INSERT INTO events ("
	case cutInAnswer:
		return "SELECT e.seq, e.json, e.dispatch FROM events e WHERE e.seq ="
	case none, cutBefore, cutAfter:
	}
	return "COMMIT"
}

// proxy is what lies between alertd and a PostgreSQL server, and fails.
type proxy struct {
	listener net.Listener
	server   string        // its address
	failed   chan struct{} // holds two: a fault has happened
	group    sync.WaitGroup
	accepted atomic.Int64 // connections so far

	mu    sync.Mutex
	links map[*link]struct{}
	hung  bool    // new links forward nothing
	next  []fault // each of one transaction or read only
	ended bool
}

// link is one connection through the proxy.
type link struct {
	proxy          *proxy
	client, server net.Conn
	statements     map[string]string // what the client has prepared, by name

	mu      sync.Mutex
	gate    chan struct{} // closed: it forwards
	swallow bool          // what the server says is not forwarded any more
	cut     bool          // nor is the second half of what it says next
}

// startProxy starts a proxy in front of the server of a DSN, and returns it with
// the DSN to use.
func startProxy(tb testing.TB, dsn string) (*proxy, string) {
	tb.Helper()
	to, err := url.Parse(dsn)
	require.NoError(tb, err)
	listener, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	p := &proxy{listener: listener, server: to.Host, failed: make(chan struct{}, 2), links: make(map[*link]struct{})}
	p.group.Go(func() { p.accept(tb) })
	tb.Cleanup(p.close)
	to.Host = listener.Addr().String()
	return p, to.String()
}

func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.ended = true
	for l := range p.links {
		l.close()
	}
	p.mu.Unlock()
	p.group.Wait()
}

func (p *proxy) accept(tb testing.TB) {
	tb.Helper()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		server, err := new(net.Dialer).DialContext(tb.Context(), "tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.link(client, server)
	}
}

func (p *proxy) link(client, server net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &link{proxy: p, client: client, server: server, statements: make(map[string]string), gate: make(chan struct{})}
	if p.ended {
		l.close()
		return
	}
	if !p.hung {
		close(l.gate)
	}
	p.links[l] = struct{}{}
	var both sync.WaitGroup
	for _, forward := range []func() error{l.fromClient, l.fromServer} {
		both.Add(1)
		p.group.Go(func() {
			defer both.Done()
			_ = forward() // it ends when either side does
			l.shut()
		})
	}
	p.group.Go(func() {
		both.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
}

// failNext has the next transaction that appends, or the next read, meet a fault,
// which a value in failed tells, and the one after it the next fault.
func (p *proxy) failNext(what ...fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = what
}

// take returns what happens at a statement.
func (p *proxy) take(statement string) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.next) == 0 || !strings.HasPrefix(statement, p.next[0].at()) {
		return none
	}
	what := p.next[0]
	p.next = p.next[1:]
	return what
}

// cut ends the connections that there are; new ones work.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// hang stops all forwarding, also of new connections.
func (p *proxy) hang() {
	p.lose()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = true
}

// lose stops the forwarding of the connections that there are; new ones work.
// Neither side is told.
func (p *proxy) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.stall()
	}
}

// resume forwards again, also what has waited.
func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = false
	for l := range p.links {
		l.goOn()
	}
}

func (l *link) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = make(chan struct{})
}

func (l *link) goOn() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.gate:
	default:
		close(l.gate)
	}
}

// close ends both sides, and lets what waits go on.
func (l *link) close() {
	l.shut()
	l.goOn()
}

func (l *link) shut() { _ = errors.Join(l.client.Close(), l.server.Close()) }

// send forwards data once the link does.
func (l *link) send(to net.Conn, data []byte) error {
	for {
		l.mu.Lock()
		gate := l.gate
		l.mu.Unlock()
		<-gate
		l.mu.Lock()
		same := gate == l.gate
		l.mu.Unlock()
		if same {
			_, err := to.Write(data)
			return err
		}
	}
}

// fromClient forwards what alertd says, message by message.
func (l *link) fromClient() error {
	startup, err := readBody(l.client, make([]byte, 0, 4)) // the only one without a type
	if err != nil {
		return err
	}
	if err := l.send(l.server, startup); err != nil {
		return err
	}
	for {
		kind := make([]byte, 1, 5)
		if _, err := io.ReadFull(l.client, kind); err != nil {
			return err
		}
		message, err := readBody(l.client, kind)
		if err != nil {
			return err
		}
		switch l.proxy.take(l.statement(message)) {
		case cutBefore:
			l.proxy.failed <- struct{}{}
			return nil
		case cutAfter:
			l.swallowAnswers()
		case hangInTransaction:
			l.stall()
			l.proxy.failed <- struct{}{}
		case cutInAnswer:
			l.cutAnswer()
		case none:
		}
		if err := l.send(l.server, message); err != nil {
			return err
		}
	}
}

// readBody reads the length of a message and the rest of it, and appends them.
func readBody(from io.Reader, message []byte) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:])-4)
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, err
	}
	return append(append(message, length[:]...), body...), nil
}

// statement returns the statement that a message begins to run, if it was
// prepared.
func (l *link) statement(message []byte) string {
	parts := bytes.SplitN(message[5:], []byte{0}, 3)
	switch {
	case message[0] == 'P' && len(parts) > 1: // Parse: name, query
		l.statements[string(parts[0])] = string(parts[1])
	case message[0] == 'B' && len(parts) > 1: // Bind: portal, name
		return l.statements[string(parts[1])]
	}
	return ""
}

func (l *link) swallowAnswers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.swallow = true
}

func (l *link) cutAnswer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
}

func (l *link) cuts() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

func (l *link) swallows() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.swallow
}

// fromServer forwards what the server says.
func (l *link) fromServer() error {
	data := make([]byte, 64<<10)
	for {
		n, err := l.server.Read(data)
		if err != nil {
			return err
		}
		if l.swallows() {
			if bytes.Contains(data[:n], []byte("COMMIT\x00")) { // the server says that it has committed
				l.proxy.failed <- struct{}{}
				return nil
			}
			continue
		}
		if l.cuts() {
			err := l.send(l.client, data[:n/2])
			l.proxy.failed <- struct{}{}
			return err
		}
		if err := l.send(l.client, data[:n]); err != nil {
			return err
		}
	}
}
