package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/config"
	"alertd/internal/engine"
	"alertd/internal/httpapi"
	"alertd/internal/metrics"
	"alertd/internal/store"
)

func newServeCommand(stderr io.Writer) *cobra.Command {
	var flags commonFlags
	var level, format string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Take alerts over HTTP until told to stop",
		Long: "SIGTERM or SIGINT: requests under way finish, streams end, exit status 0; a second one ends at once.\n" +
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
			if err = serve(cmd.Context(), flags, log, cmd.OutOrStdout()); err != nil {
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

// surviveBrokenPipes makes a write to standard output or error whose reader has gone an
// error. Otherwise it would end the process. What it returns undoes that.
func surviveBrokenPipes() (undo func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}

// daemon is a running alertd.
type daemon struct {
	log      *slog.Logger
	store    *store.Store
	engine   *engine.Engine
	reloader *reloader
	api      *httpapi.API
	server   *http.Server
	timeout  time.Duration // for shutdown
}

func serve(ctx context.Context, flags commonFlags, log daemonLog, out io.Writer) error {
	// First of all: whoever reads that alertd listens may send a signal at once,
	// and one that nobody has asked for ends a process where it stands.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)

	loaded, err := config.Load(flags.options())
	if err != nil {
		return usageError{fmt.Errorf("%s is not valid:\n%w", flags.config, err)}
	}
	build := buildInfo()
	log.Info("starting", "version", build.Version, "commit", build.Commit, "config", loaded.Path, "effective", loaded.Redacted())
	for _, warning := range loaded.Warnings {
		log.Warn("configuration", "warning", warning)
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", loaded.Server.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w; choose another address with --listen or [server] listen", loaded.Server.Listen, err)
	}
	d, err := newDaemon(ctx, flags, loaded, log, out)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("listening", "addr", listener.Addr().String())
	return errors.Join(d.run(ctx, listener, signals), d.engine.Close(), d.store.Close())
}

// storeConfig returns what the event log is to be.
func storeConfig(loaded config.Config, log *slog.Logger) store.Config {
	s := loaded.Storage
	return store.Config{
		Driver: s.Driver, Path: s.Path, DSN: s.DSN, MaxConnections: s.MaxConnections,
		Retention: s.Retention, RetentionEvents: s.RetentionEvents, MaxQueue: s.QueueSize, Timeout: s.Timeout, Logger: log,
	}
}

// newDaemon opens the event log and the channels and puts the parts together. It starts
// nothing. What it opened is closed again if it returns an error.
func newDaemon(ctx context.Context, flags commonFlags, loaded config.Config, log daemonLog, out io.Writer) (*daemon, error) {
	began := time.Now()
	opened, err := store.Open(ctx, storeConfig(loaded, log.Logger))
	if err != nil {
		return nil, err
	}
	d, err := assemble(ctx, flags, loaded, log, opened, out)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	log.Info("event log opened", "driver", loaded.Storage.Driver, "duration_ms", time.Since(began).Milliseconds())
	return d, nil
}

func assemble(ctx context.Context, flags commonFlags, loaded config.Config, log daemonLog, opened *store.Store, out io.Writer) (_ *daemon, err error) {
	var manager *alerting.Manager // the engine needs it, and it the engine
	stands := &standing{store: opened}
	meter := metrics.NewDelivery(stands)
	deliver, err := engine.New(engine.Config{
		Store: opened, Meter: meter, Logger: log.Logger,
		Raise: func(ctx context.Context, alert alerting.Alert) error {
			_, err := manager.Register(ctx, alert)
			return err
		},
	}, engineSettings(loaded, out))
	if err != nil {
		return nil, err
	}
	stands.engine = deliver
	defer func() {
		if err != nil {
			err = errors.Join(err, deliver.Close())
		}
	}()
	if manager, err = alerting.OpenManager(ctx, loaded.Alerting, deliver, opened); err != nil {
		return nil, err
	}
	build := buildInfo()
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		metrics.NewLogRecords(log.queue.Dropped), metrics.NewEvents(manager), metrics.NewLog(opened), meter, metrics.NewBuildInfo(build.Version, build.Commit, build.GoVersion),
	)
	reloader := newReloader(flags, loaded, manager, deliver, out, log.Logger, registry)
	api, err := httpapi.New(httpapi.Config{
		Manager: manager, Registry: registry, Logger: log.Logger, Build: build,
		Ready:     []httpapi.ReadyCheck{{Name: "log", Err: opened.Ready}, {Name: "engine", Err: deliver.Ready}},
		Incidents: opened, EventIncidents: opened, Deliveries: opened,
		IncidentActions: deliver, Retries: deliver, Channels: deliver, ChannelTests: deliver,
		MaxBody: loaded.Server.MaxBody, MaxStreams: loaded.Server.MaxStreams,
		StreamHeartbeat: loaded.Server.StreamHeartbeat, WriteTimeout: loaded.Server.WriteTimeout,
		EffectiveConfig: reloader.effective, Reload: reloader.reload,
	})
	if err != nil {
		return nil, err
	}
	return &daemon{
		log: log.Logger, store: opened, engine: deliver, reloader: reloader, api: api, timeout: loaded.Server.ShutdownTimeout,
		server: &http.Server{
			Handler:           api.Handler(),
			ReadHeaderTimeout: loaded.Server.ReadHeaderTimeout,
			ReadTimeout:       loaded.Server.ReadTimeout,
			WriteTimeout:      loaded.Server.WriteTimeout,
			IdleTimeout:       loaded.Server.IdleTimeout,
			MaxHeaderBytes:    64 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}, nil
}

// errSecondSignal says that whoever stopped alertd did not want to wait.
var errSecondSignal = errors.New("told again before requests had finished")

// run serves until ctx ends or a signal says so, and returns when all that it
// started has ended: first HTTP, then the engine, which raises alerts, then the event
// log, which both need.
func (d *daemon) run(ctx context.Context, listener net.Listener, signals <-chan os.Signal) error {
	endLog := background(ctx, d.store.Run)
	endEngine := background(ctx, d.engine.Run)
	err := d.serveHTTP(ctx, listener, signals)
	err = errors.Join(err, endEngine())
	if err := errors.Join(err, endLog()); err != nil {
		return err
	}
	d.log.Info("stopped")
	return nil
}

// reopen has channels open their files anew: logrotate says so by SIGHUP, too.
func (d *daemon) reopen() {
	if err := d.engine.Reopen(); err != nil {
		d.log.Error("files were not opened anew", "error", err)
	}
}

// background runs a part that outlives ctx. What it returns ends it and waits for that.
func background(ctx context.Context, run func(ctx context.Context) error) (end func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// serveHTTP serves until ctx ends or a signal says so.
func (d *daemon) serveHTTP(ctx context.Context, listener net.Listener, signals <-chan os.Signal) error {
	patience, hurry := context.WithCancelCause(context.WithoutCancel(ctx)) // with requests under way
	defer hurry(nil)
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan struct{})
	group.Go(func() error {
		if err := d.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	group.Go(func() error { // the signals
		for {
			select {
			case <-stopped:
				return nil
			case s := <-signals:
				switch {
				case s == syscall.SIGHUP:
					_, _ = d.reloader.reload(ctx) // it logs what went wrong
					go d.reopen()                 // a write may hang, and signals may not
				case ctx.Err() != nil:
					hurry(errSecondSignal)
				default:
					d.log.Info("stopping", "signal", s.String())
					stop()
				}
			}
		}
	})
	group.Go(func() error {
		<-ctx.Done()
		defer close(stopped)
		d.api.Shutdown()
		limit, cancel := context.WithTimeoutCause(patience, d.timeout, fmt.Errorf("requests did not finish within %s", d.timeout))
		defer cancel()
		if err := d.server.Shutdown(limit); err != nil {
			_ = d.server.Close()
			return fmt.Errorf("stop: %w", context.Cause(limit))
		}
		return nil
	})
	return group.Wait()
}
