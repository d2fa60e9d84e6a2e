package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/test/tradingday"
)

// noiseDocument explains each mechanism by what it did on the trading day. What is between
// marks such as <!-- replay: storm --> and <!-- end --> is written by make replay ARGS=-update.
const noiseDocument = "../../docs/noise.md"

// marked is a part of the document: its name, and what it shows.
var marked = regexp.MustCompile(`(?s)<!-- replay: ([a-z]+) -->\n(.*?)<!-- end -->\n`)

// requireNoiseDocument compares the document with the day.
func requireNoiseDocument(t *testing.T, parts map[string]string) {
	t.Helper()
	text, err := os.ReadFile(noiseDocument)
	require.NoError(t, err)
	missing := maps.Clone(parts)
	want := marked.ReplaceAllStringFunc(string(text), func(found string) string {
		name := marked.FindStringSubmatch(found)[1]
		part, known := parts[name]
		require.True(t, known, "nothing writes the part %s of the document", name)
		delete(missing, name)
		return "<!-- replay: " + name + " -->\n" + part + "<!-- end -->\n"
	})
	require.Empty(t, missing, "the document lacks these parts")
	if *updateFlag {
		require.NoError(t, os.WriteFile(noiseDocument, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "if this is meant: make replay ARGS=-update")
}

// partOf returns what the document shows in a part now.
func partOf(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(noiseDocument)
	require.NoError(t, err)
	for _, found := range marked.FindAllStringSubmatch(string(text), -1) {
		if found[1] == name {
			return found[2]
		}
	}
	require.Fail(t, "the document lacks a part", name)
	return ""
}

// dayTable returns the table of the day as the document shows it. Alertmanager's numbers are
// not the same each time: those of the document stay, unless they are to be written, and
// must be about right.
func dayTable(t *testing.T, table string) string {
	t.Helper()
	rows, shown := cellsOf(table), cellsOf(partOf(t, "day"))
	for n, row := range rows {
		theirs := ""
		if n < len(shown) && len(shown[n]) == 3 {
			theirs = shown[n][2]
		}
		if len(row) == 3 && row[0] == "messages out" && !*updateFlag && *speedFlag <= 60 { // else its intervals are too short to be kept
			now, err := strconv.ParseFloat(row[2], 64)
			require.NoError(t, err)
			then, err := strconv.ParseFloat(theirs, 64)
			require.NoError(t, err)
			require.InEpsilon(t, then, now, 0.1, "Alertmanager sends other numbers of messages than the document says")
		}
		if len(row) == 2 || !*updateFlag {
			rows[n] = append(row[:2:2], theirs)
		}
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return text.String()
}

// cellsOf returns the cells of a table of Markdown.
func cellsOf(table string) (rows [][]string) {
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		for n := range cells {
			cells[n] = strings.TrimSpace(cells[n])
		}
		rows = append(rows, cells)
	}
	return rows
}

// day is a replayed day, as the document tells of it.
type day struct {
	*operator
	alerts  []tradingday.Alert
	stories map[string]*story
}

// parts returns the parts of the document.
func (d day) parts() map[string]string {
	halted, silenced := d.about("rejected orders on XEUR")[0], d.about("latency")[0]
	digests := d.between(15*time.Hour+10*time.Minute, tradingday.End, func(m told) bool { return isDigest(m) && m.channel == "mail" })
	return map[string]string{
		"routes":     d.routes(),
		"start":      fenced(d.told("start of ").String()),
		"feed":       fenced(d.told("market data of XETR").String()),
		"repeat":     fenced(d.told("latency").String()),
		"limits":     fenced(d.told("VaR of BTC-EUR").String()),
		"flapping":   fenced(d.told("FIX session CS-7").String()),
		"promotion":  fenced(d.firstPromoted().showTimeline()),
		"digest":     fenced(showDigest(digests[0])),
		"storm":      fenced(d.between(14*time.Hour+30*time.Minute+30*time.Second, 14*time.Hour+37*time.Minute, anything).String()),
		"silence":    fenced(silenced.showTimeline()),
		"window":     fenced(d.sum("batch ") + "\n" + d.about("batch fees")[0].showTimeline()),
		"inhibition": fenced(d.sum("rejected orders on XEUR") + "\n" + halted.showTimeline() + "\n" + d.told("rejected orders on XETR").String()),
		"heartbeat":  fenced(d.between(12*time.Hour, 13*time.Hour, isOwn).String()),
		"explain":    fenced(d.explained()),
		"recipients": fenced(d.recipients(halted)),
		"stats":      fenced(d.noise()),
	}
}

func fenced(text string) string { return "```text\n" + text + "```\n" }

// routes says how many alerts, incidents and messages went by each route.
func (d day) routes() string {
	type row struct{ alerts, incidents, messages int }
	rows := map[string]row{}
	for _, s := range d.stories {
		r := rows[s.route]
		rows[s.route] = row{r.alerts + len(s.alerts), r.incidents + 1, r.messages + len(s.messages)}
	}
	text := "| route | alerts | incidents | messages about one incident |\n|---|---|---|---|\n"
	for _, name := range slices.SortedFunc(maps.Keys(rows), func(a, b string) int { return cmp.Compare(rows[b].alerts, rows[a].alerts) }) {
		text += fmt.Sprintf("| `%s` | %d | %d | %d |\n", name, rows[name].alerts, rows[name].incidents, rows[name].messages)
	}
	return text
}

// about returns the incidents about problems whose names begin so, the first opened first.
func (d day) about(problem string) []*story {
	var found []*story
	for _, s := range d.stories {
		if slices.ContainsFunc(s.alerts, func(a tradingday.Alert) bool { return strings.HasPrefix(a.Problem, problem) }) {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *story) int { return cmp.Or(cmp.Compare(a.opened, b.opened), cmp.Compare(a.number, b.number)) })
	return found
}

// told returns the messages about these incidents.
func (d day) told(problem string) letters {
	var messages letters
	for _, s := range d.about(problem) {
		messages = append(messages, s.messages...)
	}
	return messages
}

// sum says how much there was of a problem, and how much of it was told.
func (d day) sum(problem string) string {
	alerts, messages := 0, 0
	about := d.about(problem)
	for _, s := range about {
		alerts, messages = alerts+len(s.alerts), messages+len(s.messages)
	}
	return fmt.Sprintf("%d alerts, incidents: %d, messages: %d\n", alerts, len(about), messages)
}

// between returns the messages between two times of day that keep lets through.
func (d day) between(from, to time.Duration, keep func(told) bool) letters {
	var messages letters
	for _, m := range d.postbox.got {
		if at := timeOfDay(m.at); from <= at && at < to && keep(m) {
			messages = append(messages, m)
		}
	}
	return messages
}

func anything(told) bool { return true }

func isDigest(m told) bool { return m.n.Notice.Reason == incident.Digested }

func isOwn(m told) bool { return m.n.Notice.Incident.Source == alerting.OwnSource && !isDigest(m) }

// firstPromoted returns the first incident that a promotion has changed.
func (d day) firstPromoted() *story {
	for _, s := range d.about("") {
		if slices.ContainsFunc(s.timeline, func(e entry) bool { return strings.Contains(e.Reason, "(promotion ") }) {
			return s
		}
	}
	require.Fail(d.t, "nothing was promoted")
	return nil
}

// explained returns the words of the explanation that somebody asked for.
func (d day) explained() string {
	var x struct{ Words []string }
	require.NoError(d.t, json.Unmarshal(d.explanation, &x))
	return strings.Join(x.Words, "\n") + "\n"
}

// recipients returns what each channel knows of an incident.
func (d day) recipients(s *story) string {
	var text strings.Builder
	for _, c := range s.channels {
		fmt.Fprintf(&text, "%-5s  %-9s  %s\n", c.Channel, c.State, c.Reason)
	}
	return text.String()
}

// noise returns what GET /stats says about noise.
func (d day) noise() string {
	var stats struct{ Noise json.RawMessage }
	d.get("/stats", &stats)
	var text bytes.Buffer
	require.NoError(d.t, json.Indent(&text, stats.Noise, "", "  "))
	return text.String() + "\n"
}

// letters are messages as the document shows them.
type letters []told

// String returns two lines for each message: when it came where, and what it says. What
// came to several channels at once is shown once.
func (l letters) String() string {
	sorted := slices.SortedStableFunc(slices.Values(l), func(a, b told) int {
		return cmp.Or(cmp.Compare(showTime(a.at), showTime(b.at)), cmp.Compare(a.n.Notice.Incident.Number, b.n.Notice.Incident.Number), cmp.Compare(a.channel, b.channel))
	})
	var text strings.Builder
	for n := 0; n < len(sorted); {
		m, channels := sorted[n], []string{}
		for ; n < len(sorted) && showTime(sorted[n].at) == showTime(m.at) && sorted[n].n.Headline == m.n.Headline; n++ {
			channels = append(channels, sorted[n].channel)
		}
		fmt.Fprintf(&text, "%s %s: %s\n         %s", showTime(m.at), strings.Join(channels, ", "), m.n.Subject(120), m.n.Headline)
		if m.n.Why != "" {
			fmt.Fprintf(&text, " (%s)", m.n.Why)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// showTime writes a time of day, of the clock in Frankfurt.
func showTime(t time.Time) string { return t.In(tradingday.Date().Location()).Format("15:04:05") }

// showTimeline returns the timeline as the document shows it.
func (s *story) showTimeline() string {
	var text strings.Builder
	for _, e := range s.timeline {
		fmt.Fprintf(&text, "%s %s: %s\n", showTime(e.At), e.Kind, e.Reason)
	}
	return text.String()
}

// showDigest returns a digest as people read it.
func showDigest(m told) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s: %s\n%s\n", showTime(m.at), m.channel, m.n.Subject(120), m.n.Body)
	for _, f := range m.n.Facts {
		fmt.Fprintf(&text, "%s: %s\n", f.Name, f.Value)
	}
	for _, i := range m.n.Items {
		fmt.Fprintf(&text, "%s: %s\n", i.Name, i.Text)
	}
	return text.String()
}

func TestNoiseDocumentShowsTheConfigurationOfTheDay(t *testing.T) {
	text, err := os.ReadFile(noiseDocument)
	require.NoError(t, err)
	config, err := os.ReadFile(filepath.Join(tradingDay, "alertd.toml"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, block := range blocks {
		require.Contains(t, string(config), block[1])
	}
}
