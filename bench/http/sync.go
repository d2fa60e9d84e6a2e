package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"alertd/bench/internal/figures"
)

const (
	syncs    = 200
	syncSize = 8 << 10 // about what a transaction with one event writes
)

// medianSync returns the median time to write a small block to the disk of a folder and to
// sync it.
func medianSync(directory string) (took time.Duration, err error) {
	file, err := os.Create(filepath.Join(directory, "sync")) //nolint:gosec // our own
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	times := make([]time.Duration, 0, syncs)
	data := make([]byte, syncSize)
	for range syncs {
		from := time.Now()
		if _, err := file.Write(data); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("measure the disk: %w", err)
		}
		times = append(times, time.Since(from))
	}
	return figures.Median(times), nil
}
