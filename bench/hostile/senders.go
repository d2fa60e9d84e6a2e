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

const example = `{"severity": "error", "category": "risk_limit", "source": "var_gate", ` +
	`"message": "VaR limit breached: 0.05 > 0.03", ` +
	`"context": {"position": "BTC-EUR", "current_var": 0.05, "limit": 0.03}}`

// sender sends alerts, one after another, on one connection.
type sender struct {
	conn      net.Conn
	request   []byte
	space     []byte // for one answer
	latencies []time.Duration
}

// postOf returns the request that sends an alert.
func postOf(addr, alert string) []byte {
	return fmt.Appendf(nil, "POST /alerts HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", addr, len(alert), alert)
}

// dialSenders opens connections to send alerts on.
func dialSenders(ctx context.Context, addr string, n int) ([]*sender, error) {
	request := postOf(addr, example)
	var dialer net.Dialer
	senders := make([]*sender, 0, n)
	for range n {
		conn, err := dialer.DialContext(ctx, "tcp", addr)
		if err != nil {
			closeSenders(senders)
			return nil, fmt.Errorf("connect: %w", err)
		}
		senders = append(senders, &sender{conn: conn, request: request, space: make([]byte, answer.Most)})
	}
	return senders, nil
}

func closeSenders(senders []*sender) {
	for _, s := range senders {
		_ = s.conn.Close()
	}
}

// sendAll lets all senders send for a while and returns the time of each alert. If ctx ends,
// it closes them.
func sendAll(ctx context.Context, senders []*sender, duration time.Duration) ([]time.Duration, error) {
	defer context.AfterFunc(ctx, func() { closeSenders(senders) })()
	until := time.Now().Add(duration)
	errs := make([]error, len(senders))
	var sending sync.WaitGroup
	for i, s := range senders {
		sending.Go(func() { errs[i] = s.send(until) })
	}
	sending.Wait()
	var all []time.Duration
	for i, s := range senders {
		if errs[i] != nil {
			return nil, errs[i]
		}
		all = append(all, s.latencies...)
	}
	return all, nil
}

// send sends alerts until the given time, at least one.
func (s *sender) send(until time.Time) error {
	s.latencies = s.latencies[:0]
	if err := s.conn.SetDeadline(until.Add(10 * time.Second)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	for sent := time.Now(); ; {
		if _, err := s.conn.Write(s.request); err != nil {
			return fmt.Errorf("send an alert: %w", err)
		}
		head, body, err := answer.Read(s.conn, s.space)
		if err != nil {
			return fmt.Errorf("read an answer: %w", err)
		}
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 201 ")) {
			return fmt.Errorf("the answer must be a 201, it is:\n%s%s", head, body)
		}
		now := time.Now()
		s.latencies = append(s.latencies, now.Sub(sent))
		if sent = now; !now.Before(until) {
			return nil
		}
	}
}
