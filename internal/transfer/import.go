package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"alertd/internal/alerting"
)

// Limits of one transaction.
const (
	batchAlerts = 1000
	batchBytes  = 4 << 20
)

// Target is a log that accepts events.
type Target interface {
	// Append is that of [alerting.Log].
	Append(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error)
}

// ImportOptions say how a file is read.
type ImportOptions struct {
	// MaxLine is how many bytes a line may have; it must be greater than 0.
	MaxLine int64
	// SkipInvalid says to continue after an invalid line. Invalid is called for each.
	SkipInvalid bool
	Invalid     func(line *LineError)
	// Progress, if not nil, is called after each transaction with the number of bytes
	// processed so far.
	Progress func(bytes int64)
}

// Imported is the result of an import so far.
type Imported struct {
	// Events is how many events are new in the log. Duplicates is how many were in the log
	// or earlier in the file. Invalid is how many lines were invalid.
	Events, Duplicates, Invalid uint64
	// Lines is how many lines, from the first, were processed.
	Lines uint64
	// WithoutID is how many of the new events had no event_id. Importing their lines
	// again makes new events.
	WithoutID uint64
}

// LineError is the error of an invalid line.
type LineError struct {
	// Line is its number, from 1.
	Line uint64
	// Err is an [*alerting.Error] unless the line is too long.
	Err error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Err) }

func (e *LineError) Unwrap() error { return e.Err }

// Import registers the events of a file, which has the JSON of an event or an alert on each
// line. It skips blank lines. It appends events in batches, each in one transaction.
//
// If ctx ends, it stops between two batches and returns ctx's error. An invalid line,
// unless SkipInvalid is set, ends it with a [*LineError] after all lines before it are in
// the log. The result is valid whatever the error.
func Import(ctx context.Context, target Target, in io.Reader, options ImportOptions) (Imported, error) {
	i := &importer{target: target, lines: NewLines(in, int(options.MaxLine)), options: options}
	err := i.run(ctx)
	return i.done, err
}

type importer struct {
	target  Target
	lines   *Lines
	options ImportOptions
	done    Imported

	drafts []*alerting.Draft
	bytes  int
	noID   uint64
}

func (i *importer) run(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, err := i.lines.Next()
		if errors.Is(err, io.EOF) {
			return i.commit(ctx, i.lines.Number())
		}
		if len(line) > 0 {
			err = i.add(line)
		}
		switch {
		case err == nil:
		case !isInvalid(err):
			return errors.Join(i.commit(ctx, i.lines.Number()), fmt.Errorf("read after line %d: %w", i.lines.Number(), err))
		default:
			invalid := &LineError{Line: i.lines.Number(), Err: err}
			if !i.options.SkipInvalid {
				if err := i.commit(ctx, i.lines.Number()-1); err != nil {
					return err
				}
				i.done.Invalid++
				return invalid
			}
			i.done.Invalid++
			i.options.Invalid(invalid)
		}
		if len(i.drafts) >= batchAlerts || i.bytes >= batchBytes {
			if err := i.commit(ctx, i.lines.Number()); err != nil {
				return err
			}
		}
	}
}

// isInvalid reports whether an error is about the content of a line, not about reading it.
func isInvalid(err error) bool {
	if _, ok := errors.AsType[TooLongError](err); ok {
		return true
	}
	_, ok := errors.AsType[*alerting.Error](err)
	return ok
}

// add adds a line to the next transaction.
func (i *importer) add(line []byte) error {
	alert, err := alerting.DecodeRecord(line)
	if err != nil {
		return err
	}
	draft, err := alerting.NewDraft(alert, time.Now())
	if err != nil {
		return err
	}
	i.drafts = append(i.drafts, draft)
	i.bytes += draft.Size()
	if !draft.IDGiven() {
		i.noID++
	}
	return nil
}

// commit appends the batch; then all lines up to the given one are processed. It is not
// interrupted, so that the outcome of each line is known.
func (i *importer) commit(ctx context.Context, through uint64) error {
	if len(i.drafts) > 0 {
		appended, err := i.target.Append(context.WithoutCancel(ctx), i.drafts)
		if err != nil {
			return fmt.Errorf("import after line %d: %w", i.done.Lines, err)
		}
		for _, one := range appended {
			if one.Duplicate {
				i.done.Duplicates++
			} else {
				i.done.Events++
			}
		}
	}
	i.done.Lines = through
	i.done.WithoutID += i.noID
	i.drafts, i.bytes, i.noID = i.drafts[:0], 0, 0
	if i.options.Progress != nil {
		i.options.Progress(i.lines.bytes)
	}
	return nil
}
