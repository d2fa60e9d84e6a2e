// Package console writes messages for people to where alertd runs: one line each, and
// below it what there is to know.
//
// What comes from outside commands no terminal: whatever is no visible character is
// shown as its escape, such as \x1b. Colours are used only where somebody can see
// them, and never if NO_COLOR is set (https://no-color.org).
package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/term"

	"alertd/internal/alerting"
	"alertd/internal/channel"
)

// Config is what the settings of a channel of this kind say: nothing.
type Config struct{}

// Validate returns nil.
func (Config) Validate() error { return nil }

// Channel writes to one writer.
type Channel struct {
	colored bool

	mu  sync.Mutex
	out io.Writer
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel that writes to out, in colours if [Colors] says so.
func New(_ Config, out io.Writer, colored bool) *Channel {
	return &Channel{out: out, colored: colored}
}

// Colors reports whether somebody sees colours that are written to out: whether it
// is a terminal, and the environment asks for none.
func Colors(out io.Writer, getenv func(string) string) bool {
	file, ok := out.(*os.File)
	return ok && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))
}

// Send implements [channel.Channel]. A message is written by one call. An error in
// writing is transient.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	text := c.format(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return channel.Result{Outcome: channel.Transient, Error: "interrupted before anything was written"}
	}
	if _, err := io.WriteString(c.out, text); err != nil {
		return channel.Result{Outcome: channel.Transient, Error: channel.OneLine(err.Error())}
	}
	return channel.Result{Outcome: channel.Delivered}
}

// Close implements [channel.Channel]. The writer stays open: it is not ours.
func (c *Channel) Close() error { return nil }

// maxLine is how many characters the first line has at most.
const maxLine = 400

// The indentation of what stands below the first line, and of its further lines.
const (
	indent = "    "
	deeper = "\n" + indent + indent
)

func (c *Channel) format(n channel.Notification) string {
	i := n.Notice.Incident
	label := "[" + n.Label + "]"
	rest := strings.TrimPrefix(n.Subject(maxLine), label)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s%s\n", alerting.FormatTime(n.Notice.At), c.paint(n.Color, label), rest)
	below := func(text string) {
		b.WriteString(indent + strings.ReplaceAll(text, "\n", deeper) + "\n")
	}
	below(n.Headline + ", " + i.Category.String() + ", " + count(i.Count))
	for _, f := range n.Facts {
		if !slices.Contains([]string{"Category", "Source", "Events"}, f.Name) { // these are said above
			below(f.Name + ": " + f.Value)
		}
	}
	if n.Note != "" {
		below("Note: " + n.Note)
	}
	for _, f := range n.Details {
		below(f.Name + ": " + f.Value)
	}
	if n.Cut {
		below("and more: the event has all of them")
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

// paint returns a text in a colour that every terminal has.
func (c *Channel) paint(color channel.Color, text string) string {
	if !c.colored {
		return text
	}
	code := map[channel.Color]string{
		channel.Red: "1;31", channel.Orange: "31", channel.Yellow: "33", channel.Blue: "34", channel.Green: "32", channel.Grey: "90",
	}[color]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
