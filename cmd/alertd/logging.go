package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/term"

	"alertd/internal/outqueue"
	"alertd/internal/plaintext"
)

const (
	// logCapacity is how many bytes of log records may wait to be written.
	logCapacity = 1 << 20
	// logPatience bounds the writing of the last records.
	logPatience = time.Second
)

// daemonLog is the log of a running alertd. Records wait in a queue, so that an output
// that hangs holds up nothing else.
type daemonLog struct {
	*slog.Logger
	queue *outqueue.Queue
}

// newDaemonLog returns a log that writes records from a level on to out, in a format. The
// caller calls [daemonLog.close] at the end.
func newDaemonLog(out io.Writer, level, format string) (daemonLog, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	least, ok := levels[level]
	if !ok {
		return daemonLog{}, fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", level)
	}
	if format == "auto" {
		format = "json"
		if isTerminal(out) {
			format = "text"
		}
	}
	options := &slog.HandlerOptions{Level: least}
	handler := func(w io.Writer) slog.Handler {
		return slog.NewJSONHandler(plainWriter{w, plaintext.EscapeJSON}, options)
	}
	switch format {
	case "json":
	case "text":
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(plainWriter{w, plaintext.Lines}, options) }
	default:
		return daemonLog{}, fmt.Errorf("--log-format: %q is not one of auto, text, json", format)
	}
	queue := outqueue.New(outqueue.Config{Out: out, Capacity: logCapacity, Dropped: func(records uint64) []byte {
		var record bytes.Buffer
		slog.New(handler(&record)).Error("log records were dropped", "records", records)
		return record.Bytes()
	}})
	return daemonLog{slog.New(handler(queue)), queue}, nil
}

// plainWriter makes each record plain, so that a text from outside commands no terminal that
// shows the log. slog escapes less: what cannot be seen and is no control character stays.
type plainWriter struct {
	out   io.Writer
	plain func(string) string
}

func (w plainWriter) Write(record []byte) (int, error) {
	if _, err := io.WriteString(w.out, w.plain(string(record))); err != nil {
		return 0, err
	}
	return len(record), nil
}

// warn logs the warnings of a configuration.
func (l daemonLog) warn(warnings []string) {
	for _, warning := range warnings {
		l.Warn("configuration warning", "warning", warning)
	}
}

// fail writes why alertd ends, as a line for people.
func (l daemonLog) fail(err error) {
	_, _ = fmt.Fprintf(l.queue, "alertd: %s\n", plaintext.Lines(err.Error())) // Write returns no error
}

// close writes the records that wait, and gives up after logPatience.
func (l daemonLog) close() {
	ctx, cancel := context.WithTimeout(context.Background(), logPatience)
	defer cancel()
	_ = l.queue.Close(ctx) // a log that cannot be written cannot say so
}

// isTerminal reports whether out is a terminal.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
