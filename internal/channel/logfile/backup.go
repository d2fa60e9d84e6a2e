package logfile

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// backupTime is when a backup was made, in UTC, as its name has it.
const backupTime = "2006-01-02T15-04-05.000"

// moveAway gives the file at path the name of a backup, such as
// alerts-2026-11-24T10-30-00.000-size.jsonl, which no other file has.
func moveAway(path, reason string, now time.Time) error {
	for {
		beginning, ending := around(path)
		backup := filepath.Join(filepath.Dir(path), beginning+now.UTC().Format(backupTime)+"-"+reason+ending)
		switch _, err := os.Lstat(backup); {
		case errors.Is(err, fs.ErrNotExist):
			return os.Rename(path, backup)
		case err != nil:
			return err
		}
		now = now.Add(time.Millisecond)
	}
}

// around returns what stands before and after time and reason in the names of a file's
// backups.
func around(path string) (beginning, ending string) {
	name := filepath.Base(path)
	ending = filepath.Ext(name)
	return strings.TrimSuffix(name, ending) + "-", ending
}

// deleteBackups deletes those that are older than MaxAge at now, and all but the
// MaxBackups latest.
func (c Config) deleteBackups(now time.Time) error {
	if c.MaxAge == 0 && c.MaxBackups == 0 {
		return nil
	}
	backups, err := backupsOf(c.Path)
	if err != nil {
		return fmt.Errorf("look for old files: %w", err)
	}
	var problems []error
	for n, b := range backups {
		if c.MaxBackups > 0 && n >= c.MaxBackups || c.MaxAge > 0 && now.Sub(b.at) > c.MaxAge {
			problems = append(problems, os.Remove(b.path))
		}
	}
	return errors.Join(problems...)
}

type backup struct {
	path string
	at   time.Time
}

// backupsOf returns the backups of a file, the latest first.
func backupsOf(path string) ([]backup, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	beginning, ending := around(path)
	var backups []backup
	for _, entry := range entries {
		middle, begins := strings.CutPrefix(entry.Name(), beginning)
		middle, ends := strings.CutSuffix(middle, ending)
		if !begins || !ends || len(middle) <= len(backupTime) || middle[len(backupTime)] != '-' {
			continue
		}
		if at, err := time.Parse(backupTime, middle[:len(backupTime)]); err == nil {
			backups = append(backups, backup{filepath.Join(filepath.Dir(path), entry.Name()), at})
		}
	}
	slices.SortFunc(backups, func(a, b backup) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(b.path, a.path)) })
	return backups, nil
}
