package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/config"
)

func newServeCommand(stderr io.Writer) *cobra.Command {
	var flags commonFlags
	var level, format string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Accept alerts over HTTP until told to stop",
		Long: "SIGTERM or SIGINT, also during start-up: requests and deliveries under way finish, streams end, exit\n" +
			"status 0. A second signal ends alertd at once. A stop takes at most shutdown_timeout, the timeout of\n" +
			"[storage] and 5s together; exit status 1 if something did not finish.\n" +
			"SIGHUP: reads the configuration again; a bad one changes nothing.",
		Example:           "  alertd serve\n  alertd serve --config /etc/alertd/config.toml --log-format json\n  alertd serve --listen 127.0.0.1:0",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newDaemonLog(stderr, level, format)
			if err != nil {
				return usageError{err}
			}
			defer surviveBrokenPipes()()
			defer log.close()
			if err = serve(cmd.Context(), daemonConfig{flags: flags, log: log, shared: config.NewShared(cmd.OutOrStdout())}); err != nil {
				log.fail(err)
				return toldError{err}
			}
			return nil
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&level, "log-level", "info", "least `level` to log: debug, info, warn, error")
	cmd.Flags().StringVar(&format, "log-format", "auto", "`format` of the log: text, json, or auto for text on a terminal")
	completeFlag(cmd, "log-level", []string{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp)
	completeFlag(cmd, "log-format", []string{"auto", "text", "json"}, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

// startPatience bounds a start that goes on after alertd was asked to end.
const startPatience = 4 * time.Second

// gcPercent keeps the memory small that thousands of idle connections take: Go's own 100
// would let garbage double it. make bench-hostile measures it. GOGC in the environment wins.
const gcPercent = 50

// serve runs alertd until a signal or the end of ctx.
func serve(ctx context.Context, c daemonConfig) error {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	// Signals come first, so that none ends the process from here on.
	asked, again, stopSignals := watchSignals(ctx)
	defer stopSignals()
	hangups, stopHangups := onHangup()
	defer stopHangups()

	var err error
	if c.loaded, err = config.Load(c.flags.options()); err != nil {
		return usageError{fmt.Errorf("%s is not valid:\n%w", c.flags.config, err)}
	}
	build := buildInfo()
	c.log.Info("starting", "version", build.Version, "commit", build.Commit, "config", c.loaded.Path, "effective", c.loaded.Redacted())
	c.log.warn(c.loaded.Warnings)
	if c.ways, err = openWays(asked, &c.loaded.Server, c.log.Logger); err != nil {
		return err
	}
	d, err := startDaemon(asked, again, c)
	if err != nil && asked.Err() != nil && !errors.Is(err, errStartGoesOn) {
		c.log.Info("stopped before it had started", "cause", context.Cause(asked), "error", err)
		return c.ways.close()
	}
	if err != nil {
		return errors.Join(err, c.ways.close())
	}
	c.ways.log(c.log.Logger)
	return d.runUntil(asked, again, hangups)
}

// errStartGoesOn says that a start did not end after alertd was asked to.
var errStartGoesOn = errors.New("stop: the start did not end")

// startDaemon makes a daemon. It does not wait for long once alertd was asked to end: a
// start may hang where no context is heeded, such as in opening a file.
func startDaemon(asked, again context.Context, c daemonConfig) (*daemon, error) {
	type result struct {
		daemon *daemon
		err    error
	}
	made := make(chan result, 1)
	go func() { // it ends with the process at the latest
		d, err := newDaemon(asked, c)
		made <- result{d, err}
	}()
	select {
	case r := <-made:
		return r.daemon, r.err
	case <-asked.Done():
	}
	timer := time.NewTimer(startPatience)
	defer timer.Stop()
	select {
	case r := <-made:
		return r.daemon, r.err
	case <-timer.C:
		return nil, fmt.Errorf("%w within %s", errStartGoesOn, startPatience)
	case <-again.Done():
		return nil, fmt.Errorf("%w: %w", errStartGoesOn, context.Cause(again))
	}
}
