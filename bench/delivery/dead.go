package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"alertd/bench/internal/child"
)

// deadRate is the number of incidents opened a second.
const deadRate = 100

// deadWarmUp is shorter than the dead channel's timeout, so that attempts time out during
// the measurement of the other channel.
const deadWarmUp = 500 * time.Millisecond

// goalGrowth is the factor by which the other channel's p99 may grow.
const goalGrowth = 1.10

func (b *bench) measureDead(ctx context.Context, out io.Writer) error {
	dead, err := startDead(ctx)
	if err != nil {
		return err
	}
	defer dead.stop()
	with := func(enabled bool) func(context.Context, string, string) (*child.Child, error) {
		return func(ctx context.Context, turn, url string) (*child.Child, error) {
			return b.startAlertd(ctx, turn, withWebhook(true, url)+
				fmt.Sprintf("[alerting.channels.dead]\nkind = \"webhook\"\nenabled = %t\nurl = %q\ntimeout = \"1s\"\n", enabled, dead.url))
		}
	}
	l := load{rate: deadRate, probeEvery: 1, warmUp: deadWarmUp, duration: b.duration}
	rounds, err := b.compare(ctx, l, contender{"dead channel enabled", with(true)}, contender{"dead channel disabled", with(false)})
	if err != nil {
		return err
	}
	asked := dead.asked.Load()
	if asked == 0 {
		return errors.New("nothing was sent on the dead channel")
	}
	return reportDead(out, l, b.database(), rounds, int(asked))
}

// deadReceiver accepts connections, reads from them, and never answers.
type deadReceiver struct {
	url      string
	listener net.Listener
	asked    atomic.Int64 // connections that received data
	serving  sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

func startDead(ctx context.Context) (*deadReceiver, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the dead channel: %w", err)
	}
	d := &deadReceiver{url: "http://" + listener.Addr().String() + "/hook", listener: listener, open: make(map[net.Conn]bool)}
	d.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			d.serving.Go(func() { d.swallow(conn) })
		}
	})
	return d, nil
}

// swallow reads until the other side gives up.
func (d *deadReceiver) swallow(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return
	}
	d.open[conn] = true
	d.mu.Unlock()
	n, err := conn.Read(make([]byte, 1))
	if n > 0 {
		d.asked.Add(1)
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, conn) // however it ends
	}
	d.mu.Lock()
	delete(d.open, conn)
	d.mu.Unlock()
}

// stop closes all connections.
func (d *deadReceiver) stop() {
	_ = d.listener.Close()
	d.mu.Lock()
	d.closed = true
	for conn := range d.open {
		_ = conn.Close()
	}
	d.mu.Unlock()
	d.serving.Wait()
}
