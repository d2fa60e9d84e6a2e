// Command log measures the event log of alertd, on SQLite. Run it with make
// bench-log. It needs Linux, the binary bin/alertd, and about 3 GiB of disk.
//
// It prints, each beside its yardstick in the same run:
//
//   - ingest: alerts/s of alertd over HTTP in batches of 1,000, beside a bare loop of the same
//     driver on the same table in transactions of 1,000 rows; and the cost of each index in
//     such a loop;
//   - start: the time until alertd is ready with many stored events;
//   - size: bytes on disk for a byte of the events' JSON;
//   - queries: the time of GET /events?limit=100 over HTTP, with each filter and each pair of
//     filters, on many stored events and on few.
//
// Times are medians and the 99th percentile of -requests requests for each query;
// rates are medians over rounds in which the two take turns.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench-log:", err)
		stop()
		os.Exit(1)
	}
}

// options are those of the command line.
type options struct {
	alertd    string
	directory string
	many, few int
	requests  int
	rounds    int
	batches   int
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench-log", flag.ContinueOnError)
	flags.StringVar(&o.alertd, "alertd", "bin/alertd", "the alertd `binary`")
	flags.StringVar(&o.directory, "dir", "", "the `folder` on whose disk the databases are; empty: the one for temporary files")
	flags.IntVar(&o.many, "many", 1_000_000, "how many stored events are many")
	flags.IntVar(&o.few, "few", 10_000, "how many are few")
	flags.IntVar(&o.requests, "requests", 300, "how many requests for each query")
	flags.IntVar(&o.rounds, "rounds", 5, "how many rounds of ingest")
	flags.IntVar(&o.batches, "batches", 100, "how many batches of 1,000 in each round")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if o.many < 1 || o.few < 1 || o.requests < 1 || o.rounds < 1 || o.batches < 1 {
		return options{}, errors.New("every number must be at least 1")
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp(o.directory, "alertd-bench-log-")
	if err != nil {
		return fmt.Errorf("make a folder for the databases: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	if err := measureIngest(ctx, out, o, filepath.Join(directory, "ingest")); err != nil {
		return fmt.Errorf("measure ingest: %w", err)
	}
	return measureQueries(ctx, out, o, directory)
}
