package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"alertd/internal/alerting"
	"alertd/internal/config"
	"alertd/internal/engine"
	"alertd/internal/httpapi"
	"alertd/internal/listen"
	"alertd/internal/metrics"
	"alertd/internal/openid"
	"alertd/internal/session"
	"alertd/internal/store"
	"alertd/internal/store/work"
	"alertd/internal/watchdog"
)

// daemonConfig has the parameters of a daemon.
type daemonConfig struct {
	flags  commonFlags
	loaded config.Config
	log    daemonLog
	shared config.Shared // by the channels
	ways   *ways
}

// daemon is a running alertd.
type daemon struct {
	log      daemonLog
	store    *store.Store
	engine   *engine.Engine
	watchdog *watchdog.Watchdog
	reloader *reloader
	api      *httpapi.API
	ways     *ways

	server, admin          *http.Server
	limiter, adminsLimiter *listen.Limiter

	timeout  time.Duration // bounds requests under way when it stops
	limit    time.Duration // bounds the whole stop
	stopping chan struct{} // closed when it begins to stop
	stage    atomic.Value  // a string: the stage of the stop, for an error
}

// storeConfig returns the settings of the event log.
func storeConfig(loaded config.Config, log *slog.Logger) store.Config {
	s := loaded.Storage
	return store.Config{
		Driver: s.Driver, Path: s.Path, DSN: s.DSN, MaxConnections: s.MaxConnections,
		Retention: s.Retention, RetentionEvents: s.RetentionEvents, AuditRetention: s.AuditRetention, MaxQueue: s.QueueSize, Timeout: s.Timeout, Logger: log,
	}
}

// newDaemon opens the event log and the channels and connects the parts. It starts
// nothing. If it returns an error, it has closed what it opened.
func newDaemon(ctx context.Context, c daemonConfig) (*daemon, error) {
	began := time.Now()
	opened, err := store.Open(ctx, storeConfig(c.loaded, c.log.Logger))
	if err != nil {
		return nil, err
	}
	d, err := assemble(ctx, c, opened)
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	c.log.Info("event log opened", "driver", c.loaded.Storage.Driver, "duration_ms", time.Since(began).Milliseconds())
	return d, nil
}

// assemble connects the parts on an open event log.
func assemble(ctx context.Context, c daemonConfig, opened *store.Store) (_ *daemon, err error) {
	loaded, log := c.loaded, c.log
	var manager *alerting.Manager // it and the engine need each other
	tasks := work.New(opened)
	stands := &standing{work: tasks}
	meter := metrics.NewDelivery(stands)
	deliver, err := engine.New(engine.Config{
		Store: opened, Work: tasks, Retention: loaded.Storage.Retention, Meter: meter, Logger: log.Logger,
		Raise: func(ctx context.Context, alert alerting.Alert) error {
			_, err := manager.Register(ctx, alert)
			return err
		},
	}, engineSettings(loaded, c.shared))
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
	dog := watchdog.New([]watchdog.Proof{
		{Name: "ingest", Progress: opened.WriteProgress},
		{Name: "fold", Progress: deliver.FoldProgress},
		{Name: "deliver", Progress: deliver.DeliveryProgress},
		{Name: "timers", Progress: deliver.TimerProgress},
	}, log.Logger)
	use, err := dog.Prepare(loaded.Watchdog)
	if err != nil {
		return nil, err
	}
	use()
	build := buildInfo()
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		metrics.NewLogRecords(log.queue.Dropped), metrics.NewEvents(manager), metrics.NewLog(opened, tasks.Deleted), meter, metrics.NewBuildInfo(build.Version, build.Commit, build.GoVersion),
		metrics.NewWatchdog(dog.LastSent), metrics.NewHeartbeats(stands.heartbeats),
	)
	settings, err := apiSettings(loaded.Server)
	if err != nil {
		return nil, err
	}
	provider, err := openID(loaded.Server.OIDC)
	if err != nil {
		return nil, err
	}
	reloader := newReloader(c, manager, deliver, dog, opened, registry)
	refusals := metrics.NewRefusals(registry)
	limiter, adminsLimiter := limiters(&loaded.Server, reloader.trusts, refusals, log.Logger)
	registry.MustRegister(metrics.NewConnections(limiter.Open))
	if c.ways.certificates != nil {
		registry.MustRegister(metrics.NewCertificate(c.ways.certificates.Expires))
	}
	api, err := httpapi.New(httpapi.Config{
		Manager: manager, Changed: opened.Changed, Registry: registry, Refusals: refusals, Logger: log.Logger, Build: build,
		Ready: []httpapi.ReadyCheck{
			{Name: "log", Err: opened.Ready},
			{Name: "engine", Err: deliver.Ready},
			{Name: "timers", Err: deliver.TimersReady},
			{Name: "deliveries", Err: deliver.DeliveriesReady},
			{Name: "watchdog", Err: dog.Ready},
		},
		Incidents: tasks, EventIncidents: tasks, EventCounts: opened, Deliveries: tasks, Audit: opened, Credentials: opened,
		IncidentActions: deliver, Silences: deliver, Explainer: deliver, Noise: tasks, Retries: deliver, Channels: deliver, ChannelTests: deliver, Heartbeats: deliver,
		Sessions: session.New(session.Config{
			Store: store.NewSessions(opened), Idle: loaded.Server.Session.Idle, Absolute: loaded.Server.Session.Absolute,
		}),
		AuditLog: opened, OpenID: provider,
		Settings: settings,
		MaxBody:  loaded.Server.MaxBody, MaxStreams: loaded.Server.MaxStreams,
		MaxSearches: loaded.Server.MaxSearches, SearchTimeout: loaded.Server.SearchTimeout,
		StreamHeartbeat: loaded.Server.StreamHeartbeat, WriteTimeout: loaded.Server.WriteTimeout,
		EffectiveConfig: reloader.effective, Reload: reloader.reload,
	})
	if err != nil {
		return nil, err
	}
	reloader.api = api
	return &daemon{
		log: log, store: opened, engine: deliver, watchdog: dog, reloader: reloader, api: api, stopping: make(chan struct{}),
		timeout: loaded.Server.ShutdownTimeout, limit: loaded.Server.ShutdownTimeout + loaded.Storage.Timeout + stopMargin,
		ways: c.ways, limiter: limiter, adminsLimiter: adminsLimiter,
		server: newServer(&loaded.Server, api.Handler(), log.Logger), admin: newServer(&loaded.Server, api.AdminHandler(), log.Logger),
	}, nil
}

// openID returns the provider by which people sign in, nil if there is none. It asks it for
// nothing yet.
func openID(c config.OIDC) (*openid.Provider, error) {
	if c.Issuer == "" {
		return nil, nil //nolint:nilnil // none is not an error
	}
	return openid.New(openid.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Scopes: c.Scopes,
		Claim: c.Claim, NameClaim: c.NameClaim, CAFile: c.CAFile,
	})
}
