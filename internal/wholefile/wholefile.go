// Package wholefile writes files that appear complete or not at all, and never replace
// another file: backups and exports.
//
// A file is written as name.*.partial beside its final name. A crash leaves only that file
// behind.
package wholefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file being written. Only its owner may read it. It is not safe for concurrent
// use.
type File struct {
	*os.File
	target string
	ended  bool
}

// Create begins the file target. If target exists, the error is an [fs.ErrExist].
// [File.Commit] or [File.Discard] ends it.
func Create(target string) (*File, error) {
	if _, err := os.Lstat(target); err == nil {
		return nil, existsError{target}
	}
	file, err := os.CreateTemp(filepath.Dir(target), filepath.Base(target)+".*.partial")
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", target, err)
	}
	return &File{File: file, target: target}, nil
}

// existsError says that the file exists.
type existsError struct{ target string }

func (e existsError) Error() string {
	return e.target + " is there already; name another file, or remove that one first"
}

func (e existsError) Is(target error) bool { return target == fs.ErrExist }

// Commit syncs the file and gives it its name. If that fails, it removes the file.
func (f *File) Commit() (err error) {
	defer func() { err = errors.Join(err, f.Discard()) }()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s: %w", f.target, err)
	}
	// An empty file reserves the name first: renaming alone would replace a file created
	// meanwhile.
	taken, err := os.OpenFile(f.target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return existsError{f.target}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.target, err)
	}
	err = errors.Join(taken.Close(), os.Rename(f.Name(), f.target))
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.target, err), os.Remove(f.target))
	}
	f.ended = true
	return errors.Join(f.Close(), SyncFolder(filepath.Dir(f.target)))
}

// Discard removes the file unless it was committed.
func (f *File) Discard() error {
	if f.ended {
		return nil
	}
	f.ended = true
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// SyncFolder makes a new name in a folder durable.
func SyncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
