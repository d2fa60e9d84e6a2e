package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"alertd/bench/internal/answer"
)

// senders is the number of connections that post alerts, enough that one is usually free
// when an alert is due.
const senders = 64

// sendAll posts the alerts of a ledger, each when it is due or, if no connection is free, as
// soon as one is. Any answer other than 201 is an error.
func sendAll(ctx context.Context, addr string, l *ledger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	due := make(chan int, len(l.marks))
	var sending sync.WaitGroup
	var dialer net.Dialer
	for range senders {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			cancel(fmt.Errorf("connect: %w", err)) // unless ctx has ended, which counts then
			close(due)
			sending.Wait()
			return context.Cause(ctx)
		}
		s := sender{Conn: conn, addr: addr, space: make([]byte, answer.Most)}
		sending.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // so that nobody waits for an answer
			defer func() { _ = conn.Close() }()
			if err := s.sendEach(due, l); err != nil {
				cancel(err) // the first one counts
			}
		})
	}
	l.begin(time.Now())
	l.schedule.announce(ctx, due)
	sending.Wait()
	return context.Cause(ctx)
}

// sender posts one alert after another. It uses a plain connection: an http.Client would take
// more CPU than the measured server.
type sender struct {
	net.Conn
	addr           string
	request, space []byte // for one request, and for one answer
}

const (
	// answerPatience is how long an answer may take.
	answerPatience = 30 * time.Second
	// toldPatience is how long after the last answer the last webhook may come. It is long,
	// as a slow delivery is still worth measuring.
	toldPatience = 2 * time.Minute
)

// sendEach posts the alerts whose numbers it receives.
func (s *sender) sendEach(due <-chan int, l *ledger) error {
	for n := range due {
		s.request = appendRequest(s.request[:0], s.addr, l.key(n))
		if err := s.SetDeadline(time.Now().Add(answerPatience)); err != nil {
			return fmt.Errorf("set a deadline: %w", err)
		}
		l.sent(n, time.Now())
		if _, err := s.Write(s.request); err != nil {
			return fmt.Errorf("send an alert: %w", err)
		}
		head, body, err := answer.Read(s, s.space)
		if err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		l.answered(n, time.Now())
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 201 ")) {
			return fmt.Errorf("the answer must be a 201, it is:\n%s%s", head, body)
		}
	}
	return nil
}

// appendRequest appends a request that posts an alert. The key must need no escapes.
func appendRequest(out []byte, host, key string) []byte {
	const before = `{"severity": "error", "category": "risk_limit", "source": "var_gate", ` +
		`"message": "VaR limit breached: 0.05 > 0.03", ` +
		`"context": {"position": "BTC-EUR", "current_var": 0.05, "limit": 0.03}, "dedup_key": "`
	const after = `"}`
	return fmt.Appendf(out, "POST /alerts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s%s%s",
		host, len(before)+len(key)+len(after), before, key, after)
}

// errSlow says that messages about alerts that were sent in time came too late.
var errSlow = errors.New("messages did not arrive in time")

// awaitAll waits until there is a webhook for each probe.
func (l *ledger) awaitAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, toldPatience, errSlow)
	defer cancel()
	select {
	case <-l.complete:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %d webhooks had not arrived %s after the last answer", context.Cause(ctx), l.missing.Load(), toldPatience)
	}
}
