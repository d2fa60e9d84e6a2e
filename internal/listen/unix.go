package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// backlog is how many connections may wait to be accepted. The kernel has a limit of its own.
const backlog = 4096

// listenUnix listens on a socket in the file system. The file has its mode before the
// socket takes connections. A socket that no process listens on is replaced.
func listenUnix(ctx context.Context, path string, mode fs.FileMode) (net.Listener, error) {
	// Another alertd may look at the same file at the same time. The folder is there, and a
	// lock on it leaves no file behind.
	lock := flock.New(filepath.Dir(path), flock.SetFlag(os.O_RDONLY))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("open the folder of the socket: %w", err)
	}
	defer func() { _ = lock.Close() }()
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	// Package net binds and listens in one step, between which the mode is to be set.
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), path)
	defer func() { _ = file.Close() }() // the listener has a copy
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	listener, err := makeReady(file, path, mode)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return listener, nil
}

// makeReady sets the mode of a bound socket's file and lets it take connections.
func makeReady(file *os.File, path string, mode fs.FileMode) (net.Listener, error) {
	if err := os.Chmod(path, mode.Perm()); err != nil {
		return nil, err
	}
	if err := syscall.Listen(int(file.Fd()), backlog); err != nil {
		return nil, os.NewSyscallError("listen", err)
	}
	own, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return &unixListener{Listener: listener, path: path, own: own}, nil
}

// removeStale removes a socket that no process listens on. Anything else at the path is an
// error.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is not a socket; it is left alone")
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		_ = conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return errors.Join(errors.New("the socket is in use by another process"), err)
	}
	return os.Remove(path)
}

// unixListener removes its file when it is closed.
type unixListener struct {
	net.Listener
	path    string
	own     fs.FileInfo
	closing sync.Once
	err     error
}

// Close ends the listener and removes its file, unless it is another's by now.
func (l *unixListener) Close() error {
	l.closing.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(l.own, now) {
			l.err = os.Remove(l.path)
		}
		l.err = errors.Join(l.err, l.Listener.Close())
	})
	return l.err
}
