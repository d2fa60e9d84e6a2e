package transfer

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"alertd/internal/alerting"
	"alertd/internal/plaintext"
)

type csvEncoder struct {
	out    *csv.Writer
	header bool // has been written
	cells  [11]string
}

func newCSVEncoder(out io.Writer) *csvEncoder { return &csvEncoder{out: csv.NewWriter(out)} }

func (e *csvEncoder) encode(event *alerting.Event) error {
	if err := e.writeHeader(); err != nil {
		return err
	}
	e.cells = [...]string{
		event.ID().String(), alerting.FormatTime(event.Timestamp()), event.Severity().String(), event.Category().String(),
		harmless(event.Source()), harmless(event.Message()), plaintext.EscapeJSON(event.Context().String()),
		strconv.FormatInt(int64(event.Seq()), 10), alerting.FormatTime(event.ReceivedAt()), harmless(event.DedupKey()),
		strconv.FormatBool(event.Resolves()),
	}
	return e.out.Write(e.cells[:])
}

func (e *csvEncoder) writeHeader() error {
	if e.header {
		return nil
	}
	e.header = true
	e.cells = [...]string{
		"event_id", "timestamp", "severity", "category", "source", "message", "context", "seq", "received_at", "dedup_key", "resolves",
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

// formulaStarts are the first characters by which a spreadsheet recognises a formula,
// the last four in Japanese (OWASP, CSV Injection).
const formulaStarts = "=+-@＝＋－＠"

// harmless makes a text plain, and puts an apostrophe before one that a spreadsheet could
// read as a formula, or that begins with a tab or a line break. White space before these is
// ignored, as spreadsheets may drop it.
func harmless(text string) string {
	text = plaintext.Lines(text)
	trimmed := strings.TrimLeftFunc(text, unicode.IsSpace)
	space := text[:len(text)-len(trimmed)]
	if strings.IndexAny(trimmed, formulaStarts) == 0 || strings.ContainsAny(space, "\t\r\n") {
		return "'" + text
	}
	return text
}
