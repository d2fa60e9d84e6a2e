package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"alertd/bench/internal/child"
)

// contender is a server that takes turns with another one.
type contender struct {
	name string
	// start starts it for a turn of that name; it posts to the receiver at url.
	start func(ctx context.Context, turn, url string) (*child.Child, error)
}

// compare lets the contenders take turns under a load, and returns the turns of each round in
// the contenders' order.
func (b *bench) compare(ctx context.Context, l load, contenders ...contender) ([][]turn, error) {
	var rounds [][]turn
	for number := range b.rounds {
		round := make([]turn, len(contenders))
		for i := range contenders {
			if number%2 == 1 {
				i = len(contenders) - 1 - i
			}
			var err error
			if round[i], err = b.takeTurn(ctx, contenders[i], l); err != nil {
				return nil, fmt.Errorf("round %d, %s: %w", number+1, contenders[i].name, err)
			}
		}
		rounds = append(rounds, round)
	}
	return rounds, nil
}

// takeTurn starts a server and loads it.
func (b *bench) takeTurn(ctx context.Context, c contender, l load) (t turn, err error) {
	name := b.nextTurn()
	defer b.clear(name)
	ledger := newLedger(name, l)
	r, err := startReceiver(ctx, func(m message, at time.Time) { ledger.arrived(m.Data.Incident.Pattern, at) })
	if err != nil {
		return turn{}, err
	}
	defer func() { err = errors.Join(err, r.stop()) }()
	server, err := c.start(ctx, name, r.url)
	if err != nil {
		return turn{}, fmt.Errorf("start: %w", err)
	}
	defer server.Stop()
	if t, err = measure(ctx, server.Addr, server.PID(), ledger); err != nil {
		return turn{}, fmt.Errorf("%w\nits log ends: %s", err, server.Log())
	}
	return t, nil
}

// measure loads a server and returns the result.
func measure(ctx context.Context, addr string, pid int, l *ledger) (turn, error) {
	before, err := child.UsageOf(pid)
	if err != nil {
		return turn{}, err
	}
	if err := sendAll(ctx, addr, l); err != nil {
		return turn{}, err
	}
	if err := l.awaitAll(ctx); err != nil {
		return turn{}, err
	}
	after, err := child.UsageOf(pid)
	if err != nil {
		return turn{}, err
	}
	t, err := l.sum()
	if err != nil {
		return turn{}, err
	}
	t.cpu = (after.CPU - before.CPU) / time.Duration(len(l.marks))
	t.rss, err = child.PeakRSS(pid)
	return t, err
}

// startAlertd starts alertd for a turn by a configuration beside its storage.
func (b *bench) startAlertd(ctx context.Context, turn, config string) (*child.Child, error) {
	command, err := b.alertd.Command(turn, config)
	if err != nil {
		return nil, err
	}
	return child.Start(ctx, "alertd", command)
}

// startRelay starts the bare relay for a turn.
func (b *bench) startRelay(ctx context.Context, turn, url string) (*child.Child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return child.Start(ctx, "bare relay", []string{self, relayFlag, url, filepath.Join(b.alertd.Directory, turn+".relayed")})
}

// clear removes the files of a turn, so that a long run needs no more disk than a short one.
func (b *bench) clear(turn string) {
	left, _ := filepath.Glob(filepath.Join(b.alertd.Directory, turn) + "*") // the pattern is valid
	for _, path := range left {
		_ = os.RemoveAll(path) // the whole folder is removed at the end
	}
}

// withWebhook returns a configuration with one webhook channel.
func withWebhook(enabled bool, url string) string {
	return fmt.Sprintf("[alerting]\nenabled = %t\nmin_severity = \"info\"\n[alerting.channels.webhook]\nenabled = true\nurl = %q\n", enabled, url)
}
