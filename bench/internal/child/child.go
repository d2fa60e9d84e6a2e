// Package child runs the measured servers, each in a separate process, and reads their usage
// of CPU and memory. It needs Linux, for /proc.
package child

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const startTimeout = 10 * time.Second

// Child is a server in a separate process. The caller calls [Child.Stop] at the end.
type Child struct {
	Name string
	// Addr is where it listens, on 127.0.0.1.
	Addr string

	cmd *exec.Cmd
	log *tail
}

// Start starts a server and waits until it listens. After an error nothing is left running.
func Start(ctx context.Context, name string, command []string) (*Child, error) {
	c := &Child{Name: name, log: new(tail)}
	c.cmd = exec.Command(command[0], command[1:]...) //nolint:gosec,noctx // our own; Stop ends it, in an orderly way
	c.cmd.Stderr = c.log                             // through a pipe
	// Ctrl-C in a terminal must reach this program only, which then stops the servers.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if err := c.waitUntilListening(ctx); err != nil {
		c.Stop() // then its log is complete
		return nil, fmt.Errorf("%w; its log: %s", err, c.log)
	}
	return c, nil
}

func (c *Child) waitUntilListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it does not listen after %s", startTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		addr, err := listenAddress(c.PID())
		if err == nil {
			c.Addr = addr
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

// Stop ends the process and waits for it.
func (c *Child) Stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Wait() // its exit status does not matter
}

// PID is the id of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Log returns the end of its log.
func (c *Child) Log() string { return c.log.String() }
