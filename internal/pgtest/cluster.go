package pgtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mode is a way to stop a server.
type Mode int

// The ways to stop a server; see pg_ctl(1).
const (
	// Fast ends the sessions, rolls their transactions back, and shuts down.
	Fast Mode = iota
	// Immediate ends without a shutdown: the next start recovers, as after a crash.
	Immediate
)

func (m Mode) signal() syscall.Signal {
	if m == Immediate {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

const (
	// patience bounds every wait for a server.
	patience = time.Minute
	// superuser owns every cluster; it needs no password.
	superuser = "postgres"
	// MaintenanceDatabase is there in every cluster.
	MaintenanceDatabase = "postgres"
)

// Cluster is a PostgreSQL server of its own, for tests that stop, kill and
// restart it. Its methods are not safe for concurrent use, except DSN. Contexts
// bound the waiting only: a server runs until it is stopped.
type Cluster struct {
	install   installation
	directory *directory
	settings  []string // of the server, beside those that every cluster has
	port      int      // 0 until the first start, which finds one
	server    *process // the last one that was started, or nil
	killed    bool     // it could not clean up after itself
}

// Create makes a cluster that does not run yet. Close is due. The error is
// [ErrNotInstalled] if there is no PostgreSQL.
func Create(ctx context.Context) (*Cluster, error) {
	c, err := newCluster()
	if err != nil {
		return nil, err
	}
	err = c.run(ctx, "initdb", "--pgdata", c.data(), "--username", superuser, "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-sync")
	if err != nil {
		return nil, errors.Join(err, c.directory.remove())
	}
	return c, nil
}

func newCluster() (*Cluster, error) {
	install, err := findInstallation()
	if err != nil {
		return nil, err
	}
	made, err := makeDirectory(install.credential)
	if err != nil {
		return nil, err
	}
	return &Cluster{install: install, directory: made}, nil
}

func (c *Cluster) data() string    { return filepath.Join(c.directory.path, "data") }
func (c *Cluster) logFile() string { return filepath.Join(c.directory.path, "log") }

// run runs one of PostgreSQL's programs.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	ctx, cancel := withPatience(ctx)
	defer cancel()
	return c.install.run(ctx, c.directory.path, program, args...)
}

func withPatience(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("it takes longer than %s", patience))
}

// Start starts the server and returns when it answers queries. The first start
// finds a free port, which the cluster then keeps.
func (c *Cluster) Start(ctx context.Context) error {
	if c.Running() {
		return errors.New("start PostgreSQL: it runs already")
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	first := c.port == 0
	for attempt := 1; ; attempt++ {
		if first {
			c.port = freePort(ctx)
		}
		err := c.startAndWait(ctx)
		if err == nil {
			return nil
		}
		// Somebody may have taken the port in between.
		if !first || attempt == 10 || ctx.Err() != nil || isFree(ctx, c.port) {
			return fmt.Errorf("start PostgreSQL: %w; its log ends: %s", err, c.logTail())
		}
	}
}

func (c *Cluster) startAndWait(ctx context.Context) error {
	log, err := os.OpenFile(c.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the server has its own
	args := []string{"-D", c.data()}
	for _, setting := range append([]string{
		"port=" + strconv.Itoa(c.port), "listen_addresses=127.0.0.1", "unix_socket_directories=" + c.socketDirectory(),
		"dynamic_shared_memory_type=mmap", // in the directory, not where a killed server would leave it
	}, c.settings...) {
		args = append(args, "-c", setting)
	}
	// SIGQUIT, an immediate shutdown, is the fastest one that cleans up.
	cmd := c.install.command(c.directory.path, syscall.SIGQUIT, "postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if c.server, err = startProcess(cmd); err != nil {
		return err
	}
	c.killed = false
	if err := c.waitUntilReady(ctx); err != nil {
		return errors.Join(err, c.Kill(context.WithoutCancel(ctx)))
	}
	return nil
}

// socketDirectory returns where the server makes its Unix socket: nowhere, if
// the kernel would not take so long a name.
func (c *Cluster) socketDirectory() string {
	const most = 107 // see unix(7)
	if len(filepath.Join(c.directory.path, ".s.PGSQL.65535.lock")) > most {
		return ""
	}
	return c.directory.path
}

func (c *Cluster) waitUntilReady(ctx context.Context) error {
	var last error // why it does not answer
	err := waitUntil(ctx, func() (bool, error) {
		var connection *pgx.Conn
		if connection, last = pgx.Connect(ctx, c.DSN(MaintenanceDatabase)); last == nil {
			return true, connection.Close(ctx)
		}
		if !c.server.running() {
			return false, errors.New("it has ended")
		}
		return false, nil
	})
	if err != nil {
		return errors.Join(err, last)
	}
	return nil
}

// Running reports whether the server runs.
func (c *Cluster) Running() bool { return c.server != nil && c.server.running() }

// Stop stops the server and returns when it has ended. One that does not run is
// left alone.
func (c *Cluster) Stop(ctx context.Context, mode Mode) error {
	if !c.Running() {
		return nil
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	if err := c.server.stop(ctx, mode.signal()); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	return nil
}

// Kill ends the server and each of its processes by SIGKILL, and returns when
// they have ended.
func (c *Cluster) Kill(ctx context.Context) error {
	if !c.Running() {
		return nil
	}
	ctx, cancel := withPatience(ctx)
	defer cancel()
	c.killed = true
	if err := c.server.killAll(ctx); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	return nil
}

// Restart stops the server and starts it again.
func (c *Cluster) Restart(ctx context.Context, mode Mode) error {
	if err := c.Stop(ctx, mode); err != nil {
		return err
	}
	return c.Start(ctx)
}

// DSN returns how to connect to a database of the cluster. It is the same after
// every restart; there is none before the first start.
func (c *Cluster) DSN(database string) string { return dsn(database, nil, c) }

// dsn returns how to connect to a database of the first of several clusters that
// will do.
func dsn(database string, parameters url.Values, clusters ...*Cluster) string {
	hosts := make([]string, 0, len(clusters))
	for _, c := range clusters {
		hosts = append(hosts, c.address())
	}
	if parameters == nil {
		parameters = url.Values{}
	}
	parameters.Set("sslmode", "disable")
	// Not by url.URL: to that, several hosts are none.
	return fmt.Sprintf("postgres://%s@%s/%s?%s", superuser, strings.Join(hosts, ","), url.PathEscape(database), parameters.Encode())
}

// address returns the host and the port.
func (c *Cluster) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Close stops the server, if it runs, and removes the cluster.
func (c *Cluster) Close() error {
	stopped := c.Stop(context.Background(), Immediate)
	if stopped != nil {
		stopped = errors.Join(stopped, c.Kill(context.Background()))
	}
	if c.killed {
		c.removeSharedMemory()
	}
	return errors.Join(stopped, c.directory.remove())
}

// removeSharedMemory removes what a killed server leaves in the kernel, a small
// segment, and there can be only a few thousand of these. The next start would do so.
func (c *Cluster) removeSharedMemory() {
	const line, remove = 6, 0 // see PostgreSQL's pidfile.h, and shmctl(2)
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return // it did not come so far
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) <= line {
		return
	}
	fields := strings.Fields(lines[line]) // its key and its id
	if len(fields) != 2 {
		return
	}
	if id, err := strconv.ParseUint(fields[1], 10, 31); err == nil {
		_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), remove, 0) // else it is gone
	}
}

// logTail returns the end of the server's log.
func (c *Cluster) logTail() string {
	const most = 2 << 10
	text, err := os.ReadFile(c.logFile())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-most):]))
}

// freePort returns a port that nobody listens on. It is not one of those that the
// kernel gives to outgoing connections (ip_local_port_range, from 32768 on),
// which could take it while the server is down. It does not come back without
// one, unless ctx ends.
func freePort(ctx context.Context) int {
	const from, to = 15_000, 32_000
	for {
		port := from + rand.IntN(to-from) //nolint:gosec // G404: no secret
		if isFree(ctx, port) || ctx.Err() != nil {
			return port
		}
	}
}

func isFree(ctx context.Context, port int) bool {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
