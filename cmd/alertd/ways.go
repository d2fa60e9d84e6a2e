package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"alertd/internal/config"
	"alertd/internal/listen"
	"alertd/internal/metrics"
)

// ways are the ways in, opened and not yet served.
type ways struct {
	main, admin  []net.Listener
	certificates *listen.Certificates // nil: without TLS
}

// openWays listens as a configuration says. After an error nothing is left open.
func openWays(ctx context.Context, s *config.Server, log *slog.Logger) (_ *ways, err error) {
	addresses := make([]listen.Address, 1, 2)
	addresses[0], _ = listen.ParseAddress(s.Listen) // both were checked when they were read
	if s.AdminListen != "" {
		admin, _ := listen.ParseAddress(s.AdminListen)
		addresses = append(addresses, admin)
	}
	opened, err := listen.Open(ctx, s.SocketMode, addresses...)
	if err != nil {
		return nil, fmt.Errorf("%w; choose another address with --listen or [server] listen", err)
	}
	w := &ways{main: opened[0]}
	if len(opened) > 1 {
		w.admin = opened[1]
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	for key, listeners := range map[string][]net.Listener{"server.listen": w.main, "server.admin_listen": w.admin} {
		for _, l := range listeners { // systemd has chosen those that the configuration does not know
			if err := s.CheckAddress(key, l.Addr()); err != nil {
				return nil, usageError{err}
			}
		}
	}
	if s.TLS.CertFile == "" {
		return w, nil
	}
	files := listen.Files{Certificate: s.TLS.CertFile, Key: s.TLS.KeyFile, ClientCA: s.TLS.ClientCAFile}
	if w.certificates, err = listen.LoadCertificates(files, log); err != nil {
		return nil, usageError{fmt.Errorf("[server.tls]: %w", err)}
	}
	return w, nil
}

func (w *ways) close() error {
	var errs []error
	for _, listeners := range [][]net.Listener{w.main, w.admin} {
		for _, l := range listeners {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}

// log says where alertd listens.
func (w *ways) log(log *slog.Logger) {
	for _, l := range w.main {
		log.Info("listening", "addr", l.Addr().String(), "tls", w.encrypts(l))
		if l.Addr().Network() == "tcp" {
			log.Info("dashboard", "url", w.dashboard(l))
		}
	}
	for _, l := range w.admin {
		log.Info("listening for administrators", "addr", l.Addr().String(), "tls", w.encrypts(l))
	}
}

// dashboard returns where a browser on this machine finds the dashboard of a listener.
func (w *ways) dashboard(l net.Listener) string {
	address := l.Addr().String()
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		address = net.JoinHostPort("localhost", port)
	}
	scheme := "http"
	if w.encrypts(l) {
		scheme = "https"
	}
	return scheme + "://" + address + "/"
}

// encrypts reports whether connections of a listener are encrypted. Those of a Unix socket
// do not leave the machine.
func (w *ways) encrypts(l net.Listener) bool {
	return w.certificates != nil && l.Addr().Network() == "tcp"
}

// newServer returns a server with the configuration's timeouts and a handler of its own, so
// that nothing serves Go's default one.
func newServer(s *config.Server, handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: s.ReadHeaderTimeout,
		ReadTimeout:       s.ReadTimeout,
		WriteTimeout:      s.WriteTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(listen.Quiet(log.Handler()), slog.LevelWarn),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100}, // as many as RFC 9113 asks for at least
	}
}

// serve serves listeners, within limits, until the server ends.
func (w *ways) serve(group *errgroup.Group, server *http.Server, listeners []net.Listener, limiter *listen.Limiter) {
	if w.certificates != nil {
		server.TLSConfig = w.certificates.TLS()
	}
	for _, l := range listeners {
		group.Go(func() error {
			var err error
			if limited := limiter.Listener(l); w.encrypts(l) {
				err = server.ServeTLS(limited, "", "")
			} else {
				err = server.Serve(limited)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
}

// filesForRest is how many open files are left for the database, channels and whatever else,
// when connections take all that they may.
const filesForRest = 2 * adminConnections

// connectionLimit returns how many connections may be open: as many as the configuration
// says, or as the limit of open files allows, since a database without files would be worse.
func connectionLimit(wanted int, log *slog.Logger) int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return wanted
	}
	allowed := max(int(min(files.Cur, 1<<30))-filesForRest, int(min(files.Cur, 1<<30))/2)
	if allowed >= wanted {
		return wanted
	}
	log.Warn("the process may open too few files for max_connections; raise its limit (ulimit -n, LimitNOFILE=)",
		"max_connections", wanted, "open_files", files.Cur, "connections", allowed)
	return allowed
}

const (
	// adminConnections bounds those of administrators. They have a limit of their own, so that
	// they get in when strangers have taken all other places.
	adminConnections = 256
	// adminGrace is how long requests of administrators may take once all others have ended.
	adminGrace = time.Second
)

// limiters returns those of the two servers.
func limiters(s *config.Server, trusts func(netip.Addr) bool, refusals *metrics.Refusals, log *slog.Logger) (all, admin *listen.Limiter) {
	limits := listen.Limits{
		Total: connectionLimit(s.MaxConnections, log), PerAddress: s.MaxConnectionsPerAddress, Exempt: trusts, Logger: log,
		Refused: func(r listen.Reason) { refusals.Count(metrics.Refusal(r)) },
	}
	all = listen.NewLimiter(limits)
	limits.Total, limits.PerAddress = adminConnections, adminConnections
	return all, listen.NewLimiter(limits)
}
