package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"alertd/bench/internal/answer"
	"alertd/bench/internal/child"
	"alertd/bench/internal/figures"
)

// turn is the result of one turn.
type turn struct {
	rate     float64 // alerts/s
	p50, p99 time.Duration
	health   []time.Duration // sorted; of GET /healthz
	rss      int64           // bytes, at the end
	cpu      time.Duration   // of alertd, for one alert
}

// round has a turn without attackers and one with them.
type round struct {
	alone, attacked turn
	// cuts is how often alertd has cut a slow client off.
	cuts int
	// streamed is how many events each stream has got on average.
	streamed float64
}

// play plays all rounds, after a turn that warms alertd up.
func play(ctx context.Context, o options, server *child.Child) ([]round, error) {
	senders, err := dialSenders(ctx, server.Addr, o.connections)
	if err != nil {
		return nil, err
	}
	defer closeSenders(senders)
	if _, err := sendAll(ctx, senders, o.duration/2); err != nil {
		return nil, err
	}
	var rounds []round
	for range o.rounds {
		var r round
		if r.alone, err = takeTurn(ctx, o, server, senders); err != nil {
			return nil, err
		}
		if err = r.attack(ctx, o, server, senders); err != nil {
			return nil, err
		}
		rounds = append(rounds, r)
	}
	return rounds, nil
}

// attack takes a turn while attackers are there, and streams.
func (r *round) attack(ctx context.Context, o options, server *child.Child, senders []*sender) error {
	a, err := attack(ctx, server.Addr, o.idle, o.slow)
	defer a.stop()
	if err != nil {
		return err
	}
	s, err := openStreams(ctx, server.Addr, o.streams)
	if err != nil {
		return err
	}
	r.attacked, err = takeTurn(ctx, o, server, senders)
	events, failed := s.close()
	if err == nil {
		err = failed
	}
	if lost := a.lost(); lost > 0 && err == nil {
		err = fmt.Errorf("alertd has closed %d of the idle connections, so this was no attack", lost)
	}
	if o.streams > 0 {
		r.streamed = float64(events) / float64(o.streams)
	}
	a.stop() // then nobody counts any more
	for _, s := range a.slow {
		r.cuts += s.cuts
	}
	return err
}

// takeTurn lets the senders send, and asks for /healthz meanwhile. If there are to be streams, it
// sends what they get, too, also in the turn without them.
func takeTurn(ctx context.Context, o options, server *child.Child, senders []*sender) (turn, error) {
	probing, stop := context.WithCancel(ctx)
	defer stop()
	type probed struct {
		times []time.Duration
		err   error
	}
	health := make(chan probed, 1)
	go func() {
		times, err := probe(probing, server.Addr)
		health <- probed{times, err}
	}()
	live := make(chan error, 1)
	go func() {
		if o.streams == 0 {
			live <- nil
			return
		}
		live <- sendLive(probing, server.Addr)
	}()
	before, err := child.UsageOf(server.PID())
	if err != nil {
		return turn{}, err
	}
	began := time.Now()
	latencies, err := sendAll(ctx, senders, o.duration)
	took := time.Since(began)
	stop()
	probes, liveErr := <-health, <-live
	switch {
	case ctx.Err() != nil:
		return turn{}, context.Cause(ctx)
	case err != nil:
		return turn{}, err
	case probes.err != nil:
		return turn{}, probes.err
	case liveErr != nil:
		return turn{}, liveErr
	}
	usage, err := child.UsageOf(server.PID())
	if err != nil {
		return turn{}, err
	}
	slices.Sort(latencies)
	slices.Sort(probes.times)
	return turn{
		rate: float64(len(latencies)) / took.Seconds(), p50: figures.Percentile(latencies, 50), p99: figures.Percentile(latencies, 99),
		health: probes.times, rss: usage.RSS,
		cpu: (usage.CPU - before.CPU) / time.Duration(len(latencies)),
	}, nil
}

// probeInterval is the time between two looks at /healthz.
const probeInterval = 20 * time.Millisecond

// probe asks for /healthz, each time on a new connection, until ctx ends, and at least once.
func probe(ctx context.Context, addr string) ([]time.Duration, error) {
	tick := time.NewTicker(probeInterval)
	defer tick.Stop()
	space := make([]byte, answer.Most)
	var times []time.Duration
	for {
		began := time.Now()
		if err := probeOnce(context.WithoutCancel(ctx), addr, space); err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
		select {
		case <-ctx.Done():
			return times, nil
		case <-tick.C:
		}
	}
}

func probeOnce(ctx context.Context, addr string, space []byte) error {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("ask for /healthz: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return fmt.Errorf("ask for /healthz: %w", err)
	}
	if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: alertd\r\n\r\n")); err != nil {
		return fmt.Errorf("ask for /healthz: %w", err)
	}
	head, _, err := answer.Read(conn, space)
	if err != nil {
		return fmt.Errorf("ask for /healthz: %w", err)
	}
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) {
		return fmt.Errorf("ask for /healthz: the answer is not 200 but:\n%s", head)
	}
	return nil
}
