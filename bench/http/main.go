// Command http compares the speed of alertd with that of net/http, for POST /alerts with one
// alert over kept-alive loopback connections. Run it with make bench-http. It needs Linux,
// for /proc.
//
// Three servers, each a separate process with default settings, answer the same request, the
// VaR example:
//
//   - alertd as users run it: each event is on disk, in SQLite, before its answer, and is
//     folded into its incident, which a log file channel reports; requests that fail or are
//     slow are logged to a pipe, which this program reads and discards;
//   - alertd with alerting off, which only stores the events; or, with -dsn, two replicas on
//     PostgreSQL with alerting on, which share the connections; or, with -token, alertd as the
//     first one, where every request shows a token;
//   - bare, the minimal handler that gives the same answer with net/http and encoding/json:
//     it reads the body, decodes it, and encodes an event. It does not validate, store,
//     count or log anything.
//
// They take turns in rounds, in the opposite order every other round, so that other load on
// the machine affects all of them. A connection sends its next request when it has the
// answer to the last one. Any answer other than 201 ends the run.
//
// How to read the table: requests/s, p50 and p99 (of the time from request to answer) are
// medians over the rounds. CPU is the time of the server's process in user and system mode,
// "generator" that of this program, for each request. Both share the cores of the machine,
// so on a small machine requests/s favours a slow server, and CPU does not. The ratios
// compare the turns of one round; they depend less on the machine than the absolute figures.
// With one connection nothing queues, and p50 is the time of one request: for alertd, about
// that of the bare server and one sync of the disk.
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

// options are those of the command line.
type options struct {
	alertd      string
	dsn         string
	directory   string
	rounds      int
	duration    time.Duration
	connections int
	minRatio    float64
	token       bool
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
	flags.BoolVar(&o.token, "token", false, "compare alertd with one that wants a token, in place of one with alerting off")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.token && o.dsn != "":
		return options{}, errors.New("-token and -dsn cannot be combined")
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
	if err := report(out, results, sync, o.token); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if got := results[0].ratio(firstServer, requestRate).Median; o.minRatio > 0 && got < o.minRatio {
		return fmt.Errorf("alertd takes %.2f of the bare server's requests/s, it must be at least %.2f", got, o.minRatio)
	}
	return nil
}
