package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/alerting"
	"alertd/internal/plaintext"
)

// Source is a log that is read in its order.
type Source interface {
	// Extent and After are those of [alerting.Log].
	Extent(ctx context.Context) (alerting.Extent, error)
	After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error)
}

// Format is how events are written.
type Format string

// The formats.
const (
	// NDJSON is one event a line, as [alerting.Event.JSON] has it. If a context has line
	// breaks, the white space between its parts is removed. Characters that are not visible
	// are \u escapes, so that a terminal can show the lines.
	NDJSON Format = "ndjson"
	// CSV has a header and one event a row. A cell that a spreadsheet could read as a
	// formula begins with an apostrophe. Characters that are not visible are escapes.
	CSV Format = "csv"
)

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	switch format := Format(name); format {
	case NDJSON, CSV:
		return format, nil
	}
	return "", fmt.Errorf("%q is not one of %s, %s", name, NDJSON, CSV)
}

// encoder writes events to a file.
type encoder interface {
	encode(event *alerting.Event) error
	// flush writes what is buffered.
	flush() error
}

// Exported is the result of an export.
type Exported struct {
	// Events is how many events were written.
	Events int64
	// Missed is how many events retention deleted before they were read.
	Missed int64
}

// Export writes the matching events that the log holds at the time of the call, oldest
// first. After an error the file is incomplete.
func Export(ctx context.Context, source Source, filter alerting.Filter, format Format, out io.Writer) (Exported, error) {
	var exported Exported
	var to encoder = &ndjsonEncoder{bufio.NewWriterSize(out, 64<<10)}
	if format == CSV {
		to = newCSVEncoder(out)
	}
	extent, err := source.Extent(ctx)
	if err != nil {
		return exported, fmt.Errorf("export: %w", err)
	}
	next := extent.First
	for next != 0 && next <= extent.Last {
		stretch, err := source.After(ctx, next-1, filter)
		if err != nil {
			return exported, fmt.Errorf("export event %d and on: %w", next, err)
		}
		if stretch.Through < stretch.From {
			break
		}
		exported.Missed += int64(min(stretch.From, extent.Last+1) - next)
		for _, event := range stretch.Events {
			if event.Seq() > extent.Last {
				break
			}
			if err := to.encode(event); err != nil {
				return exported, fmt.Errorf("write event %d: %w", event.Seq(), err)
			}
			exported.Events++
		}
		next = stretch.Through + 1
	}
	if err := to.flush(); err != nil {
		return exported, fmt.Errorf("write the last events: %w", err)
	}
	return exported, nil
}

type ndjsonEncoder struct{ out *bufio.Writer }

func (e *ndjsonEncoder) encode(event *alerting.Event) error {
	line := event.JSON()
	if strings.ContainsAny(line, "\n\r") {
		// Only a context has white space between its parts, and no string has it raw.
		value := jsontext.Value(line)
		if err := value.Compact(); err != nil {
			return err
		}
		line = string(value)
	}
	if _, err := e.out.WriteString(plaintext.EscapeJSON(line)); err != nil {
		return err
	}
	return e.out.WriteByte('\n')
}

func (e *ndjsonEncoder) flush() error { return e.out.Flush() }
