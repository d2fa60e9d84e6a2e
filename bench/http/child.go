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
	defaultLog = iota // alertd as users run it
	warnLog           // alertd without the access log
	bareServer
	serverCount
)

// serverNames is indexed by the server.
var serverNames = [serverCount]string{"alertd", "alertd, log level warn", "bare net/http"}

const startTimeout = 10 * time.Second

// child is a server that runs as a process of its own.
type child struct {
	name string
	addr string
	cmd  *exec.Cmd
	log  *tail
}

// startServers starts all servers. With an error it returns those that run:
// stopAll is due in either case.
func startServers(ctx context.Context, alertd, directory string) ([]*child, error) {
	config := filepath.Join(directory, "config.toml")
	if err := os.WriteFile(config, []byte("[alerting]\nmin_severity = \"info\"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	serve := []string{alertd, "serve", "--config", config, "--listen", "127.0.0.1:0"}
	commands := [serverCount][]string{
		defaultLog: serve,
		warnLog:    append(slices.Clip(serve), "--log-level", "warn"),
		bareServer: {self, bareFlag},
	}
	var servers []*child
	for i, command := range commands {
		c, err := startChild(ctx, serverNames[i], command)
		if err != nil {
			return servers, fmt.Errorf("start %s: %w", serverNames[i], err)
		}
		servers = append(servers, c)
	}
	return servers, nil
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

func stopAll(servers []*child) {
	var waiting sync.WaitGroup
	for _, c := range servers {
		waiting.Go(c.stop)
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
