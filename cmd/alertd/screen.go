package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"

	"alertd/internal/channel/console"
	"alertd/internal/plaintext"
)

// screen is where a command shows what alertd has answered. All text that it shows is
// inert: see package plaintext.
type screen struct {
	out    *bufio.Writer
	width  int // 0 if it is no terminal
	colors bool
	now    time.Time
}

// newScreen returns a screen on an output.
func newScreen(out io.Writer) screen {
	s := screen{out: bufio.NewWriter(out), colors: console.Colors(out, os.Getenv), now: time.Now()}
	if file, ok := out.(*os.File); ok && isTerminal(out) {
		s.width = 80
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			s.width = width
		}
	}
	return s
}

// failure writes what is still in memory. It returns the first error of all writes.
func (s screen) failure() error { return s.out.Flush() }

// json writes a JSON text on one line.
func (s screen) json(data []byte) error {
	line, err := plaintext.JSON(data)
	if err != nil {
		return err
	}
	_, _ = s.out.WriteString(line + "\n") // failure returns the error
	return s.failure()
}

// line writes a text on one line.
func (s screen) line(format string, args ...any) {
	_, _ = s.out.WriteString(plaintext.Line(fmt.Sprintf(format, args...)) + "\n") // failure returns the error
}

// element is one JSON object of an answer.
type element map[string]any

func readElement(data []byte) (element, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var e element
	if err := decoder.Decode(&e); err != nil {
		return nil, errors.New("the answer has something else than an object; it may not be alertd that answers")
	}
	return e, nil
}

// text returns a member as a text; "" if it is null or absent.
func (e element) text(name string) string {
	switch value := e[name].(type) {
	case nil:
		return ""
	case string:
		return value
	default:
		return fmt.Sprint(value)
	}
}

// list returns the objects of a member.
func (e element) list(name string) []element {
	values, _ := e[name].([]any) // else there are none
	var list []element
	for _, value := range values {
		if object, ok := value.(map[string]any); ok {
			list = append(list, object)
		}
	}
	return list
}

// object returns a member that is an object; nil if it is none.
func (e element) object(name string) element {
	object, _ := e[name].(map[string]any)
	return object
}

// colorOf has the colours of severities, statuses and states, in one map since no two are
// alike.
var colorOf = map[string]text.Colors{
	"critical": {text.FgRed, text.Bold}, "error": {text.FgRed}, "warning": {text.FgYellow}, "info": {text.FgBlue}, "debug": {text.FgHiBlack},
	"triggered": {text.FgRed}, "acknowledged": {text.FgYellow}, "resolved": {text.FgGreen},
	"delivered": {text.FgGreen}, "failed": {text.FgRed}, "waiting": {text.FgYellow}, "sending": {text.FgYellow}, "superseded": {text.FgHiBlack},
	"send": {text.FgGreen}, "hold": {text.FgYellow}, "digest": {text.FgYellow}, "held_back": {text.FgYellow}, "not_asked": {text.FgHiBlack}, "told": {text.FgGreen},
	"active": {text.FgYellow}, "pending": {text.FgBlue}, "expired": {text.FgHiBlack},
	"permanent": {text.FgRed}, "transient": {text.FgYellow},
	"healthy": {text.FgGreen}, "degraded": {text.FgYellow}, "failing": {text.FgRed}, "disabled": {text.FgHiBlack},
}

// paint colours a word that has a colour.
func (s screen) paint(word string) string {
	colors, ok := colorOf[word]
	if !ok || !s.colors {
		return word
	}
	return colors.EscapeSeq() + word + text.Reset.EscapeSeq()
}

// facts writes names and values, one a line, without those that are empty.
func (s screen) facts(pairs ...string) {
	width := 0
	for pair := range slices.Chunk(pairs, 2) {
		width = max(width, len(pair[0]))
	}
	for pair := range slices.Chunk(pairs, 2) {
		if value := plaintext.Line(pair[1]); value != "" {
			_, _ = fmt.Fprintf(s.out, "%-*s  %s\n", width, pair[0], s.paint(value)) // failure returns the error
		}
	}
}

// section writes a title above a table, unless the table has no rows.
func (s screen) section(title string, columns []column, elements []element) {
	if len(elements) > 0 {
		_, _ = s.out.WriteString("\n" + strings.ToUpper(title) + "\n") // failure returns the error
		s.table(columns, elements)
	}
}
