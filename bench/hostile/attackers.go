package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"alertd/bench/internal/answer"
)

// perAddress is how many connections come from one address, far below the limit.
const perAddress = 50

// dialFrom connects to an address from the loopback address for the nth connection.
func dialFrom(ctx context.Context, addr string, n int) (net.Conn, error) {
	group := n / perAddress
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(group/250), byte(1+group%250))}} //nolint:gosec // both are small
	return dialer.DialContext(ctx, "tcp", addr)
}

// attackers hold connections to alertd.
type attackers struct {
	addr string
	idle []net.Conn

	slow   []*slowClient
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// attack opens the idle connections and starts the slow clients. The caller calls stop in
// either case.
func attack(ctx context.Context, addr string, idle, slow int) (*attackers, error) {
	ctx, cancel := context.WithCancel(ctx)
	a := &attackers{addr: addr, cancel: cancel}
	space := make([]byte, answer.Most)
	for i := range idle {
		conn, err := dialFrom(ctx, addr, i)
		if err != nil {
			return a, fmt.Errorf("open idle connection %d: %w", i, err)
		}
		a.idle = append(a.idle, conn)
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			return a, fmt.Errorf("set a deadline: %w", err)
		}
		if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: alertd\r\n\r\n")); err != nil {
			return a, fmt.Errorf("use idle connection %d: %w", i, err)
		}
		if _, _, err := answer.Read(conn, space); err != nil {
			return a, fmt.Errorf("use idle connection %d: %w", i, err)
		}
	}
	for i := range slow {
		a.slow = append(a.slow, &slowClient{number: idle + i})
	}
	a.ended.Go(func() { a.dribble(ctx) })
	return a, nil
}

// stop ends the attack.
func (a *attackers) stop() {
	a.cancel()
	a.ended.Wait()
	for _, conn := range a.idle {
		_ = conn.Close()
	}
	for _, s := range a.slow {
		s.close()
	}
}

// lost returns how many of the idle connections alertd has closed.
func (a *attackers) lost() int {
	lost := 0
	for _, conn := range a.idle {
		_ = conn.SetReadDeadline(time.Now()) // an error shows in the read
		var timeout net.Error
		if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
			lost++
		}
	}
	return lost
}

// dribbleInterval is the time between two bytes of a slow client.
const dribbleInterval = 500 * time.Millisecond

// dribble lets each slow client send a byte at a time, until ctx ends.
func (a *attackers) dribble(ctx context.Context) {
	tick := time.NewTicker(dribbleInterval)
	defer tick.Stop()
	for {
		for _, s := range a.slow {
			s.step(ctx, a.addr)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// slowClient sends a request a byte at a time. It connects again when it was cut off.
type slowClient struct {
	number int
	conn   net.Conn
	cuts   int
}

// slowHeader and slowBody are how the two kinds of slow clients begin.
var (
	slowHeader = []byte("GET /events HTTP/1.1\r\nHost: alertd\r\nX-Slow: ")
	slowBody   = []byte("POST /alerts HTTP/1.1\r\nHost: alertd\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat(" ", 4000))
)

// step sends the next byte. It is not told when alertd is out of reach: the next step tries
// again.
func (s *slowClient) step(ctx context.Context, addr string) {
	if s.conn != nil {
		if _, err := s.conn.Write([]byte("x")); err == nil {
			return
		}
		s.cuts++
		s.close()
	}
	conn, err := dialFrom(ctx, addr, s.number)
	if err != nil {
		return
	}
	s.conn = conn
	begin := slowHeader
	if s.number%2 == 0 {
		begin = slowBody
	}
	_, _ = conn.Write(begin) // an error shows in the next step
}

func (s *slowClient) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
