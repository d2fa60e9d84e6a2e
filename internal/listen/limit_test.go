package listen_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/listen"
)

// queue is a listener whose connections come from the test.
type queue struct {
	conns  chan net.Conn
	closed chan struct{}
	err    error // returned once by the next Accept
}

func newQueue() *queue { return &queue{conns: make(chan net.Conn, 4096), closed: make(chan struct{})} }

func (q *queue) Accept() (net.Conn, error) {
	if err := q.err; err != nil {
		q.err = nil
		return nil, err
	}
	if len(q.conns) > 0 {
		return <-q.conns, nil
	}
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.closed:
		return nil, net.ErrClosed
	}
}

func (q *queue) Close() error   { close(q.closed); return nil }
func (q *queue) Addr() net.Addr { return &net.TCPAddr{} }

// peer is a connection from an address; "" stands for one on a Unix socket.
type peer struct {
	net.Conn // nil: it is not used
	from     string
	closed   bool
}

func (p *peer) Close() error { p.closed = true; return nil }

func (p *peer) RemoteAddr() net.Addr {
	if p.from == "" {
		return &net.UnixAddr{Name: "@", Net: "unix"}
	}
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(p.from), 4711))
}

// gate is a limited listener and what it has refused.
type gate struct {
	net.Listener
	queue   *queue
	limiter *listen.Limiter
	refused map[listen.Reason]int
	log     bytes.Buffer
}

func newGate(total, perAddress int) *gate {
	g := &gate{queue: newQueue(), refused: map[listen.Reason]int{}}
	g.limiter = listen.NewLimiter(listen.Limits{
		Total: total, PerAddress: perAddress,
		Exempt:  func(a netip.Addr) bool { return a == netip.MustParseAddr("10.0.0.1") },
		Refused: func(r listen.Reason) { g.refused[r]++ },
		Logger:  slog.New(slog.NewTextHandler(&g.log, nil)),
	})
	g.Listener = g.limiter.Listener(g.queue)
	return g
}

// enter lets connections in, from each address in turn, and returns those that are accepted,
// and how many.
func (g *gate) enter(tb testing.TB, from ...string) []net.Conn {
	tb.Helper()
	var peers []*peer
	for _, address := range from {
		p := &peer{from: address}
		peers = append(peers, p)
		g.queue.conns <- p
	}
	last := &peer{from: "192.0.2.255"}
	g.queue.conns <- last
	var accepted []net.Conn
	for {
		c, err := g.Accept()
		require.NoError(tb, err)
		if c.RemoteAddr().String() == last.RemoteAddr().String() {
			require.NoError(tb, c.Close())
			break
		}
		accepted = append(accepted, c)
	}
	refused := 0
	for _, p := range peers {
		if p.closed {
			refused++
		}
	}
	require.Equal(tb, len(from)-len(accepted), refused, "what is not accepted is closed")
	return accepted
}

// pass lets time pass in a bubble.
func pass(d time.Duration) { <-time.After(d) }

func times(n int, address string) []string {
	return strings.Split(strings.Repeat(address+" ", n-1)+address, " ")
}

func TestConnectionsOfOneAddressAreLimited(t *testing.T) {
	g := newGate(100, 2)
	first := g.enter(t, times(5, "192.0.2.1")...)
	require.Len(t, first, 2)
	require.Len(t, g.enter(t, "192.0.2.2", "192.0.2.3"), 2, "others come in")
	require.Equal(t, map[listen.Reason]int{listen.TooManyOfAddress: 3}, g.refused)
	require.Empty(t, g.enter(t, "::ffff:192.0.2.1"), "the same address, written for IPv6")
	require.NoError(t, first[0].Close())
	require.NoError(t, first[0].Close(), "a second time: it gives back one place only")
	require.Len(t, g.enter(t, times(2, "192.0.2.1")...), 1, "there is one place again")
	require.Equal(t, 4, g.limiter.Open())
}

func TestNetworkOfOneSubscriberIsOneAddress(t *testing.T) {
	g := newGate(100, 2)
	require.Len(t, g.enter(t, "2001:db8::1", "2001:db8::2", "2001:db8::3"), 2)
	require.Len(t, g.enter(t, "2001:db8:0:1::1"), 1, "another network")
}

func TestProxiesAndUnixSocketsHaveNoLimitOfTheirAddress(t *testing.T) {
	g := newGate(100, 2)
	require.Len(t, g.enter(t, times(10, "10.0.0.1")...), 10)
	require.Len(t, g.enter(t, "", "", "", ""), 4)
	require.Empty(t, g.refused)
}

func TestConnectionsInAllAreLimited(t *testing.T) {
	g := newGate(4, 3)
	open := g.enter(t, "10.0.0.1", "", "192.0.2.1") // one place is left for the last of each enter
	require.Len(t, open, 3)
	g.queue.conns <- &peer{from: "192.0.2.4"}
	fourth, err := g.Accept()
	require.NoError(t, err)
	fifth := &peer{from: "10.0.0.1"}
	g.queue.conns <- fifth
	require.NoError(t, g.queue.Close())
	_, err = g.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	require.True(t, fifth.closed)
	require.Equal(t, map[listen.Reason]int{listen.TooMany: 1}, g.refused)
	for _, c := range append(open, fourth) {
		require.NoError(t, c.Close())
	}
	require.Zero(t, g.limiter.Open())
}

func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(100, 1)
		g.enter(t, times(50, "192.0.2.1")...)
		require.Equal(t, 1, strings.Count(g.log.String(), "\n"), g.log.String())
		require.Contains(t, g.log.String(), `limit=max_connections_per_address peer=192.0.2.1 open=1 refused_since_start=1`)
		pass(2 * time.Minute)
		g.enter(t, times(50, "192.0.2.1")...)
		require.Equal(t, 2, strings.Count(g.log.String(), "\n"), g.log.String())
		require.Contains(t, g.log.String(), `refused_since_start=50`)
	})
}

func TestErrorsOfAcceptAreLeftToTheServer(t *testing.T) {
	g := newGate(100, 1)
	g.queue.err = &net.OpError{Op: "accept", Err: syscall.EMFILE}
	_, err := g.Accept()
	require.ErrorIs(t, err, syscall.EMFILE)
	temporary, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	require.True(t, ok && temporary.Temporary(), "then net/http goes on")
	require.Len(t, g.enter(t, "192.0.2.1"), 1)
}

// The answer to a request whose body nobody reads must arrive: see conn.CloseWrite.
func TestHalfOfConnectionCanBeClosed(t *testing.T) {
	inner, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer func() { _ = inner.Close() }()
	l := newGate(10, 10).limiter.Listener(inner)
	var dialer net.Dialer
	client, err := dialer.DialContext(t.Context(), "tcp", inner.Addr().String())
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	server, err := l.Accept()
	require.NoError(t, err)
	defer func() { _ = server.Close() }()
	half, ok := server.(interface{ CloseWrite() error })
	require.True(t, ok)
	require.NoError(t, half.CloseWrite())
	_, err = client.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = client.Write([]byte("x"))
	require.NoError(t, err)
	n, err := server.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestLimitsHoldForConnectionsAtOnce(t *testing.T) {
	g := newGate(1001, 1000)
	var entering sync.WaitGroup
	for range 8 {
		entering.Go(func() {
			for range 500 {
				g.queue.conns <- &peer{from: "192.0.2.1"}
				if c, err := g.Accept(); err == nil {
					_ = c.Close()
				}
			}
		})
	}
	entering.Wait()
	require.Zero(t, g.limiter.Open())
	require.Len(t, g.enter(t, times(1001, "192.0.2.1")...), 1000)
}

// What a connection costs; a request on a kept one costs nothing.
func BenchmarkAccept(b *testing.B) {
	g := newGate(1000, 1000)
	p := &peer{from: "192.0.2.1"}
	for b.Loop() {
		g.queue.conns <- p
		c, err := g.Accept()
		if err != nil {
			b.Fatal(err)
		}
		_ = c.Close()
	}
}

func TestQuietLogSaysHowMuchItLeavesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		quiet := slog.NewLogLogger(listen.Quiet(slog.NewTextHandler(&log, nil)), slog.LevelWarn)
		for range 25 {
			quiet.Print("http: TLS handshake error from 192.0.2.1:4711: EOF")
		}
		require.Equal(t, 10, strings.Count(log.String(), "TLS handshake error"))
		pass(time.Minute)
		log.Reset()
		quiet.Print("http: Accept error")
		require.Contains(t, log.String(), "left_out_before=15")
		require.Contains(t, log.String(), "http: Accept error")
	})
}
