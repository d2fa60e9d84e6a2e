// Command delivery measures the time from an alert to its message. Run it with make
// bench-delivery. It needs Linux, for /proc, and about 5 minutes.
//
// It starts alertd as users run it, with a webhook channel and each time with an empty
// SQLite database, or with -dsn on PostgreSQL. The receiver of the webhooks is in this
// program. A webhook arrives when the head of its request was read. The contenders take
// turns in rounds, in the opposite order every other round, so that other load on the
// machine affects all of them.
//
//   - latency: the time from reading the 201 to the webhook, for alerts that open an
//     incident, while alerts are posted at a steady rate. First one in twenty opens an
//     incident and the others belong to 100 open ones, then every alert opens one. An alert
//     is posted when it is due, even if earlier ones are not answered yet. A second row has
//     the times from when it was due, which includes every wait. A webhook that arrives
//     before the answer was read counts as 0. The yardstick is a bare relay: it writes the
//     alert to a file, syncs it, answers, and posts to the same receiver from a goroutine
//     if the dedup_key is new.
//   - storm: many events with messages that make 100 incidents, posted in batches as fast
//     as alertd accepts them. It measures the time from the last answer until all are
//     folded, the memory that takes, and the rate of alerts with alerting disabled. It
//     fails unless every event is counted in one of the 100 incidents.
//   - dead: the latency of one channel at 100 new incidents a second, while the receiver of
//     another channel accepts connections but never answers, and with that channel
//     disabled. Its first attempts time out; then its breaker opens, and its deliveries
//     wait.
//
// Every percentile is computed for each turn; the report has the median of the rounds. A
// maximum is that of all rounds. Load generator, receiver and server share the cores of the
// machine, so on a small machine a part of each time is the wait for a core.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"alertd/bench/internal/child"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench-delivery:", err)
		stop()
		os.Exit(1)
	}
}

// parts are the names of the measurements, in the order of the report.
func parts() []string { return []string{"latency", "storm", "dead"} }

// options are those of the command line.
type options struct {
	alertd    string
	dsn       string
	directory string
	only      []string
	rounds    int
	duration  time.Duration
	rate      int
	events    int
}

func parseOptions(args []string) (options, error) {
	var o options
	var only string
	flags := flag.NewFlagSet("bench-delivery", flag.ContinueOnError)
	flags.StringVar(&o.alertd, "alertd", "bin/alertd", "the alertd `binary`")
	flags.StringVar(&o.dsn, "dsn", "", "a PostgreSQL database to use in place of SQLite, best an empty one")
	flags.StringVar(&o.directory, "dir", "", "the `folder` on whose disk the databases are; empty: the one for temporary files")
	flags.StringVar(&only, "only", strings.Join(parts(), ","), "what to measure")
	flags.IntVar(&o.rounds, "rounds", 5, "how many rounds")
	flags.DurationVar(&o.duration, "duration", 5*time.Second, "how long each turn of latency and dead is measured")
	flags.IntVar(&o.rate, "rate", 1000, "how many alerts a second come in, in latency")
	flags.IntVar(&o.events, "events", 200_000, "how many events are a storm")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	o.only = strings.Split(only, ",")
	for _, part := range o.only {
		if !slices.Contains(parts(), part) {
			return options{}, fmt.Errorf("-only: %q is not one of %s", part, strings.Join(parts(), ", "))
		}
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1, o.duration < 100*time.Millisecond:
		return options{}, errors.New("-rounds must be at least 1, -duration at least 100ms")
	case o.rate < probeEvery || o.rate > 100_000:
		return options{}, fmt.Errorf("-rate must be %d to 100000", probeEvery)
	case o.events < batchSize || o.events%batchSize != 0:
		return options{}, fmt.Errorf("-events must be a multiple of %d", batchSize)
	}
	return o, nil
}

// bench is a run of this program.
type bench struct {
	options
	alertd child.Alertd
	name   string // prefix of every key and source of the run; a database may have others
	turns  int    // so far
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 3 && args[0] == relayFlag {
		return serveRelay(ctx, args[1], args[2])
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp(o.directory, "alertd-bench-delivery-")
	if err != nil {
		return fmt.Errorf("make a folder for the databases: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	b := &bench{
		options: o, name: fmt.Sprintf("bench-%x", time.Now().UnixNano()),
		alertd: child.Alertd{Binary: o.alertd, DSN: o.dsn, Directory: directory},
	}
	measures := map[string]func(context.Context, io.Writer) error{
		"latency": b.measureLatency, "storm": b.measureStorm, "dead": b.measureDead,
	}
	for _, part := range parts() {
		if !slices.Contains(o.only, part) {
			continue
		}
		if err := measures[part](ctx, out); err != nil {
			return fmt.Errorf("measure %s: %w", part, err)
		}
	}
	return nil
}

// database names the database of alertd.
func (b *bench) database() string {
	if b.dsn != "" {
		return "PostgreSQL"
	}
	return "SQLite"
}

// nextTurn returns a new name for a turn.
func (b *bench) nextTurn() string {
	b.turns++
	return fmt.Sprintf("%s-%d", b.name, b.turns)
}
