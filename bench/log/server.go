package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

// server is an alertd in a separate process.
type server struct {
	addr   string
	cmd    *exec.Cmd
	client *http.Client
	logged chan struct{} // closed when its log has ended
}

// startServer starts alertd on a database and waits until it is ready.
func startServer(ctx context.Context, alertd, database string) (*server, error) {
	config, err := configFor(database)
	if err != nil {
		return nil, err
	}
	s := &server{
		client: &http.Client{Transport: &http.Transport{}}, logged: make(chan struct{}),
		cmd: exec.Command(alertd, "serve", "--config", config, "--listen", "127.0.0.1:0", "--log-format", "json"), //nolint:gosec,noctx // our own; stop ends it
	}
	log, err := s.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	listening := make(chan string, 1)
	go s.readLog(log, listening)
	select {
	case addr, ok := <-listening:
		if !ok {
			s.stop()
			return nil, errors.New("it has ended")
		}
		s.addr = addr
	case <-ctx.Done():
		s.stop()
		return nil, ctx.Err()
	}
	return s, s.waitUntilReady(ctx)
}

// readLog reads the address from the log, and then discards the rest, so that writes do not
// block.
func (s *server) readLog(log io.Reader, listening chan<- string) {
	defer close(s.logged)
	defer close(listening)
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record struct {
			Msg  string `json:"msg"`
			Addr string `json:"addr"`
		}
		if json.Unmarshal(lines.Bytes(), &record) == nil && record.Msg == "listening" {
			listening <- record.Addr
		}
	}
}

func (s *server) waitUntilReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := s.client.Do(request)
		if err != nil {
			s.stop()
			return fmt.Errorf("ask whether it is ready: %w", err)
		}
		_ = answer.Body.Close() // only its status matters
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// stop ends the process and waits for it.
func (s *server) stop() {
	s.client.CloseIdleConnections()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(5*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	<-s.logged
	_ = s.cmd.Wait() // its exit status does not matter
}
