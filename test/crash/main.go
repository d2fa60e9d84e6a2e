// Command crash kills alertd, and the database under it, again and again while
// clients post alerts, and looks whether alertd keeps its promise: what it has
// acknowledged is there, once, unchanged, whatever ends in between. Run it by:
// make crash. It needs Linux and, but for SQLite, an installed PostgreSQL.
//
// It also delivers: what people are told of incidents is looked at as closely.
//
// Three engines are tested side by side, each from an empty database:
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
// Meanwhile an operator acknowledges and resolves incidents, and alertd tells of them on
// two channels: one that takes all, and one with min_severity = "critical". Both lead to
// a receiver in this program that is slow and flaky: it answers 500, or 503 with
// Retry-After, takes longer than the channel's timeout, and closes connections before and
// after it has noted the message.
//
// In a last round nobody is killed. Then alertd is stopped in an orderly way, which must
// end well, and inspected once more. Before that round, after it, and every few rounds
// (-tell-every) the program waits until nothing is left to be told. After a kill that
// takes half a minute: so long last the claims of whoever was killed.
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
//   - Whatever has come to the receiver is signed, and is about an event, an incident and
//     a delivery that alertd shows. A key (webhook-id) stands for one message, to the
//     byte, and a message has one key.
//   - The notices of an incident come first in their order, on each channel, and none on a
//     channel that does not take it.
//   - A message that was answered by a 2xx within half the channel's timeout does not come
//     again, unless the very alertd that sent it was killed since, at most 10 s later.
//   - What was resolved stays so.
//   - Once all is told: each event belongs to one incident of its kind, and the counts and
//     severities of incidents are those of their events. Each channel has taken that an
//     incident was opened, or has become so severe. No delivery has failed, and each that
//     is called delivered has come.
//   - The database itself has as many events, ids, and the same last seq. SQLite's
//     PRAGMA integrity_check, on a copy of the file made after the crash, is ok.
//
// # What it prints
//
// A line for each round, then a table. "lost" counts events that were
// acknowledged and are not there, "doubled" alerts that are there more than once,
// "told" messages that were answered by a 2xx, "repeats" those that came although the
// receiver had them, "untold" what a channel was not told of, and "otherwise wrong"
// whatever else is not as it must be; the first of each kind are told in full. Repeats
// are no fault as such: most are of messages that the receiver has kept quiet about. Any of them makes the exit status 1, and keeps the
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
	"sync"
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
	alertd   string
	rounds   int
	engines  []scenario
	clients  int
	maxBatch int
	patience time.Duration
	// tellEvery is after how many rounds all must be told, and tellPatience how long that
	// may take.
	tellEvery    int
	tellPatience time.Duration
	directory    string
	seed         uint64
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
	flags.IntVar(&o.tellEvery, "tell-every", 5, "after how many rounds to wait until all is told; it also is at the end")
	flags.DurationVar(&o.tellPatience, "tell-patience", 3*time.Minute, "how long alertd may take to tell all that there is")
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
	case o.rounds < 1, o.clients < 1, o.tellEvery < 1, o.maxBatch < 1, o.maxBatch > 10_000, min(o.patience, o.tellPatience) < 100*time.Millisecond:
		return options{}, errors.New("-rounds, -clients and -tell-every must be at least 1, -max-batch must be from 1 to 10000, -patience and -tell-patience at least 100ms")
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
	results, err := playAll(ctx, o, directory, &lineWriter{out: out})
	if told := report(out, results); told != nil {
		err = errors.Join(err, fmt.Errorf("write the report: %w", told))
	}
	if slices.ContainsFunc(results, func(r result) bool { return len(r.findings) > 0 }) {
		err = errors.Join(err, errors.New("alertd does not keep its promise"))
	}
	if err != nil {
		return fmt.Errorf("%w; logs and databases are in %s", err, directory)
	}
	return os.RemoveAll(directory)
}

// playAll plays all campaigns side by side: most of their time they wait for the claims
// of those who were killed to end.
func playAll(ctx context.Context, o options, directory string, out io.Writer) ([]result, error) {
	var playing sync.WaitGroup
	results, errs := make([]result, len(o.engines)), make([]error, len(o.engines))
	for n, s := range o.engines {
		playing.Go(func() { results[n], errs[n] = play(ctx, s, o, filepath.Join(directory, s.name), out) })
	}
	playing.Wait()
	var played []result
	for n, s := range o.engines {
		if errors.Is(errs[n], pgtest.ErrNotInstalled) && !pgtest.Required() {
			_, _ = fmt.Fprintf(out, "%s: left out: %s\n", s.name, errs[n])
			errs[n] = nil
			continue
		}
		played = append(played, results[n])
	}
	return played, errors.Join(errs...)
}

// lineWriter is a writer for several goroutines, each of which writes whole lines.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(line)
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
