package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"alertd/bench/internal/child"
	"alertd/bench/internal/figures"
)

// series is one kind of load.
type series struct {
	connections int
	duration    time.Duration // of each turn
}

// plan is the plan of a run: a warm-up of each server, then every series.
type plan struct {
	names  [serverCount]string
	rounds int
	warmUp series
	series []series
}

func newPlan(o options) plan {
	return plan{
		names: namesOf(o), rounds: o.rounds,
		warmUp: series{o.connections, o.duration / 2},
		series: []series{{o.connections, o.duration}, {1, o.duration / 4}},
	}
}

// takes returns the expected duration of the plan.
func (p plan) takes() time.Duration {
	turns := p.warmUp.duration
	for _, s := range p.series {
		turns += time.Duration(p.rounds) * s.duration
	}
	return serverCount * turns
}

// turn is the result of one server in one round.
type turn struct {
	rate           float64 // requests/s
	p50, p99       time.Duration
	cpu, generator time.Duration // a request, of the server and of this program
	rss            int64         // bytes, at the end
	answer, body   int           // bytes
}

// result is the result of a series: a turn for each round and server.
type result struct {
	names  [serverCount]string
	series series
	rounds [][serverCount]turn
}

func (p plan) run(ctx context.Context, servers []*server) ([]result, error) {
	for _, server := range servers {
		if _, err := takeTurn(ctx, server, p.warmUp); err != nil {
			return nil, err
		}
	}
	var results []result
	for _, s := range p.series {
		r := result{names: p.names, series: s}
		for i := range p.rounds {
			round, err := p.playRound(ctx, servers, s, i%2 == 1)
			if err != nil {
				return nil, err
			}
			r.rounds = append(r.rounds, round)
		}
		results = append(results, r)
	}
	return results, nil
}

// playRound lets every server take its turn, from the last to the first if backwards.
func (p plan) playRound(ctx context.Context, servers []*server, s series, backwards bool) ([serverCount]turn, error) {
	var round [serverCount]turn
	for i := range servers {
		if backwards {
			i = len(servers) - 1 - i
		}
		var err error
		if round[i], err = takeTurn(ctx, servers[i], s); err != nil {
			return round, err
		}
	}
	return round, p.checkSizes(round)
}

// checkSizes refuses to compare servers with different answers. Additional headers of alertd
// are allowed, as they are a part of its cost.
func (p plan) checkSizes(round [serverCount]turn) error {
	want := float64(round[bareServer].body)
	for i, t := range round {
		if got := float64(t.body); got < 0.9*want || got > 1.1*want {
			return fmt.Errorf("the body of an answer has %d bytes from %s and %d from %s, they must differ by less than 10 %%",
				t.body, p.names[i], round[bareServer].body, p.names[bareServer])
		}
	}
	return nil
}

// takeTurn loads one server and measures it.
func takeTurn(ctx context.Context, server *server, s series) (turn, error) {
	open, err := dial(ctx, server.addrs(), server.token, s.connections)
	if err != nil {
		return turn{}, fmt.Errorf("load %s: %w\nits log ends: %s", server.name, err, server.parts[0].Log())
	}
	defer open.close()
	before, ownBefore, err := bothUsages(server)
	if err != nil {
		return turn{}, err
	}
	l, err := open.send(ctx, s.duration)
	if ctx.Err() != nil {
		return turn{}, context.Cause(ctx)
	}
	if err != nil {
		return turn{}, fmt.Errorf("load %s: %w\nits log ends: %s", server.name, err, server.parts[0].Log())
	}
	after, ownAfter, err := bothUsages(server)
	if err != nil {
		return turn{}, err
	}
	slices.Sort(l.latencies)
	requests := time.Duration(len(l.latencies))
	return turn{
		rate: float64(requests) / l.took.Seconds(),
		p50:  figures.Percentile(l.latencies, 50), p99: figures.Percentile(l.latencies, 99),
		cpu: (after.CPU - before.CPU) / requests, generator: (ownAfter.CPU - ownBefore.CPU) / requests,
		rss: after.RSS, answer: l.answer, body: l.body,
	}, nil
}

// bothUsages reads the usage of the server and of the generator.
func bothUsages(s *server) (child.Usage, child.Usage, error) {
	var all child.Usage
	for _, c := range s.parts {
		one, err := child.UsageOf(c.PID())
		if err != nil {
			return child.Usage{}, child.Usage{}, err
		}
		all.CPU += one.CPU
		all.RSS += one.RSS
	}
	own, err := child.UsageOf(os.Getpid())
	return all, own, err
}

// addrs returns where the server listens.
func (s *server) addrs() []string {
	addrs := make([]string, 0, len(s.parts))
	for _, c := range s.parts {
		addrs = append(addrs, c.Addr)
	}
	return addrs
}
