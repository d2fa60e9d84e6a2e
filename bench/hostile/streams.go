package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

const (
	// streamed is the least severity that the streams ask for; the senders' alerts are less.
	streamed = "critical"
	// liveInterval is the time between two alerts that every stream gets.
	liveInterval = 20 * time.Millisecond
	// readInterval is the time between two looks at the streams: that others read them, on other
	// machines, shall take little of this one.
	readInterval = time.Second
)

// streams are readers of GET /events/stream. They are no threat, but many.
type streams struct {
	conns  []net.Conn
	space  []byte
	events int // that all of them have got
	err    error
	cancel context.CancelFunc
	ended  chan struct{}
}

// openStreams opens so many streams and reads them until close.
func openStreams(ctx context.Context, addr string, n int) (*streams, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &streams{space: make([]byte, 1<<20), cancel: cancel, ended: make(chan struct{})}
	request := []byte("GET /events/stream?min_severity=" + streamed + " HTTP/1.1\r\nHost: alertd\r\n\r\n")
	for i := range n {
		conn, err := dialFrom(ctx, addr, i)
		if err == nil {
			s.conns = append(s.conns, conn)
			_, err = conn.Write(request)
		}
		if err == nil {
			err = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		}
		var got int
		if err == nil {
			got, err = conn.Read(s.space)
		}
		if err == nil && !bytes.HasPrefix(s.space[:got], []byte("HTTP/1.1 200 ")) {
			err = fmt.Errorf("the answer is %q", s.space[:got])
		}
		if err != nil {
			close(s.ended)
			_, _ = s.close() // what went wrong is known
			return nil, fmt.Errorf("open stream %d: %w", i, err)
		}
	}
	go s.run(ctx)
	return s, nil
}

// run reads the streams now and then until ctx ends.
func (s *streams) run(ctx context.Context) {
	defer close(s.ended)
	tick := time.NewTicker(readInterval)
	defer tick.Stop()
	for {
		s.read()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read reads what has come.
func (s *streams) read() {
	for _, conn := range s.conns {
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Microsecond)) // an error shows in the read
		for {
			got, err := conn.Read(s.space)
			s.events += bytes.Count(s.space[:got], []byte("\nevent: alert\n"))
			if bytes.Contains(s.space[:got], []byte("event: dropped")) {
				s.err = errors.New("alertd has dropped a stream")
			}
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				break
			}
			if err != nil {
				s.err = fmt.Errorf("read a stream: %w", err)
				return
			}
		}
	}
}

// close ends the streams and returns how many events they have got.
func (s *streams) close() (events int, err error) {
	s.cancel()
	<-s.ended
	s.read()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
	return s.events, s.err
}

// sendLive sends the alerts that the streams get, until ctx ends.
func sendLive(ctx context.Context, addr string) error {
	senders, err := dialSenders(ctx, addr, 1)
	if err != nil {
		return err
	}
	defer closeSenders(senders)
	senders[0].request = postOf(addr, strings.Replace(example, `"error"`, `"`+streamed+`"`, 1))
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := senders[0].send(time.Now()); err != nil {
				return err
			}
		}
	}
}
