// Command http measures how much of the speed of net/http alertd keeps, for one
// POST /alerts at a time over loopback connections that are kept alive. Run it
// by: make bench-http. It needs Linux, for /proc.
//
// Three servers, each a process of its own with defaults throughout, answer the
// same request, the VaR example:
//
//   - alertd as users run it: each event is on disk, in SQLite, before its answer, and
//     is folded into its incident, which a log file channel is told of; requests that
//     fail or are slow are logged to a pipe, which this program reads and throws away;
//   - alertd with alerting off, which only keeps the events; with -dsn, two replicas on
//     PostgreSQL in its place, which share the connections, with alerting on;
//   - bare, a handler that does the least with which net/http and encoding/json
//     can give the same answer: it reads the body, decodes it, and encodes an
//     event. It checks, keeps, counts and logs nothing.
//
// They take turns, in rounds, and in the opposite order every other round, so
// that whatever else the machine does falls on all of them. A connection sends
// its next request when it has the answer to the last one. Any answer but 201
// ends the run.
//
// How to read the table: requests/s, p50 and p99 (of the time from request to
// answer) are medians over the rounds. CPU is what the server's process took, in
// user and system mode, and "generator" is what this program took for each of
// the requests: it shares the machine's cores with the server, so that
// requests/s flatters a slow server on a small machine and CPU does not. The
// ratios compare the turns of one round with each other; they hold where the
// absolute figures depend on the machine and its mood. With one connection
// nothing queues, and p50 is what one request takes: of alertd, about what the bare
// server takes and one sync of the disk.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// bareFlag, alone on the command line, makes this program the bare server.
const bareFlag = "-bare"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench-http:", err)
		stop()
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	alertd      string
	dsn         string
	directory   string
	rounds      int
	duration    time.Duration
	connections int
	minRatio    float64
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench-http", flag.ContinueOnError)
	flags.StringVar(&o.alertd, "alertd", "bin/alertd", "the alertd `binary`")
	flags.StringVar(&o.dsn, "dsn", "", "a PostgreSQL database to use in place of SQLite")
	flags.StringVar(&o.directory, "dir", "", "the `folder` on whose disk the databases are; empty: the one for temporary files")
	flags.IntVar(&o.rounds, "rounds", 5, "how many rounds")
	flags.DurationVar(&o.duration, "duration", 2*time.Second, "how long each server has its turn in a round; a quarter of it with one connection")
	flags.IntVar(&o.connections, "connections", 64, "how many connections send at once")
	flags.Float64Var(&o.minRatio, "min-ratio", 0, "fail if alertd takes less than this share of the bare server's requests/s")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1, o.connections < 1, o.duration < 100*time.Millisecond:
		return options{}, errors.New("-rounds and -connections must be at least 1, -duration at least 100ms")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 1 && args[0] == bareFlag {
		return serveBare(ctx)
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	plan := newPlan(o)
	ctx, cancel := context.WithTimeoutCause(ctx, plan.takes()+30*time.Second, errors.New("it takes far longer than it should"))
	defer cancel()

	directory, err := os.MkdirTemp(o.directory, "alertd-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the configuration: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	servers, err := startServers(ctx, o, directory)
	defer stopAll(servers)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "measuring for about %s\n", plan.takes().Round(time.Second))
	results, err := plan.run(ctx, servers)
	if err != nil {
		return err
	}
	sync, err := medianSync(directory)
	if err != nil {
		return err
	}
	if err := report(out, results, sync); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if got := results[0].ratio(firstServer, requestRate).Median; o.minRatio > 0 && got < o.minRatio {
		return fmt.Errorf("alertd takes %.2f of the bare server's requests/s, it must be at least %.2f", got, o.minRatio)
	}
	return nil
}
