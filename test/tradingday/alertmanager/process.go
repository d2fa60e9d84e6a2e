package alertmanager

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Binary is the program's name in Debian.
const Binary = "prometheus-alertmanager"

const (
	// startPatience bounds the wait for it to listen, and endPatience for it to end.
	startPatience = 20 * time.Second
	endPatience   = 10 * time.Second
)

// process is a running Alertmanager. The caller calls stop at the end.
type process struct {
	url   string
	cmd   *exec.Cmd
	ended chan struct{} // closed once its output has come to its end
	log   strings.Builder
}

// startProcess starts Alertmanager with a configuration file, and waits until it listens. It
// keeps its data beside the file.
func startProcess(ctx context.Context, config string) (*process, error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(Binary, //nolint:noctx // stop ends it, in an orderly way
		"--config.file="+config, "--storage.path="+filepath.Join(filepath.Dir(config), "data"),
		"--web.listen-address=127.0.0.1:0", "--cluster.listen-address=", "--log.format=json")
	// Ctrl-C in a terminal must reach this program only, which then stops Alertmanager.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start Alertmanager: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start Alertmanager: %w", err)
	}
	listens := make(chan string, 1)
	go p.follow(output, listens)
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case address := <-listens:
		p.url = "http://" + address
		return p, nil
	case <-p.ended:
		err = errors.New("it has ended")
	case <-patience.C:
		err = fmt.Errorf("it does not listen within %s", startPatience)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.stop()
	return nil, fmt.Errorf("start Alertmanager: %w; its log:\n%s", err, &p.log)
}

// follow reads the log, and finds the address in it.
func (p *process) follow(output io.Reader, listens chan<- string) {
	defer close(p.ended)
	address := regexp.MustCompile(`"address":"(127\.0\.0\.1:\d+)".*"msg":"Listening on"`)
	for lines := bufio.NewScanner(output); lines.Scan(); {
		p.log.WriteString(lines.Text() + "\n")
		if found := address.FindStringSubmatch(lines.Text()); found != nil {
			listens <- found[1]
		}
	}
}

// stop ends the process, and returns its log.
func (p *process) stop() string {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(endPatience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	<-p.ended
	_ = p.cmd.Wait() // its exit status does not matter
	return p.log.String()
}
