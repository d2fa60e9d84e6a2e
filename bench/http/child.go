package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The servers, in the order of the table.
const (
	firstServer  = iota // alertd as users run it
	secondServer        // without the access log; on PostgreSQL two replicas
	bareServer
	serverCount
)

// namesOf returns the servers' names.
func namesOf(o options) [serverCount]string {
	if o.dsn != "" {
		return [serverCount]string{"alertd", "two alertd together", "bare net/http"}
	}
	return [serverCount]string{"alertd", "alertd, log level warn", "bare net/http"}
}

const startTimeout = 10 * time.Second

// server is one or more processes that share the load.
type server struct {
	name  string
	parts []*child
}

// child is a server that runs as a process of its own.
type child struct {
	name string
	addr string
	cmd  *exec.Cmd
	log  *tail
}

// startServers starts all servers. With an error it returns those that run:
// stopAll is due in either case.
func startServers(ctx context.Context, o options, directory string) ([]*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	first, err := alertdCommand(o, directory, "first")
	if err != nil {
		return nil, err
	}
	second, err := alertdCommand(o, directory, "second")
	if err != nil {
		return nil, err
	}
	commands := [serverCount][][]string{
		firstServer:  {first},
		secondServer: {append(slices.Clip(second), "--log-level", "warn")},
		bareServer:   {{self, bareFlag}},
	}
	if o.dsn != "" {
		commands[secondServer] = [][]string{second, second}
	}
	var servers []*server
	for i, name := range namesOf(o) {
		s := &server{name: name}
		servers = append(servers, s)
		for _, command := range commands[i] {
			c, err := startChild(ctx, name, command)
			if err != nil {
				return servers, fmt.Errorf("start %s: %w", name, err)
			}
			s.parts = append(s.parts, c)
		}
	}
	return servers, nil
}

// alertdCommand returns how an alertd is started, with its configuration and
// its database in a folder of its own, or on PostgreSQL.
func alertdCommand(o options, directory, name string) ([]string, error) {
	storage := fmt.Sprintf("driver = \"sqlite\"\npath = %q\n", filepath.Join(directory, name, "alertd.db"))
	if o.dsn != "" {
		storage = fmt.Sprintf("driver = \"postgres\"\ndsn = %q\n", o.dsn)
	}
	config := filepath.Join(directory, name+".toml")
	text := "[storage]\n" + storage + "[alerting]\nmin_severity = \"info\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return []string{o.alertd, "serve", "--config", config, "--listen", "127.0.0.1:0"}, nil
}

// startChild starts a server and waits until it listens. With an error nothing
// runs any more.
func startChild(ctx context.Context, name string, command []string) (*child, error) {
	c := &child{name: name, log: new(tail)}
	c.cmd = exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // our own; stop ends it, in an orderly way
	c.cmd.Stderr = c.log                             // through a pipe
	// Ctrl-C in a terminal is for this program only, which then stops them.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := c.waitUntilListening(ctx); err != nil {
		c.stop() // then its log is complete
		return nil, fmt.Errorf("%w; its log: %s", err, c.log)
	}
	return c, nil
}

func (c *child) waitUntilListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it does not listen after %s", startTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		addr, err := listenAddress(c.cmd.Process.Pid)
		if err == nil {
			c.addr = addr
			return nil
		}
		if !errors.Is(err, errNotListening) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
		}
	}
}

// stop ends the process and waits for it.
func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Wait() // how it ends is no part of the measurement
}

func stopAll(servers []*server) {
	var waiting sync.WaitGroup
	for _, s := range servers {
		for _, c := range s.parts {
			waiting.Go(c.stop)
		}
	}
	waiting.Wait()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 2 << 10

func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, data[max(0, len(data)-tailSize):]...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(data), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
