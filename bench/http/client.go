package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"alertd/bench/internal/answer"
)

// example is the alert that is sent, an example of the seed's documents.
const example = `{"severity": "error", "category": "risk_limit", "source": "var_gate", ` +
	`"message": "VaR limit breached: 0.05 > 0.03", ` +
	`"context": {"position": "BTC-EUR", "current_var": 0.05, "limit": 0.03}}`

// newRequest returns the bytes of the request, as curl would send it, with a token unless that
// is "".
func newRequest(host, token string) []byte {
	var authorization string
	if token != "" {
		authorization = "Authorization: Bearer " + token + "\r\n"
	}
	return fmt.Appendf(nil, "POST /alerts HTTP/1.1\r\nHost: %s\r\n%sUser-Agent: curl/8.14.1\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, authorization, len(example), example)
}

// load is the result of sending requests for a while.
type load struct {
	took      time.Duration
	latencies []time.Duration // one for each request
	// answer and body are the sizes of the last answer in bytes, and of its body.
	answer, body int
}

// connection sends requests one after another. It is a plain TCP connection: an http.Client
// would take more CPU than the servers.
type connection struct {
	net.Conn
	request   []byte
	space     []byte // for one answer
	latencies []time.Duration

	answer, body int
	err          error
}

// connections are open connections to one server.
type connections []*connection

// dial opens n connections to a server, to each of its addresses in turn. Their requests show a
// token unless that is "".
func dial(ctx context.Context, addrs []string, token string, n int) (connections, error) {
	var dialer net.Dialer
	open := make(connections, 0, n)
	for i := range n {
		addr := addrs[i%len(addrs)]
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			open.close()
			return nil, fmt.Errorf("connect: %w", err)
		}
		open = append(open, &connection{
			Conn: conn, request: newRequest(addr, token), space: make([]byte, answer.Most),
			latencies: make([]time.Duration, 0, 1<<13),
		})
	}
	return open, nil
}

func (cs connections) close() {
	for _, c := range cs {
		_ = c.Close()
	}
}

// send lets every connection send requests for the given time. If ctx ends, it closes them
// and returns an error.
func (cs connections) send(ctx context.Context, duration time.Duration) (load, error) {
	defer context.AfterFunc(ctx, cs.close)()
	from := time.Now()
	var sending sync.WaitGroup
	for _, c := range cs {
		sending.Go(func() { c.err = c.send(from.Add(duration)) })
	}
	sending.Wait()
	l := load{took: time.Since(from)}
	for _, c := range cs {
		if c.err != nil {
			return load{}, c.err
		}
		l.latencies = append(l.latencies, c.latencies...)
		l.answer, l.body = c.answer, c.body
	}
	return l, nil
}

// send sends requests until the given time, at least one.
func (c *connection) send(until time.Time) error {
	if err := c.SetDeadline(until.Add(5 * time.Second)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	for sent := time.Now(); ; {
		if _, err := c.Write(c.request); err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		head, body, err := answer.Read(c, c.space)
		if err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 201 ")) {
			return fmt.Errorf("the answer must be a 201, it is:\n%s%s", head, body)
		}
		now := time.Now()
		c.latencies = append(c.latencies, now.Sub(sent))
		c.answer, c.body = len(head)+len(body), len(body)
		if sent = now; !now.Before(until) {
			return nil
		}
	}
}
