package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// server is an alertd in a separate process.
type server struct {
	name  string // as the receiver knows it
	cmd   *exec.Cmd
	log   *announcement
	ended chan struct{} // closed when it has ended, and its log is complete
	err   error         // of its end; read it after ended is closed
}

// launch starts alertd and does not wait for it. Its log is appended to a file.
func launch(alertd, name, config, logFile string) (*server, error) {
	file, err := os.OpenFile(logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start alertd: %w", err)
	}
	s := &server{name: name, ended: make(chan struct{}), log: newAnnouncement(file)}
	s.cmd = exec.Command(alertd, "serve", "--config", config, "--listen", "127.0.0.1:0", "--log-format", "json") //nolint:noctx // what is tested; it is killed
	s.cmd.Stderr = s.log
	// Ctrl-C in a terminal must reach this program only, and no child may outlive it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		defer close(s.ended)
		// The kernel mistakes the end of the thread that started a command for the end of
		// the process, so this thread stays as long as the command runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = file.Close() }() // the log is for people
		err := s.cmd.Start()
		started <- err
		if err == nil {
			s.err = s.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		<-s.ended
		return nil, fmt.Errorf("start alertd: %w", err)
	}
	return s, nil
}

// waitUntilListening waits for the address of alertd and returns it.
func (s *server) waitUntilListening(ctx context.Context) (string, error) {
	select {
	case address := <-s.log.address:
		return address, nil
	case <-s.ended:
		return "", fmt.Errorf("alertd has ended instead of listening: %w; its log ends: %s", s.err, s.log.end())
	case <-ctx.Done():
		return "", fmt.Errorf("alertd does not listen: %w; its log ends: %s", context.Cause(ctx), s.log.end())
	}
}

// kill ends alertd by SIGKILL and returns when it has ended.
func (s *server) kill() {
	_ = s.cmd.Process.Kill() // an error means that it has ended
	<-s.ended
}

// stop ends alertd like a service manager. It must end in time, with status 0.
func (s *server) stop(ctx context.Context) error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop alertd: %w", err)
	}
	select {
	case <-s.ended:
	case <-ctx.Done():
		return fmt.Errorf("stop alertd: %w; its log ends: %s", context.Cause(ctx), s.log.end())
	}
	if s.err != nil {
		return fmt.Errorf("stop alertd: %w; its log ends: %s", s.err, s.log.end())
	}
	return nil
}

// announcement forwards a log, and finds in it the address on which alertd listens.
type announcement struct {
	out     io.Writer
	address chan string // receives the one address

	mu    sync.Mutex
	line  []byte // the current line, so far
	found bool
	tail  []byte
}

func newAnnouncement(out io.Writer) *announcement {
	return &announcement{out: out, address: make(chan string, 1)}
}

func (a *announcement) Write(data []byte) (int, error) {
	const tailSize = 2 << 10
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tail = append(a.tail, data...)
	a.tail = a.tail[max(0, len(a.tail)-tailSize):]
	for rest := data; !a.found; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		a.line = append(a.line, line...)
		if !whole {
			break
		}
		a.look(a.line)
		a.line, rest = a.line[:0], after
	}
	return a.out.Write(data)
}

// look searches one line.
func (a *announcement) look(line []byte) {
	var entry struct {
		Message string `json:"msg"`
		Address string `json:"addr"`
	}
	if json.Unmarshal(line, &entry) == nil && entry.Message == "listening" && entry.Address != "" {
		a.found = true
		a.address <- entry.Address
	}
}

// end returns the end of the log.
func (a *announcement) end() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return string(bytes.TrimSpace(a.tail))
}

// withPatience returns a context with a bound for a wait.
func withPatience(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("not within %s", patience))
}

// pause waits for a time, or until ctx ends.
func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// waitUntil polls until the condition holds.
func waitUntil(ctx context.Context, condition func() (bool, error)) error {
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		if pause(ctx, 10*time.Millisecond); ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
