package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// loggers are the two ways into one log.
type loggers struct {
	// main writes each record at once.
	main *slog.Logger
	// access is for the one record of each request. On a terminal it is main; else
	// its records may wait a moment, so that they share a write.
	access *slog.Logger
	out    *logOutput
}

// newLoggers write to out in the format and from the level on that the flags say.
// At the end [loggers.flush] is due.
func newLoggers(out io.Writer, level, format string) (loggers, error) {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	least, ok := levels[level]
	if !ok {
		return loggers{}, fmt.Errorf("--log-level: %q is not one of debug, info, warn, error", level)
	}
	onTerminal := isTerminal(out)
	if format == "auto" {
		format = "json"
		if onTerminal {
			format = "text"
		}
	}
	handler := func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: least}) }
	switch format {
	case "json":
	case "text":
		handler = func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, &slog.HandlerOptions{Level: least}) }
	default:
		return loggers{}, fmt.Errorf("--log-format: %q is not one of auto, text, json", format)
	}
	l := loggers{out: &logOutput{out: out}}
	l.main = slog.New(handler(l.out))
	if l.access = l.main; !onTerminal {
		l.access = slog.New(handler(patientOutput{l.out}))
	}
	return l, nil
}

// flush writes what still waits.
func (l loggers) flush() { l.out.flush() }

// How long a record of a request may wait to be written, and how many bytes of
// them.
const (
	logPatience = 50 * time.Millisecond
	logWaiting  = 32 << 10
)

// logOutput keeps the order of what is written at once and what may wait. Safe for
// concurrent use.
type logOutput struct {
	out io.Writer

	mu      sync.Mutex
	waiting []byte
	timer   bool // a timer will write what waits
}

// Write writes at once, after what was waiting.
func (o *logOutput) Write(record []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, record...)
	return len(record), o.writeWaiting()
}

func (o *logOutput) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.timer = false
	_ = o.writeWaiting() // there is nowhere to say that the log cannot be written
}

func (o *logOutput) writeWaiting() error {
	if len(o.waiting) == 0 {
		return nil
	}
	_, err := o.out.Write(o.waiting)
	o.waiting = o.waiting[:0]
	return err
}

// patientOutput is a log output whose records may wait.
type patientOutput struct{ *logOutput }

// Write keeps the record for the next write of the output.
func (o patientOutput) Write(record []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.waiting = append(o.waiting, record...); len(o.waiting) >= logWaiting {
		return len(record), o.writeWaiting()
	}
	if !o.timer {
		o.timer = true
		time.AfterFunc(logPatience, o.flush)
	}
	return len(record), nil
}

// isTerminal reports whether a person may be watching.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
