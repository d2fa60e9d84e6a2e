// Command hostile measures what is left of alertd while strangers hold connections to it. Run
// it with make bench-hostile. It needs Linux, for /proc and for the many addresses of
// loopback.
//
// One alertd with default settings, as its own process, takes alerts over kept-alive
// connections, in turns: alone, and while attackers are there. The attackers are
//
//   - idle connections, from many addresses of loopback so that the limit of one address does
//     not help: each has had an answer and then keeps silent;
//   - slow clients, half of them in the header of a request and half in the body: each sends a
//     byte now and then, and connects again when alertd cuts it off.
//
// With -streams there are readers of GET /events/stream as well. They ask for critical alerts, of
// which 50 a second come in both turns, beside those that are counted. Their readers would be on
// other machines, so this one reads them once a second.
//
// How to read the table: requests/s, p50 and p99 are those of the alerts, /healthz is the
// time from a new connection to the answer. All are medians over the rounds, except for the
// greatest time of /healthz, which is that of all rounds. RSS is alertd's at the end of a
// turn. The ratio compares the turns of one round. Senders, attackers and alertd share the
// cores of the machine; the attackers are one thread that mostly waits.
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

	"alertd/bench/internal/child"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "bench-hostile:", err)
		stop()
		os.Exit(1)
	}
}

// options are those of the command line.
type options struct {
	alertd      string
	directory   string
	rounds      int
	duration    time.Duration
	connections int
	idle, slow  int
	streams     int
	check       bool
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench-hostile", flag.ContinueOnError)
	flags.StringVar(&o.alertd, "alertd", "bin/alertd", "the alertd `binary`")
	flags.StringVar(&o.directory, "dir", "", "the `folder` on whose disk the database is; empty: the one for temporary files")
	flags.IntVar(&o.rounds, "rounds", 5, "how many rounds")
	flags.DurationVar(&o.duration, "duration", 8*time.Second, "how long each turn takes")
	flags.IntVar(&o.connections, "connections", 64, "how many connections send alerts at once")
	flags.IntVar(&o.idle, "idle", 10_000, "how many connections are idle")
	flags.IntVar(&o.slow, "slow", 200, "how many clients are slow")
	flags.IntVar(&o.streams, "streams", 0, "how many streams of events are open")
	flags.BoolVar(&o.check, "check", false, "fail if a goal is missed")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	switch {
	case flags.NArg() > 0:
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.rounds < 1, o.connections < 1, o.idle < 0, o.slow < 0, o.streams < 0, o.duration < 100*time.Millisecond:
		return options{}, errors.New("-rounds and -connections must be at least 1, -idle, -slow and -streams at least 0, -duration at least 100ms")
	}
	return o, enoughFiles(o.idle + o.slow + o.streams + o.connections)
}

// enoughFiles returns nil if this program may have so many connections. Go has raised the
// limit as far as it may.
func enoughFiles(connections int) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	const rest = 600                                          // alertd leaves 512 for other files
	if need := uint64(connections) + rest; files.Cur < need { //nolint:gosec // it is not negative
		return fmt.Errorf("the limit of open files is %d, must be at least %d (ulimit -Hn)", files.Cur, need)
	}
	return nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	takes := time.Duration(2*o.rounds)*o.duration + time.Duration(o.rounds*o.idle)*time.Millisecond
	ctx, cancel := context.WithTimeoutCause(ctx, takes+2*time.Minute, errors.New("it takes far longer than it should"))
	defer cancel()
	directory, err := os.MkdirTemp(o.directory, "alertd-bench-")
	if err != nil {
		return fmt.Errorf("make a directory for the configuration: %w", err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	command, err := child.Alertd{Binary: o.alertd, Directory: directory}.Command("alertd",
		fmt.Sprintf("[server]\nmax_streams = %d\nmax_streams_per_client = %d\n[alerting]\nenabled = false\n", max(256, o.streams), perAddress))
	if err != nil {
		return err
	}
	server, err := child.Start(ctx, "alertd", command)
	if err != nil {
		return fmt.Errorf("start alertd: %w", err)
	}
	defer server.Stop()
	rounds, err := play(ctx, o, server)
	if err != nil {
		return fmt.Errorf("%w\nthe log of alertd ends: %s", err, server.Log())
	}
	peak, err := child.PeakRSS(server.PID())
	if err != nil {
		return err
	}
	r := result{options: o, rounds: rounds, peak: peak}
	if err := r.print(out); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if o.check {
		return r.check()
	}
	return nil
}
