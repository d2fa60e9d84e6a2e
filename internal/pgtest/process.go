package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a running program that somebody waits for.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended
}

// startProcess starts a command.
func startProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.ended)
		// The kernel takes the end of the thread that started a command for
		// the end of the process; so this one stays as long as the command runs.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
	}()
	if err := <-started; err != nil {
		<-p.ended
		return nil, err
	}
	return p, nil
}

func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop sends a signal and waits for the end.
func (p *process) stop(ctx context.Context, signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("it runs on after the signal %s: %w", signal, context.Cause(ctx))
	}
}

// killAll ends the process and all its children by SIGKILL, all at once as far
// as they can tell, and returns when they are gone.
func (p *process) killAll(ctx context.Context) error {
	pid := p.cmd.Process.Pid
	// One that stands still makes no more children, and keeps the ids of those
	// that it has.
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	err := waitUntil(ctx, func() (bool, error) {
		state, _, ok := readStat(pid)
		return !ok || state == "T" || !p.running(), nil
	})
	if err != nil {
		return err
	}
	children, err := childrenOf(pid)
	if err != nil {
		return err
	}
	for _, child := range children {
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("kill process %d: %w", child, err)
		}
	}
	if err := p.stop(ctx, syscall.SIGKILL); err != nil {
		return err
	}
	return waitUntil(ctx, func() (bool, error) { return !slices.ContainsFunc(children, isAlive), nil })
}

// waitUntil returns when the condition holds, for which it looks again and again.
func waitUntil(ctx context.Context, condition func() (bool, error)) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// childrenOf returns the processes whose parent is the given one.
func childrenOf(parent int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return nil, fmt.Errorf("list processes: /proc is not there: %w", err)
	}
	var children []int
	for _, path := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			return nil, fmt.Errorf("list processes: %w", err)
		}
		if _, itsParent, ok := readStat(pid); ok && itsParent == parent {
			children = append(children, pid)
		}
	}
	return children, nil
}

// isAlive reports whether a process runs: it is neither gone nor waits only for
// its parent to take notice.
func isAlive(pid int) bool {
	state, _, ok := readStat(pid)
	return ok && state != "Z" && state != "X"
}

// readStat reads the state and the parent in /proc/PID/stat, see
// proc_pid_stat(5). It is not ok if there is no such process any more.
func readStat(pid int) (state string, parent int, ok bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, false
	}
	// The name is in parentheses and may itself have parentheses and spaces.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return "", 0, false
	}
	parent, err = strconv.Atoi(fields[1])
	return fields[0], parent, err == nil
}
