package main

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/config"
	"alertd/internal/engine"
	"alertd/internal/httpapi"
	"alertd/internal/limit"
	"alertd/internal/store"
	"alertd/internal/watchdog"
)

// reloader applies a configuration while alertd runs. It does everything that can fail
// before it changes anything. Safe for concurrent use.
type reloader struct {
	flags   commonFlags
	manager *alerting.Manager
	engine  *engine.Engine
	dog     *watchdog.Watchdog
	api     *httpapi.API  // set once it is made, before it serves
	shared  config.Shared // by the channels
	audit   func(ctx context.Context, entries ...audit.Entry) error
	log     daemonLog
	good    prometheus.Gauge
	at      prometheus.Gauge
	proxies atomic.Pointer[[]netip.Prefix] // those that are trusted

	mu      sync.Mutex
	started config.Config // what needs a restart is as it was at the start
	current config.Config // what is in force
	read    config.Config // what the file said when it was good last
}

func newReloader(c daemonConfig, manager *alerting.Manager, deliver *engine.Engine, dog *watchdog.Watchdog, log *store.Store, registry prometheus.Registerer) *reloader {
	r := &reloader{
		flags: c.flags, manager: manager, engine: deliver, dog: dog, shared: c.shared, audit: log.Audit, log: c.log, started: c.loaded, current: c.loaded, read: c.loaded,
		good: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "alertd_config_last_reload_successful", Help: "1 if the configuration was good when it was last read, else 0.",
		}),
		at: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "alertd_config_last_reload_success_timestamp_seconds", Help: "When a good configuration was last read.",
		}),
	}
	registry.MustRegister(r.good, r.at)
	r.good.Set(1)
	r.at.SetToCurrentTime()
	r.proxies.Store(&c.loaded.Server.TrustedProxies.Prefixes)
	return r
}

// trusts reports whether an address is a trusted proxy's.
func (r *reloader) trusts(address netip.Addr) bool {
	return slices.ContainsFunc(*r.proxies.Load(), func(p netip.Prefix) bool { return p.Contains(address) })
}

// effective returns the configuration in force, without secrets.
func (r *reloader) effective() map[string]any {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current.Redacted()
}

// reload reads the file again. A bad file changes nothing, nor does one that would silently
// turn alerting off. It returns the changed keys that need a restart. The audit log says
// what has changed, by the caller of the context; a database that is away stops no reload.
func (r *reloader) reload(ctx context.Context) ([]string, error) {
	changed, restart, err := r.apply()
	e := audit.By(ctx, audit.Reload, r.flags.config).Changing(nil, struct {
		Changed         []string `json:"changed"`
		RestartRequired []string `json:"restart_required"`
	}{changed, restart})
	if err != nil {
		e = audit.By(ctx, audit.ReloadRefused, r.flags.config).Changing(nil, struct {
			Keys []string `json:"keys"`
		}{wrongKeys(err)})
	}
	// It outlives the request that asked for the reload, which has happened.
	if failed := r.audit(context.WithoutCancel(ctx), e); failed != nil {
		r.log.Error("a reload is not in the audit log", "action", e.Action, "by", e.Actor, "after", string(e.After), "error", failed)
	}
	return restart, err
}

// wrongKeys returns the keys that are wrong in a file. What is wrong with them stays in the
// log: a message may quote a secret that stands in the wrong place.
func wrongKeys(err error) []string {
	var keys []string
	if problems, ok := errors.AsType[config.Problems](err); ok {
		for _, problem := range problems {
			keys = append(keys, problem.Key)
		}
	}
	return slices.Compact(keys)
}

// apply reads the file again and puts it into force. It returns the keys that have changed
// since the file was good last, and those that need a restart.
func (r *reloader) apply() (changed, restart []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next, err := config.Load(r.flags.options())
	if err == nil {
		err = r.current.CheckReload(next)
	}
	if err == nil {
		err = next.Alerting.Validate() // so that nothing can fail after the engine has changed
	}
	var inForce config.Config
	var settings httpapi.Settings
	if err == nil {
		inForce = r.started.Reload(next)
		settings, err = apiSettings(inForce.Server)
	}
	var useWatchdog func()
	if err == nil {
		useWatchdog, err = r.dog.Prepare(inForce.Watchdog)
	}
	if err == nil {
		err = r.engine.Reconfigure(engineSettings(inForce, r.shared))
	}
	if err == nil {
		err = r.manager.Reconfigure(next.Alerting)
	}
	if err != nil {
		r.good.Set(0)
		r.log.Error("configuration not reloaded, nothing has changed", "error", err)
		return nil, nil, err
	}
	r.proxies.Store(&inForce.Server.TrustedProxies.Prefixes)
	r.api.Reconfigure(settings)
	useWatchdog()
	changed = r.read.Changed(next)
	r.current, r.read = inForce, next
	r.good.Set(1)
	r.at.Set(float64(time.Now().UnixMilli()) / 1000)
	restart = r.started.RestartRequired(next)
	r.log.Info("configuration reloaded", "restart_required", restart, "effective", inForce.Redacted())
	r.log.warn(next.Warnings)
	return changed, restart, nil
}

// apiSettings returns what a reload changes in the API.
func apiSettings(s config.Server) (httpapi.Settings, error) {
	directory, err := s.Directory()
	return httpapi.Settings{
		AccessLog: httpapi.AccessLog(s.AccessLog), SlowRequest: s.SlowRequest, PublicURL: s.PublicURL, Access: directory,
		AllowedOrigins: s.AllowedOrigins, TrustedProxies: httpapi.Proxies(s.TrustedProxies),
		Limits: httpapi.Limits{
			Rate: limit.Rate(s.Rate), AddressRate: limit.Rate(s.AddressRate), LoginFailures: limit.Rate(s.LoginFailureRate),
			StreamsPerClient: s.MaxStreamsPerClient,
		},
	}, err
}
