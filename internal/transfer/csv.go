package transfer

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"alertd/internal/alerting"
)

type csvEncoder struct {
	out    *csv.Writer
	header bool // is written
	cells  [10]string
}

func newCSVEncoder(out io.Writer) *csvEncoder { return &csvEncoder{out: csv.NewWriter(out)} }

func (e *csvEncoder) encode(event *alerting.Event) error {
	if err := e.writeHeader(); err != nil {
		return err
	}
	e.cells = [...]string{
		event.ID().String(), alerting.FormatTime(event.Timestamp()), event.Severity().String(), event.Category().String(),
		harmless(event.Source()), harmless(event.Message()), event.Context().String(),
		strconv.FormatInt(int64(event.Seq()), 10), alerting.FormatTime(event.ReceivedAt()), harmless(event.DedupKey()),
	}
	return e.out.Write(e.cells[:])
}

func (e *csvEncoder) writeHeader() error {
	if e.header {
		return nil
	}
	e.header = true
	e.cells = [...]string{
		"event_id", "timestamp", "severity", "category", "source", "message", "context", "seq", "received_at", "dedup_key",
	}
	return e.out.Write(e.cells[:])
}

func (e *csvEncoder) flush() error {
	if err := e.writeHeader(); err != nil {
		return err
	}
	e.out.Flush()
	return e.out.Error()
}

// formulaStarts are what makes a spreadsheet take a cell for a formula, the last
// four where Japanese is written (OWASP, CSV Injection).
const formulaStarts = "=+-@＝＋－＠"

// harmless returns a text that no spreadsheet takes for a formula: one that could
// be has an apostrophe before it, as one has that begins with a tab or the end
// of a line. White space before any of these may be dropped, and so does not count.
func harmless(text string) string {
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	space := text[:len(text)-len(trimmed)]
	if strings.IndexAny(trimmed, formulaStarts) == 0 || strings.ContainsAny(space, "\t\r\n") {
		return "'" + text
	}
	return text
}
