// Package spool keeps alerts in a folder while alertd cannot take them.
//
// [Dir.Put] writes alerts to a file of their own, which is there as a whole or not at all,
// and on disk when Put returns. [Dir.Drain] sends the files, the oldest first, and removes
// each only after alertd has taken it. The alerts have ids, so those of a file that is sent
// again after a crash are registered once.
//
// Any number of processes may put; one at a time drains, others wait. What alertd refuses
// for good is moved to the folder "refused", so that it does not stop what is behind it.
package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/wholefile"
)

const (
	suffix        = ".ndjson"
	lockName      = ".lock"
	refusedFolder = "refused"
	// lockPause is how often a drain looks whether another has ended.
	lockPause = 100 * time.Millisecond
)

// Dir is a folder of alerts. Safe for concurrent use, also by several processes.
type Dir struct{ path string }

// Open makes the folder if there is none. Only its owner may enter it.
func Open(path string) (Dir, error) {
	err := os.Mkdir(path, 0o700)
	if err == nil {
		return Dir{path}, wholefile.SyncFolder(filepath.Dir(path))
	}
	if info, statErr := os.Stat(path); !errors.Is(err, fs.ErrExist) || statErr != nil || !info.IsDir() {
		return Dir{}, fmt.Errorf("spool: %w", err)
	}
	return Dir{path}, nil
}

// Put keeps alerts. When it returns nil, they are on disk.
func (d Dir) Put(alerts []client.Alert, now time.Time) error {
	return write(filepath.Join(d.path, fmt.Sprintf("%020d-%s%s", now.UnixNano(), alerts[0].ID, suffix)), client.Lines(alerts))
}

func write(name string, lines []byte) (err error) {
	file, err := wholefile.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Discard()) }()
	if _, err := file.Write(lines); err != nil {
		return err
	}
	return file.Commit()
}

// Refused is an alert that alertd refuses for good.
type Refused struct {
	// File is where it is kept now, with the others of its file.
	File string
	// Line is its line in the file that it was in, from 1.
	Line   int
	Errors []alerting.FieldError
}

// Drained counts what a drain has done with alerts.
type Drained struct{ Sent, Refused int }

// Send sends alerts, as [client.Sender.Send] does.
type Send func(ctx context.Context, alerts []client.Alert) ([]client.Result, error)

// Drain sends what the folder has, and tells refused of each alert that is moved aside. An
// error ends it; what was not sent by then stays.
func (d Dir) Drain(ctx context.Context, send Send, refused func(Refused)) (drained Drained, err error) {
	lock := flock.New(filepath.Join(d.path, lockName), flock.SetPermissions(0o600))
	if _, err := lock.TryLockContext(ctx, lockPause); err != nil {
		return drained, fmt.Errorf("spool: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	entries, err := os.ReadDir(d.path) // in the order of names, so of time
	if err != nil {
		return drained, fmt.Errorf("spool: %w", err)
	}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		one, err := d.drainFile(ctx, entry.Name(), send, refused)
		drained.Sent += one.Sent
		drained.Refused += one.Refused
		if err != nil {
			return drained, err
		}
	}
	return drained, nil
}

func (d Dir) drainFile(ctx context.Context, name string, send Send, refused func(Refused)) (drained Drained, err error) {
	data, err := os.ReadFile(filepath.Join(d.path, name)) //nolint:gosec // the user names the folder
	if err != nil || len(data) == 0 {                     // an empty file has its name before its content: it is being written
		return drained, err
	}
	alerts, problems := readAlerts(data)
	var good []client.Alert
	var at []int // their lines
	for i, alert := range alerts {
		if problems[i] == nil {
			good, at = append(good, alert), append(at, i)
		}
	}
	if len(good) > 0 {
		results, err := send(ctx, good)
		if err != nil {
			if !isAboutContent(err) {
				return drained, err
			}
			results = make([]client.Result, len(good))
			for i := range results {
				results[i] = client.Result{Status: client.Rejected, Errors: client.Problems(err)}
			}
		}
		for i, result := range results {
			if result.Rejected() {
				problems[at[i]] = append([]alerting.FieldError{}, result.Errors...) // not nil, whatever alertd says
			}
		}
	}
	return d.settle(name, data, problems, refused)
}

// isAboutContent reports whether an error is about the alerts themselves, so that another
// file may fare better.
func isAboutContent(err error) bool {
	answer, ok := errors.AsType[*client.Error](err)
	return ok && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusUnprocessableEntity)
}

// readAlerts returns the alert of each line, or what is wrong with it.
func readAlerts(data []byte) (alerts []client.Alert, problems [][]alerting.FieldError) {
	for line := range bytes.Lines(data) {
		alert, err := client.NewAlert(line, time.Now())
		var wrong []alerting.FieldError
		if err != nil {
			wrong = client.Problems(err)
		}
		alerts, problems = append(alerts, alert), append(problems, wrong)
	}
	return alerts, problems
}

// settle removes a file whose alerts alertd has answered, after it has moved aside those
// that it refused.
func (d Dir) settle(name string, data []byte, problems [][]alerting.FieldError, refused func(Refused)) (drained Drained, err error) {
	drained.Sent = len(problems)
	var aside []byte
	line, target := 0, filepath.Join(d.path, refusedFolder, name)
	for text := range bytes.Lines(data) {
		if problems[line] != nil {
			aside = append(aside, text...)
			drained.Refused++
			drained.Sent--
		}
		line++
	}
	if drained.Refused > 0 {
		if _, err := Open(filepath.Dir(target)); err != nil {
			return Drained{}, err
		}
		if err := write(target, aside); err != nil && !errors.Is(err, fs.ErrExist) { // it is there since before a crash
			return Drained{}, err
		}
	}
	if err := os.Remove(filepath.Join(d.path, name)); err != nil {
		return Drained{}, fmt.Errorf("spool: %w", err)
	}
	for i, fields := range problems {
		if fields != nil {
			refused(Refused{target, i + 1, fields})
		}
	}
	return drained, wholefile.SyncFolder(d.path)
}
