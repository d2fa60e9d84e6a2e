package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// example is the alert that is sent, as the seed's documents have it.
const example = `{"severity": "error", "category": "risk_limit", "source": "var_gate", ` +
	`"message": "VaR limit breached: 0.05 > 0.03", ` +
	`"context": {"position": "BTC-EUR", "current_var": 0.05, "limit": 0.03}}`

// newRequest returns the bytes of the request, as curl would send it.
func newRequest(host string) []byte {
	return fmt.Appendf(nil, "POST /alerts HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/8.14.1\r\nAccept: */*\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(example), example)
}

// load is what came of sending requests for a while.
type load struct {
	took      time.Duration
	latencies []time.Duration // one for each request
	// answer and body are the sizes of the last answer in bytes, and of its body.
	answer, body int
}

// connection sends requests one after another. It is a plain TCP connection and
// not an http.Client, which would take more of the machine than the servers do.
type connection struct {
	net.Conn
	request   []byte
	space     []byte // for one answer
	latencies []time.Duration

	answer, body int
	err          error
}

// maxAnswer is more than any answer has, also one that reports an error.
const maxAnswer = 16 << 10

// connections are open connections to one server.
type connections []*connection

// dial opens n connections to a server, to each of its addresses in turn.
func dial(ctx context.Context, addrs []string, n int) (connections, error) {
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
			Conn: conn, request: newRequest(addr), space: make([]byte, maxAnswer),
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

// send lets every connection send requests for the given time. When ctx ends it
// closes them, which is an error.
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

// send sends requests until the time has come, at least one.
func (c *connection) send(until time.Time) error {
	if err := c.SetDeadline(until.Add(5 * time.Second)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	for sent := time.Now(); ; {
		if _, err := c.Write(c.request); err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		head, body, err := readAnswer(c, c.space)
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

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
)

// readAnswer reads one HTTP answer into space and returns its head, with the
// blank line, and its body. It knows answers with a Content-Length only.
func readAnswer(r io.Reader, space []byte) (head, body []byte, err error) {
	filled, headLength, whole := 0, 0, 0 // the latter two: 0 until known
	for whole == 0 || filled < whole {
		if filled == len(space) {
			return nil, nil, fmt.Errorf("it has more than %d bytes: %.200q", len(space), space)
		}
		n, err := r.Read(space[filled:])
		filled += n
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, nil, fmt.Errorf("after %d bytes: %w", filled, err)
		}
		if whole > 0 {
			continue
		}
		end := bytes.Index(space[:filled], headEnd)
		if end < 0 {
			continue
		}
		headLength = end + len(headEnd)
		length, err := bodyLength(space[:headLength])
		if err != nil {
			return nil, nil, err
		}
		whole = headLength + length
	}
	if filled > whole {
		return nil, nil, fmt.Errorf("there is more after its end: %q", space[whole:filled])
	}
	return space[:headLength], space[headLength:whole], nil
}

// bodyLength reads the Content-Length in a head.
func bodyLength(head []byte) (int, error) {
	_, after, found := bytes.Cut(head, contentLength)
	text, _, _ := bytes.Cut(after, []byte("\r"))
	length, err := strconv.Atoi(string(text))
	if !found || err != nil || length < 0 {
		return 0, fmt.Errorf("it has no Content-Length:\n%s", head)
	}
	return length, nil
}
