package logfile

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	fileMode   = 0o640
	folderMode = 0o750
	// maxFirstLine is how much of a file is read to learn how old it is. No line of ours
	// has so much.
	maxFirstLine = 1 << 20
)

// file is the one that is written to.
type file struct {
	*os.File
	// regular files have a size and an age, and can be synced.
	regular bool
	size    int64
	// torn says that the last line has no end.
	torn bool
	// began is the time of the first line; zero: there is none.
	began time.Time
}

// open opens or makes the file and reads what is needed of it. A pipe that nobody reads
// is an error, ENXIO.
func open(path string) (*file, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
	if err != nil && !made {
		return nil, err
	}
	mode := os.O_APPEND | os.O_CREATE | os.O_WRONLY | syscall.O_NONBLOCK // or a pipe that nobody reads is waited for
	if made || info.Mode().IsRegular() {
		mode = os.O_APPEND | os.O_CREATE | os.O_RDWR
	}
	opened, err := os.OpenFile(path, mode, fileMode) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	f := &file{File: opened}
	err = f.learn()
	if err == nil && made {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return f, nil
}

// learn reads how large and how old the file is, and whether its last line has an end.
func (f *file) learn() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.regular, f.size, f.torn, f.began = info.Mode().IsRegular(), info.Size(), false, time.Time{}
	if !f.regular || f.size == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, f.size-1); err != nil {
		return err
	}
	f.torn = last[0] != '\n'
	first, err := bufio.NewReader(io.NewSectionReader(f, 0, maxFirstLine)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if f.began = timeOf(bytes.TrimSpace(first)); f.began.IsZero() {
		f.began = info.ModTime() // somebody else began the file; there is nothing better
	}
	return nil
}

// syncFolder syncs a directory, so that the new name of a file survives a crash.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// isAt reports whether the path still names this file. If others have written or
// truncated the file meanwhile, it is read anew.
func (f *file) isAt(path string) (bool, error) {
	ours, err := f.Stat()
	if err != nil {
		return false, err
	}
	if named, err := os.Stat(path); err != nil || !os.SameFile(ours, named) {
		return false, nil //nolint:nilerr // opening the file says what is wrong
	}
	if ours.Size() != f.size {
		return true, f.learn()
	}
	return true, nil
}

// append writes a line and syncs it. After an error the file must be opened anew. A pipe
// has until the deadline of ctx to take the line.
func (f *file) append(ctx context.Context, text []byte, at time.Time) error {
	if f.torn {
		text = append([]byte{'\n'}, text...)
	}
	if !f.regular {
		deadline, _ := ctx.Deadline()
		if err := f.SetWriteDeadline(deadline); err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return err
		}
	}
	n, err := f.Write(text)
	if err != nil {
		f.torn = f.torn || n > 0
		return fmt.Errorf("%d of %d bytes were written: %w", n, len(text), err)
	}
	f.size, f.torn = f.size+int64(n), false
	if f.began.IsZero() {
		f.began = at
	}
	if !f.regular {
		return nil
	}
	return f.Sync()
}
