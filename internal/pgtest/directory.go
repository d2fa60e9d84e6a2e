package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

const (
	directoryPrefix = "alertd-pgtest-"
	lockName        = "lock"
)

// directory is where a cluster lives. The process that made it holds its lock, so that
// one that nobody holds is known to be abandoned.
type directory struct {
	path string
	lock *os.File
}

// makeDirectory makes a directory that the credential's user, if any, owns. It
// removes those that killed processes have left behind.
func makeDirectory(owner *syscall.Credential) (*directory, error) {
	removeAbandoned()
	path, err := os.MkdirTemp("", directoryPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	d := &directory{path: path}
	if d.lock, err = takeNewLock(path); err == nil && owner != nil {
		err = os.Chown(path, int(owner.Uid), int(owner.Gid))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a directory for PostgreSQL: %w", err), d.remove())
	}
	return d, nil
}

// takeNewLock makes the lock file. It gets its name when it is locked, so that
// nobody can take the directory for an abandoned one in between.
func takeNewLock(path string) (*os.File, error) {
	file, err := os.CreateTemp(path, lockName)
	if err != nil {
		return nil, err
	}
	if err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err == nil {
		err = os.Rename(file.Name(), filepath.Join(path, lockName))
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// remove removes the directory and gives up its lock.
func (d *directory) remove() error {
	err := os.RemoveAll(d.path)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// removeAbandoned removes directories whose lock nobody holds. Those of other
// users stay: they are not even readable.
func removeAbandoned() {
	locks, _ := filepath.Glob(filepath.Join(os.TempDir(), directoryPrefix+"*", lockName)) // the pattern is right
	for _, name := range locks {
		lock, err := os.Open(name) //nolint:gosec // G304: the name is our own
		if err != nil {
			continue
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(name)) // else the next one tries again
		}
		_ = lock.Close()
	}
}
