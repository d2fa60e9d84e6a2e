package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"alertd/bench/internal/answer"
)

// watched is the source of the events that streams follow, and watchedRate how many of them there
// are a second: as much as a person can see. Senders send those of another source.
const (
	watched     = "desk"
	watchedRate = 50
)

// follow opens event streams, as dashboards do, and reads them until they are closed.
func (a *attackers) follow(ctx context.Context, streams int) error {
	for i := range streams {
		conn, err := dialFrom(ctx, a.addr, i)
		if err != nil {
			return fmt.Errorf("open stream %d: %w", i, err)
		}
		a.streams = append(a.streams, conn)
		if _, err := conn.Write([]byte("GET /events/stream?source=" + watched + " HTTP/1.1\r\nHost: alertd\r\n\r\n")); err != nil {
			return fmt.Errorf("open stream %d: %w", i, err)
		}
		reader := bufio.NewReader(conn)
		if line, err := reader.ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
			return fmt.Errorf("open stream %d: the answer must be a 200, it begins %q: %w", i, line, err)
		}
		a.ended.Go(func() {
			n, _ := io.Copy(io.Discard, reader) // it ends when it is closed
			a.streamed.Add(n)
		})
	}
	if streams > 0 {
		a.ended.Go(func() { a.feed(ctx) })
	}
	return nil
}

// feed sends the alerts that the streams follow, until ctx ends.
func (a *attackers) feed(ctx context.Context) {
	body := bytes.Replace([]byte(example), []byte("var_gate"), []byte(watched), 1)
	request := fmt.Appendf(nil, "POST /alerts HTTP/1.1\r\nHost: alertd\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.addr)
	if err != nil {
		return // the streams get nothing, which the report shows
	}
	defer func() { _ = conn.Close() }()
	space := make([]byte, answer.Most)
	tick := time.NewTicker(time.Second / watchedRate)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := conn.Write(request); err != nil {
			return
		}
		if _, _, err := answer.Read(conn, space); err != nil {
			return
		}
	}
}
