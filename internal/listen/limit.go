package listen

import (
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Reason is why a connection was refused.
type Reason string

// The reasons.
const (
	// TooMany: as many connections are open as may be.
	TooMany Reason = "connections"
	// TooManyOfAddress: as many are open as one address may have.
	TooManyOfAddress Reason = "connections_per_address"
)

// Limits bound the connections that are open at once.
type Limits struct {
	Total int
	// PerAddress is for one IPv4 address, or one IPv6 network of 64 bits, which is what one
	// subscriber has.
	PerAddress int
	// Exempt reports whether PerAddress does not apply to an address, such as that of a
	// proxy, through which many clients come. It never applies to Unix sockets.
	Exempt func(netip.Addr) bool
	// Refused is told of each connection that is closed as it is over a limit.
	Refused func(Reason)
	Logger  *slog.Logger
}

// Limiter counts the connections of one or more listeners. Safe for concurrent use.
type Limiter struct {
	limits Limits
	open   atomic.Int64
	notes  map[Reason]*note

	mu        sync.Mutex
	addresses map[netip.Addr]int // those with connections
}

// note keeps a client from filling the log.
type note struct {
	sometimes rate.Sometimes
	refused   atomic.Int64 // since the start
}

func newNote() *note { return &note{sometimes: rate.Sometimes{First: 1, Interval: noteInterval}} }

// noteInterval is the least time between two records in the log about one limit.
const noteInterval = time.Minute

// NewLimiter returns a limiter. All fields of limits are required.
func NewLimiter(limits Limits) *Limiter {
	return &Limiter{limits: limits, addresses: map[netip.Addr]int{}, notes: map[Reason]*note{TooMany: newNote(), TooManyOfAddress: newNote()}}
}

// Open returns how many connections are open.
func (l *Limiter) Open() int { return int(l.open.Load()) }

// Listener returns a listener that closes the connections beyond the limits.
func (l *Limiter) Listener(inner net.Listener) net.Listener { return &limited{inner, l} }

type limited struct {
	net.Listener
	limiter *Limiter
}

// Accept returns the next connection that is within the limits. Errors are the inner
// listener's: the caller knows which are temporary.
func (l *limited) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		peer := peerOf(inner)
		if reason := l.limiter.admit(peer); reason != "" {
			_ = inner.Close()
			l.limiter.refuse(reason, peer)
			continue
		}
		return &conn{Conn: inner, release: sync.OnceFunc(func() { l.limiter.leave(peer) })}, nil
	}
}

// peerOf returns the address to count a connection by. It is not valid for a Unix socket.
func peerOf(c net.Conn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap().WithZone("")
}

// subscriber returns what an address is counted as.
func subscriber(address netip.Addr) netip.Addr {
	if address.Is6() {
		network, _ := address.Prefix(64) // it fails only for what is not an address
		return network.Addr()
	}
	return address
}

// admit counts a connection, or returns why it is refused.
func (l *Limiter) admit(peer netip.Addr) Reason {
	if l.open.Add(1) > int64(l.limits.Total) {
		l.open.Add(-1)
		return TooMany
	}
	if !peer.IsValid() {
		return ""
	}
	exempt, key := l.limits.Exempt(peer), subscriber(peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[key] >= l.limits.PerAddress && !exempt {
		l.open.Add(-1)
		return TooManyOfAddress
	}
	l.addresses[key]++
	return ""
}

// leave undoes what admit has counted.
func (l *Limiter) leave(peer netip.Addr) {
	l.open.Add(-1)
	if !peer.IsValid() {
		return
	}
	key := subscriber(peer)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.addresses[key]--; l.addresses[key] == 0 {
		delete(l.addresses, key)
	}
}

func (l *Limiter) refuse(reason Reason, peer netip.Addr) {
	l.limits.Refused(reason)
	n := l.notes[reason]
	total := n.refused.Add(1)
	n.sometimes.Do(func() {
		l.limits.Logger.Warn("connection refused: too many are open", "limit", "max_"+string(reason), "peer", peer.String(), "open", l.Open(), "refused_since_start", total)
	})
}

// conn gives its place back when it is closed.
type conn struct {
	net.Conn
	release func()
}

// Close closes the connection.
func (c *conn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// CloseWrite ends what alertd sends while it still reads. Without it the answer to a body
// that is too large would be lost: net/http looks for this method.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
