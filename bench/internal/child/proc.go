package child

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is the usage of CPU and memory by a process.
type Usage struct {
	CPU time.Duration // user and system, since its start
	RSS int64         // bytes
}

// clockTick is the unit of time in /proc, the same on every Linux.
const clockTick = time.Second / 100

// UsageOf reads the usage of a process.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("read the usage of a process: %w", err)
	}
	return parseStat(string(stat))
}

// parseStat reads /proc/PID/stat, see proc_pid_stat(5). The process's name is
// in parentheses and may itself have spaces and parentheses.
func parseStat(stat string) (Usage, error) {
	_, after, found := cutLast(stat, ")")
	fields := strings.Fields(after) // from the third on: state
	if !found || len(fields) < 22 {
		return Usage{}, fmt.Errorf("unexpected format of /proc/PID/stat: %q", stat)
	}
	user, errUser := strconv.ParseInt(fields[14-3], 10, 64)
	system, errSystem := strconv.ParseInt(fields[15-3], 10, 64)
	pages, errPages := strconv.ParseInt(fields[24-3], 10, 64)
	if err := errors.Join(errUser, errSystem, errPages); err != nil {
		return Usage{}, fmt.Errorf("unexpected format of /proc/PID/stat: %w", err)
	}
	return Usage{CPU: time.Duration(user+system) * clockTick, RSS: pages * int64(os.Getpagesize())}, nil
}

// PeakRSS returns the peak memory of a process since its start, in bytes.
func PeakRSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory of a process: %w", err)
	}
	return parsePeak(string(status))
}

// parsePeak reads /proc/PID/status, see proc_pid_status(5).
func parsePeak(status string) (int64, error) {
	for line := range strings.Lines(status) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(text), " kB")
			kilobytes, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("unexpected format of /proc/PID/status: %w", err)
			}
			return kilobytes << 10, nil
		}
	}
	return 0, errors.New("unexpected format of /proc/PID/status: it has no VmHWM")
}

func cutLast(text, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+len(sep):], true
	}
	return text, "", false
}

// errNotListening says that a process has no listening socket yet.
var errNotListening = errors.New("the process does not listen")

// listenAddress returns where a process listens on 127.0.0.1. It asks the kernel, because
// alertd logs its address at level info only.
func listenAddress(pid int) (string, error) {
	directory := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(directory)
	if err != nil {
		return "", fmt.Errorf("the process has ended: %w", err)
	}
	sockets := make(map[string]bool)
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join(directory, entry.Name()))
		if err != nil {
			continue // closed since
		}
		if inode, ok := strings.CutPrefix(target, "socket:["); ok {
			sockets[strings.TrimSuffix(inode, "]")] = true
		}
	}
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	if err != nil {
		return "", fmt.Errorf("the process has ended: %w", err)
	}
	return findListener(string(table), sockets)
}

// findListener looks in /proc/PID/net/tcp for a socket among the given ones, by
// their inodes, that listens on 127.0.0.1.
func findListener(table string, sockets map[string]bool) (string, error) {
	const listening, loopback = "0A", "0100007F" // of a little-endian machine
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listening || !sockets[fields[9]] {
			continue
		}
		host, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseUint(hex, 16, 16)
		if err != nil || host != loopback {
			continue
		}
		return net.JoinHostPort("127.0.0.1", strconv.FormatUint(port, 10)), nil
	}
	return "", errNotListening
}
