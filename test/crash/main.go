// Command crash kills alertd, and the database under it, again and again while
// clients post alerts, and looks whether alertd keeps its promise: what it has
// acknowledged is there, once, unchanged, whatever ends in between. Run it by:
// make crash. It needs Linux and, but for SQLite, an installed PostgreSQL.
//
// Three engines are tested, each from an empty database:
//
//   - sqlite: one alertd on a file;
//   - postgres: one alertd on a PostgreSQL server of this program's own;
//   - replicas: two alertds on one such server, clients post to both.
//
// # A round
//
// The alertds that do not run are started, and now and then killed while they
// start. What they have is inspected, and some of what they have acknowledged is
// sent once more. Then clients post for a random time of up to half a second:
// single alerts (without anything to know them by, with an event_id, with an
// Idempotency-Key), arrays and NDJSON, also such with an alert that must be
// refused; sometimes the same twice at once. Meanwhile a disaster strikes: every
// alertd is killed (kill -9), or one of two; or PostgreSQL is killed, or stopped
// with or without a shutdown, and started again up to a second later, from which
// alertd must recover by itself. A client that has no answer, or a 503, sends the
// very same again until it has one, after the restart if need be, and to the
// other alertd if there is one; what it cannot send again safely it leaves.
//
// After the last round alertd is stopped in an orderly way, which must end well,
// and inspected once more.
//
// # An inspection
//
//   - GET /events, page by page with limit=1000, has every event that a 201, a
//     200 or a batch's answer has acknowledged, once, in the order of descending
//     seq, and none that nobody has sent or that was refused.
//   - Each event is byte for byte what the 201 had, or what was read before; the
//     first time it is compared with the alert that was sent.
//   - A batch to which there was no answer is there as a whole, or not at all.
//   - GET /events/{event_id} has the same, for a sample.
//   - GET /events/stream with Last-Event-ID: 0 has the same, in ascending order.
//     So has a reader that has followed the stream all through the campaign, and
//     after each crash has gone on after the last event that it had seen.
//   - The database itself has as many events, ids, and the same last seq. SQLite's
//     PRAGMA integrity_check, on a copy of the file made after the crash, is ok.
//
// # What it prints
//
// A line for each round, then a table. "lost" counts events that were
// acknowledged and are not there, "doubled" alerts that are there more than once,
// and "otherwise wrong" whatever else is not as it must be; the first of each kind
// are told in full. Any of them makes the exit status 1, and keeps the
// directory with alertd's logs, configurations and SQLite's file.
//
// The seed gives the same alerts in the same order for each client, and the same
// disasters after the same times; what the machine makes of them differs from run
// to run.
//
// An engine without PostgreSQL is left out, and said to be; with
// ALERTD_TEST_POSTGRES=required in the environment that is an error.
//
// # What it does not show
//
// kill -9 ends a process, and the kernel still writes what the process had handed
// to it. That alertd and its database also sync to the disk, as a power cut
// demands, is not seen here.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"alertd/internal/pgtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "crash:", err)
		stop()
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	alertd    string
	rounds    int
	engines   []scenario
	clients   int
	maxBatch  int
	patience  time.Duration
	directory string
	seed      uint64
}

func parseOptions(args []string) (options, error) {
	var o options
	known := scenarios()
	names := make([]string, 0, len(known))
	for _, s := range known {
		names = append(names, s.name)
	}
	flags := flag.NewFlagSet("crash", flag.ContinueOnError)
	flags.StringVar(&o.alertd, "alertd", "bin/alertd", "the alertd `binary`")
	flags.IntVar(&o.rounds, "rounds", 20, "how many rounds an engine")
	engines := flags.String("engines", strings.Join(names, ","), "which engines, separated by commas")
	flags.IntVar(&o.clients, "clients", 16, "how many clients post at once")
	flags.IntVar(&o.maxBatch, "max-batch", 500, "how many alerts a batch may have; most have up to 20")
	flags.DurationVar(&o.patience, "patience", 30*time.Second, "how long alertd may take to be ready, to recover by itself, to stop, and to show all that it has")
	flags.StringVar(&o.directory, "directory", os.TempDir(), "where to make the `directory` of logs and databases")
	flags.Uint64Var(&o.seed, "seed", 0, "the seed of the randomness; 0 takes a random one")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	for name := range strings.SplitSeq(*engines, ",") {
		i := slices.Index(names, name)
		if i < 0 {
			return options{}, fmt.Errorf("-engines: %q is not one of %s", name, strings.Join(names, ", "))
		}
		o.engines = append(o.engines, known[i])
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1, o.clients < 1, o.maxBatch < 1, o.maxBatch > 10_000, o.patience < 100*time.Millisecond:
		return options{}, errors.New("-rounds and -clients must be at least 1, -max-batch must be from 1 to 10000, -patience at least 100ms")
	}
	for o.seed == 0 {
		o.seed = rand.Uint64()
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if o.alertd, err = filepath.Abs(o.alertd); err != nil {
		return err
	}
	directory, err := os.MkdirTemp(o.directory, "alertd-crash-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	_, _ = fmt.Fprintf(out, "seed %d\n", o.seed)
	var results []result
	for _, s := range o.engines {
		r, err := play(ctx, s, o, filepath.Join(directory, s.name), out)
		if errors.Is(err, pgtest.ErrNotInstalled) && !pgtest.Required() {
			_, _ = fmt.Fprintf(out, "%s: left out: %s\n", s.name, err)
			continue
		}
		results = append(results, r)
		if err != nil {
			return errors.Join(err, report(out, results), fmt.Errorf("logs and databases are in %s", directory))
		}
	}
	if err := report(out, results); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if slices.ContainsFunc(results, func(r result) bool { return len(r.findings) > 0 }) {
		return fmt.Errorf("alertd does not keep its promise; logs and databases are in %s", directory)
	}
	return os.RemoveAll(directory)
}

// play plays one engine's campaign.
func play(ctx context.Context, s scenario, o options, directory string, out io.Writer) (result, error) {
	if err := os.Mkdir(directory, 0o700); err != nil {
		return result{name: s.name}, fmt.Errorf("make a directory: %w", err)
	}
	c, err := newCampaign(ctx, s, o, directory, out)
	if err != nil {
		return result{name: s.name}, err
	}
	err = c.run(ctx)
	return c.result, err
}
