// Command crash kills alertd and its database repeatedly while clients post alerts, and
// checks that alertd keeps its promise: every acknowledged alert is there, once, unchanged.
// It checks messages about incidents as closely. Run it with make crash. It needs Linux and,
// except for SQLite, an installed PostgreSQL.
//
// It tests three engines side by side, each from an empty database:
//
//   - sqlite: one alertd on a file;
//   - postgres: one alertd on a PostgreSQL server started by this program;
//   - replicas: two alertds on one such server, with clients of both.
//
// # A round
//
// The program starts the alertds that do not run, and sometimes kills one while it starts.
// It inspects their events, and repeats some acknowledged posts. Then clients post for a
// random time of up to half a second: single alerts (without an id, with an event_id, with an
// Idempotency-Key), arrays and NDJSON, some with an invalid alert, some twice at once.
// Meanwhile a disaster strikes: all alertds are killed (kill -9), or one of two; or PostgreSQL
// is killed, or stopped with or without a shutdown, and started again up to a second later,
// from which alertd must recover by itself. A client without an answer, or with a 503,
// repeats the same post until it has an answer, if need be after the restart or to the other
// alertd. It does not repeat a post that is not safe to repeat.
//
// Meanwhile an operator acknowledges and resolves incidents, and alertd sends messages to two
// channels: one for all incidents, and one with min_severity = "critical". Both lead to a slow
// and flaky receiver in this program: it answers 500, or 503 with Retry-After, takes longer
// than the channel's timeout, and closes connections before and after it has recorded the
// message.
//
// In the last round nothing is killed. Then alertd is stopped in an orderly way, must exit
// with status 0, and is inspected once more. Before that round, after it, and every few
// rounds (-tell-every) the program waits until no message waits. After a kill that takes half
// a minute, until the claims of the killed alertd expire.
//
// # An inspection
//
//   - GET /events, page by page with limit=1000, has every event acknowledged by a 201, a
//     200 or the answer to a batch, once, in the order of descending seq, and no event that
//     was not sent or was refused.
//   - Each event is byte for byte as in the 201, or as it was read before. The first time it
//     is compared with the alert that was sent.
//   - A batch without an answer is there as a whole or not at all.
//   - GET /events/{event_id} returns the same, for a sample.
//   - GET /events/stream with Last-Event-ID: 0 returns the same, in ascending order. So does
//     a reader that follows the stream during the whole campaign, and resumes after each
//     crash.
//   - Every message at the receiver is signed, and is about an event, an incident and a
//     delivery that alertd shows. A key (webhook-id) belongs to one message, to the byte, and
//     a message has one key.
//   - On each channel the first arrivals of an incident's notices are in order, and a channel
//     gets no incident below its min_severity.
//   - A message that was answered with a 2xx within half the channel's timeout does not come
//     again, unless its sender was killed at most 10 s later.
//   - A resolved incident stays resolved.
//   - One source is silenced until the end of the last round: no channel is told of it before,
//     and of each incident of it that is still open after. A third channel has a rate_limit:
//     each incident for it is told there, by itself or in a digest. A component that never
//     pings is accused in one incident, and one that does, not at all.
//   - Once no message waits: each event belongs to one incident of its kind, and the counts
//     and severities of incidents are those of their events. Each channel has got the opening
//     of an incident, or its rise to the channel's severity. No delivery has failed, and each
//     one called delivered has arrived.
//   - The database has as many events and ids, and the same last seq. SQLite's PRAGMA
//     integrity_check, on a copy of the file made after the crash, is ok.
//
// # Output
//
// It prints a line for each round, then a table. "lost" counts acknowledged events that are
// missing, "doubled" alerts that are there more than once, "told" messages that were answered
// with a 2xx, "repeats" messages that came although the receiver had accepted them, "untold"
// missing messages, and "otherwise wrong" all other faults. The first of each kind are printed
// in full. A fault makes the exit status 1, and keeps the directory with alertd's logs,
// configurations and SQLite's file. Repeats are not faults: most are of messages that the
// receiver did not answer.
//
// The seed determines the alerts of each client and the disasters with their times. Their
// effects differ from run to run.
//
// Without PostgreSQL its engines are skipped, with a note; with
// ALERTD_TEST_POSTGRES=required in the environment that is an error.
//
// # Limits
//
// After kill -9 the kernel still writes the process's data to disk. So this program does not
// show that alertd and its database sync to the disk, as a power cut requires.
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

// options are those of the command line.
type options struct {
	alertd   string
	rounds   int
	engines  []scenario
	clients  int
	maxBatch int
	patience time.Duration
	// tellEvery is the number of rounds after which all messages must be delivered, and
	// tellPatience the time for that.
	tellEvery    int
	tellPatience time.Duration
	directory    string
	seed         uint64
	// noise: alertd has silences, rate limits and heartbeats, too.
	noise bool
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
	flags.BoolVar(&o.noise, "noise", true, "also silence a source, limit a channel, and watch heartbeats")
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

// lineWriter is a writer for whole lines. Safe for concurrent use.
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
