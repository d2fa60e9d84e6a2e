// Package console writes messages for people to the output of alertd: one line each, and
// the facts below it.
//
// Text from outside cannot command a terminal: characters that are not visible are shown
// as escapes, such as \x1b. Colours are used only on a terminal, and never if NO_COLOR is
// set (https://no-color.org).
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/outqueue"
)

// Config has no settings.
type Config struct{}

// Validate returns nil.
func (Config) Validate() error { return nil }

// Output is where channels of this kind write, each message by one call. Make one for
// all channels of a process. Safe for concurrent use.
type Output struct {
	queue   *outqueue.Queue
	colored bool
}

// NewOutput returns an output that writes to out, in colours if colored says so; see
// [Colors].
func NewOutput(out io.Writer, colored bool) *Output {
	return &Output{queue: outqueue.New(outqueue.Config{Out: out}), colored: colored}
}

// Colors reports whether out is a terminal that shows colours, and the environment does
// not forbid them.
func Colors(out io.Writer, getenv func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// Channel writes to an output.
type Channel struct{ out *Output }

var _ channel.Channel = (*Channel)(nil)

// New returns a channel that writes to out.
func New(_ Config, out *Output) *Channel { return &Channel{out: out} }

// Send implements [channel.Channel]. An error in writing is transient, and so is an output
// that does not take the message before ctx ends, such as a pipe that nobody reads. If
// the message was being written then, it may still appear, in part or whole.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	switch err := c.out.queue.Send(ctx, []byte(c.format(n))); {
	case err == nil:
		return channel.Result{Outcome: channel.Delivered}
	case errors.Is(err, context.DeadlineExceeded):
		return channel.Result{Outcome: channel.Transient, Error: "the output did not take the message within the timeout: what reads it is stuck"}
	default:
		return channel.Result{Outcome: channel.Transient, Error: channel.OneLine(err.Error())}
	}
}

// Preview returns what a channel writes, without colours.
func (Config) Preview(n channel.Notification) ([]byte, error) {
	return []byte(New(Config{}, &Output{}).format(n)), nil
}

// Close implements [channel.Channel]. The output stays open.
func (c *Channel) Close() error { return nil }

// maxLine is how many characters the first line has at most.
const maxLine = 400

// The indentation of the texts below the first line, and of their further lines.
const (
	indent = "    "
	deeper = "\n" + indent + indent
)

func (c *Channel) format(n channel.Notification) string {
	label := "[" + n.Label + "]"
	rest := strings.TrimPrefix(n.Subject(maxLine), label)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", alerting.FormatTime(n.Notice.At), c.paint(n.Color, label), rest)
	below := func(text string) {
		b.WriteString(indent + strings.ReplaceAll(text, "\n", deeper) + "\n")
	}
	headline := n.Headline
	var said []string // the facts that are said above the others
	if i := n.Notice.Incident; n.Notice.Digest == nil {
		headline += ", " + i.Category.String() + ", " + count(i.Count)
		said = []string{"Category", "Source", "Events"}
	}
	below(headline)
	if n.Notice.Digest != nil || n.Worded.Body != "" { // else the first line has it
		below(n.Body)
	}
	for _, f := range n.Facts {
		if !slices.Contains(said, f.Name) {
			below(f.Name + ": " + f.Value)
		}
	}
	if n.Note != "" {
		below("Note: " + n.Note)
	}
	for _, item := range n.Items {
		below(strings.TrimSpace(item.Name + ": " + item.Text + "\n" + item.URL))
	}
	for _, f := range n.Details {
		below(f.Name + ": " + f.Value)
	}
	if n.Cut {
		below("and more: the event has all of them")
	}
	if n.TemplateError != "" {
		below("Template failed: " + n.TemplateError)
	}
	if n.URL != "" {
		below(n.URL)
	}
	return b.String()
}

func count(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

// paint returns a text in one of the colours that every terminal has.
func (c *Channel) paint(color channel.Color, text string) string {
	if !c.out.colored {
		return text
	}
	code := map[channel.Color]string{
		channel.Red: "1;31", channel.Orange: "31", channel.Yellow: "33", channel.Blue: "34", channel.Green: "32", channel.Grey: "90",
	}[color]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
