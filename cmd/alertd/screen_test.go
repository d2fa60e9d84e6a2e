package main

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/require"

	"alertd/internal/plaintext"
)

var screenTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// shown returns what a screen of a width shows; 0 is no terminal.
func shown(width int, colors bool, show func(screen)) string {
	var out bytes.Buffer
	s := screen{out: bufio.NewWriter(&out), width: width, colors: colors, now: screenTime}
	show(s)
	_ = s.failure() // a buffer has none
	return out.String()
}

var screenEvents = []element{
	{"timestamp": "2026-01-02T03:04:04.999999Z", "severity": "critical", "category": "system_health", "source": "kill_switch", "message": "損失 🚨 " + strings.Repeat("limit ", 30)},
	{"timestamp": "2026-01-01T00:00:00Z", "severity": "error", "category": "position_violation", "source": strings.Repeat("s", 255), "message": "\x1b]0;x\a\r\nover\u202e"},
	{"timestamp": nil, "severity": "debug", "category": "other", "source": "a", "message": "m"},
}

func TestTableInABox(t *testing.T) {
	require.Equal(t, `╭──────────────────────┬─────┬──────────┬──────────────────────────┬───────────────────────────────╮
│ TIME                 │ AGE │ SEVERITY │ SOURCE                   │ MESSAGE                       │
├──────────────────────┼─────┼──────────┼──────────────────────────┼───────────────────────────────┤
│ 2026-01-02T03:04:04Z │  0s │ critical │ kill_switch              │ 損失 🚨 limit limit limit li… │
│ 2026-01-01T00:00:00Z │ 27h │ error    │ sssssssssssssssssssssss… │ \x1b]0;x\a\r\nover\u202e      │
│ -                    │   - │ debug    │ a                        │ m                             │
╰──────────────────────┴─────┴──────────┴──────────────────────────┴───────────────────────────────╯
`, shown(100, false, func(s screen) { s.table(eventColumns, screenEvents) }))
}

func TestTableInPlainColumns(t *testing.T) {
	require.Equal(t, `TIME                  AGE  SEVERITY  CATEGORY  SOURCE  MESSAGE
2026-01-01T00:00:00Z  27h  error     other     a       -
`, shown(0, false, func(s screen) {
		s.table(eventColumns, []element{{"timestamp": "2026-01-01T00:00:00Z", "severity": "error", "category": "other", "source": "a"}})
	}))
	cut := shown(0, false, func(s screen) { s.table(eventColumns, screenEvents) })
	require.Contains(t, cut, strings.Repeat("s", 255), "nothing is cut where it is no terminal")
	require.Contains(t, cut, strings.Repeat("limit ", 29))
}

func TestRowsOfAGrowingTableAreAligned(t *testing.T) {
	require.Equal(t, `TIME                  SEVERITY  CATEGORY         SOURCE            MESSAGE
2026-01-02T03:04:04Z  critical  system_health    kill_switch       損失 🚨 limit limit lim…
-                     debug     other            a                 m
`, shown(90, false, func(s screen) {
		columns := append(eventColumns[:1:1], eventColumns[2:]...)
		s.append(columns, screenEvents[0], true)
		s.append(columns, screenEvents[2], false)
	}))
}

// Whatever an alert has in it, on a terminal of any width: no line is wider than the
// terminal unless that is very narrow, and all that commands it are our colours.
func TestTableFitsTheTerminalAndIsInert(t *testing.T) {
	for _, columns := range [][]column{eventColumns, incidentColumns, deliveryColumns, channelColumns, timelineColumns, attemptColumns} {
		long := element{}
		for _, name := range []string{"incident_id", "delivery_id"} {
			long[name] = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"
		}
		for _, name := range []string{"timestamp", "last_seen", "created_at", "at", "time"} {
			long[name] = "2026-01-02T03:04:04.999999Z"
		}
		for _, name := range []string{"source", "message", "error", "last_error", "reason", "channel", "target", "by", "name"} {
			long[name] = "\x1b[2J\u202e\r\n 損失🚨" + strings.Repeat("x", 300)
		}
		for name, value := range map[string]string{"severity": "critical", "status": "acknowledged", "category": "position_violation", "kind": "pagerduty", "health": "degraded"} {
			if long[name] == nil {
				long[name] = value
			}
		}
		for width := 40; width <= 240; width++ {
			colored := shown(width, true, func(s screen) { s.table(columns, []element{long, {}}) })
			plain := shown(width, false, func(s screen) { s.table(columns, []element{long, {}}) })
			require.Equal(t, plain, text.StripEscape(colored))
			require.Equal(t, plain, plaintext.Lines(plain))
			for line := range strings.Lines(plain) {
				if width >= 150 {
					require.LessOrEqual(t, text.StringWidth(strings.TrimSuffix(line, "\n")), width, "%d:\n%s", width, plain)
				}
			}
		}
	}
}

func TestColoursAreThoseOfSeverityAndStatus(t *testing.T) {
	colored := shown(100, true, func(s screen) {
		s.facts("Severity", "critical", "Status", "resolved", "Message", "critical \x1b[0m", "By", "")
	})
	require.Equal(t, "Severity  \x1b[31;1mcritical\x1b[0m\nStatus    \x1b[32mresolved\x1b[0m\nMessage   critical \\x1b[0m\n", colored)
	require.NotContains(t, shown(100, false, func(s screen) { s.facts("Severity", "critical") }), "\x1b")
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 0: "0s", 59 * time.Second: "59s", 90 * time.Second: "1m", 47*time.Hour + 59*time.Minute: "47h", 48 * time.Hour: "2d", 800 * 24 * time.Hour: "800d",
	} {
		require.Equal(t, want, shortly(d))
	}
}
