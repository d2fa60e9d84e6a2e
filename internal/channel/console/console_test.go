package console_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/console"
	"alertd/internal/incident"
	"alertd/internal/needs"
)

// said returns what a message looks like.
func said(tb testing.TB, n channel.Notification, colored bool) string {
	tb.Helper()
	var out bytes.Buffer
	c := console.New(console.Config{}, console.NewOutput(&out, colored))
	require.Equal(tb, channel.Result{Outcome: channel.Delivered}, c.Send(tb.Context(), n))
	require.NoError(tb, c.Close())
	return out.String()
}

func TestAMessageIsOneLineAndDetailsBelow(t *testing.T) {
	assert.Equal(t, `2025-12-27T10:30:00.123456Z [ERROR] var_gate: VaR limit breached: 0.0512 > 0.0300
    Incident 12 opened, risk_limit, 1 event
    Severity: error
    Status: triggered
    First seen: 2025-12-27 10:30:00 UTC
    Last seen: 2025-12-27 10:30:00 UTC
    portfolio: EQ-LS-1
    var: 0.0512
    limit: 0.0300
    confidence: 0.99
    horizon_days: 1
    blocked: true
    positions: ["AAPL","MSFT"]
    note: R&D <desk> said "hold"
    https://alerts.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55
`, said(t, channeltest.Notification(incident.Opened), false))
	resolved := said(t, channeltest.Notification(incident.WasResolved), false)
	assert.Contains(t, resolved, "[RESOLVED] var_gate: ")
	assert.Contains(t, resolved, "Incident 12 resolved by grace, risk_limit, 41 events\n")
	assert.Contains(t, resolved, "    Note: Hedged, limit holds again\n")
}

func TestColoursTellTheSeverity(t *testing.T) {
	n := channeltest.Opened(alerting.SeverityCritical, "feed", "stale", `{}`)
	assert.Contains(t, said(t, n, true), " \x1b[1;31m[CRITICAL]\x1b[0m feed: stale\n")
	assert.NotContains(t, said(t, n, false), "\x1b")
}

func TestTextCannotCommandTerminal(t *testing.T) {
	const evil = "\x1b]0;pwned\x07\x1b[2J\u009b31m\rall is well\u202e"
	n := channeltest.Opened(alerting.SeverityCritical, "feed"+evil, "stale"+evil, `{"a\u001b[2J\n[CRITICAL] false": "b\u001b[2J\n    Severity: debug"}`)
	n.Notice.By, n.Notice.Note, n.Notice.Incident.AcknowledgedBy = evil, evil, evil
	for _, reason := range channeltest.Reasons() {
		n.Notice.Reason = reason
		text := said(t, channeltest.Rendered(n), false)
		for _, r := range []string{"\x1b", "\x07", "\u009b", "\r", "\u202e"} {
			assert.NotContains(t, text, r, "%s %q", reason, r)
		}
		first, rest, _ := strings.Cut(text, "\n")
		assert.Contains(t, first, `stale`)
		for line := range strings.Lines(rest) {
			assert.True(t, strings.HasPrefix(line, "    "), "%q looks like a message", line)
		}
		assert.Contains(t, text, `b\x1b[2J`+"\n        "+`    Severity: debug`, "further lines of a value are indented")
	}
}

func TestColorsAreForTerminals(t *testing.T) {
	none := func(string) string { return "" }
	assert.False(t, console.Colors(&bytes.Buffer{}, none))
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, file.Close()) })
	assert.False(t, console.Colors(file, none))

	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		needs.Lacking(t, "a terminal: %s", err)
	}
	t.Cleanup(func() { assert.NoError(t, terminal.Close()) })
	assert.True(t, console.Colors(terminal, none))
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		assert.False(t, console.Colors(terminal, func(asked string) string {
			if asked == name {
				return value
			}
			return ""
		}), name)
	}
}

func TestMessagesDoNotMix(t *testing.T) {
	var out slow
	c := console.New(console.Config{}, console.NewOutput(&out, false))
	n := channeltest.Notification(incident.Opened)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.Equal(t, channel.Delivered, c.Send(t.Context(), n).Outcome) })
	}
	all.Wait()
	assert.Equal(t, strings.Repeat(said(t, n, false), 20), out.text.String())
}

// slow is a writer that the race detector would catch two in.
type slow struct{ text bytes.Buffer }

func (s *slow) Write(p []byte) (int, error) { return s.text.Write(p) }

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken\npipe") }

func TestAWriterThatFailsIsTransient(t *testing.T) {
	c := console.New(console.Config{}, console.NewOutput(broken{}, false))
	assert.Equal(t, channel.Result{Outcome: channel.Transient, Error: "broken pipe"}, c.Send(t.Context(), channeltest.Notification(incident.Opened)))
}

func TestNothingIsWrittenAfterTheDeadline(t *testing.T) {
	var out bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Equal(t, channel.Transient, console.New(console.Config{}, console.NewOutput(&out, false)).Send(ctx, channeltest.Notification(incident.Opened)).Outcome)
	assert.Empty(t, out.String())
}

func TestThereIsNothingToConfigure(t *testing.T) {
	require.NoError(t, console.Config{}.Validate())
}

// Two channels are two versions of one, as after a reload.
func TestFullPipeHangsNobody(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	n := channeltest.Notification(incident.Opened)
	out := console.NewOutput(writer, false)
	old, fresh := console.New(console.Config{}, out), console.New(console.Config{}, out)
	sent := 0
	for { // until the pipe is full
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		result := old.Send(ctx, n)
		cancel()
		if result.Outcome == channel.Delivered {
			sent++
			continue
		}
		assert.Equal(t, channel.Result{
			Outcome: channel.Transient, Error: "the output did not take the message within the timeout: what reads it is stuck",
		}, result)
		break
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	assert.Equal(t, channel.Transient, fresh.Send(ctx, n).Outcome)

	read := make(chan string)
	go func() {
		text, err := io.ReadAll(reader)
		assert.NoError(t, err)
		read <- string(text)
	}()
	assert.Equal(t, channel.Delivered, fresh.Send(t.Context(), n).Outcome, "somebody reads again")
	require.NoError(t, writer.Close())
	assert.Equal(t, strings.Repeat(said(t, n, false), sent+2), <-read, "the one that hung is whole, the one that waited was withdrawn")
}

func TestADigestNamesTheWorst(t *testing.T) {
	text := said(t, channeltest.Notification(incident.Digested), false)
	assert.True(t, strings.HasPrefix(text, `2025-12-27T12:33:00.000000Z [DIGEST] 17 incidents held back: 1 critical, 6 error, 10 warning
    17 incidents held back since 12:03 UTC
    By severity: 1 critical, 6 error, 10 warning
        By category: 10 data_quality, 6 execution_error, 1 risk_limit
        By source: 10 feed, 6 router, 1 var_gate
    Incidents: 17
`), text)
	assert.Contains(t, text, `
    Incident 12: CRITICAL var_gate: VaR limit breached: 0.0512 > 0.0300 (resolved)
        https://alerts.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55
    Incident 28: ERROR router: Order rejected
`)
}

func TestTemplatesWordTheMessage(t *testing.T) {
	worded := said(t, channeltest.Worded(), false)
	assert.Contains(t, worded, "[ERROR] "+channeltest.Title+"\n")
	assert.Contains(t, worded, "\n    Limit 0.0300\n        VaR 0.0512\n")
	assert.Contains(t, said(t, channeltest.Unworded(), false), "\n    Template failed: "+channeltest.TemplateError+"\n")
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		shown, err := console.Config{}.Preview(channeltest.Notification(reason))
		require.NoError(t, err)
		assert.Equal(t, said(t, channeltest.Notification(reason), false), string(shown), reason)
	}
}
