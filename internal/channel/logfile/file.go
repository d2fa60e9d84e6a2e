package logfile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	fileMode   = 0o640
	folderMode = 0o750
	// maxFirstLine is how much of a file is read to learn how old it is: more than any
	// line of ours has.
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

// open opens or makes the file, and learns what is in there.
func open(path string) (*file, error) {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	made := errors.Is(err, fs.ErrNotExist)
	if err != nil && !made {
		return nil, err
	}
	mode := os.O_APPEND | os.O_CREATE | os.O_WRONLY
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

func (f *file) learn() error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	f.regular, f.size = info.Mode().IsRegular(), info.Size()
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
		f.began = info.ModTime() // of a file that others began, it is all there is
	}
	return nil
}

// syncFolder makes a new file's name last.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// isAt reports whether the path still names this file.
func (f *file) isAt(path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(ours, named)
}

// append writes a line and syncs it. After an error the file must be opened anew.
func (f *file) append(text []byte, at time.Time) error {
	if f.torn {
		text = append([]byte{'\n'}, text...)
	}
	n, err := f.Write(text)
	if err != nil {
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
