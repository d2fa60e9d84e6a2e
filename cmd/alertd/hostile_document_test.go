package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/plaintext"
)

const hostileDocument = "../../docs/security-content.md"

// hostileIntroduction begins the document.
const hostileIntroduction = `# Hostile content

<!-- Written by: go test ./cmd/alertd -run HostileContent -update -->

An alert quotes what its component has seen, so its texts may be an attacker's: source, message, keys and values of the
context, ` + "`dedup_key`" + `. So may the name and the note of a person who acts, the answer of a receiver, and any part of a request.
alertd keeps such a text as it is and makes it inert on the way out.

One test, ` + "`cmd/alertd/hostile_test.go`" + `, sends each content below through a running alertd in all of these places and judges what
comes out by the rule of its medium. It takes the kinds of channels, the operations and the commands from alertd itself, so a new
one is judged too, or fails the test until there is a row for it. This page is what the test saw.

**Read by people.** Messages, the log, tables and CSV show a character that is not visible as its escape, such as ` + "`\\u202e`" + `: it
could command a terminal, turn the order of writing around, or make one name look like another. This holds for Slack, mail,
Telegram and PagerDuty as well, because people act on these in a hurry and on a phone. The price: an emoji that is joined of
several shows its joints (` + "`\\u200d`" + `).

**Read by programs.** Answers of the API, the stream and webhooks carry every text exactly as it was sent, as JSON. A program
that shows it must escape it for its own medium. So must a person: a terminal obeys what ` + "`curl`" + ` prints, and ` + "`alertd events`" + `
escapes it.
`

// requireDocument compares the document with what the test saw.
func requireDocument(t *testing.T, o *outputs) {
	t.Helper()
	want := renderHostile(o)
	if *updateFlag {
		require.NoError(t, os.WriteFile(hostileDocument, []byte(want), 0o600))
	}
	got, err := os.ReadFile(hostileDocument)
	require.NoError(t, err)
	require.Equal(t, want, string(got), "if this is meant: go test ./cmd/alertd -run HostileContent -update")
}

func renderHostile(o *outputs) string {
	var b strings.Builder
	b.WriteString(hostileIntroduction)
	table := func(heading string, columns ...string) func(cells ...string) {
		b.WriteString("\n## " + heading + "\n\n| " + strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)) + "\n")
		return func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	}
	row := table("The contents", "content", "attacks", "text")
	for _, c := range hostileContents {
		shown := strings.ReplaceAll(plaintext.Line(strconv.Quote(channel.Shorten(c.text, 60))), "|", `\|`)
		row(c.name, c.what, "`` "+shown+" ``")
	}
	row = table("The media", "read as", "an output is inert if")
	for _, m := range mediaInOrder {
		row(string(m), media[m].rule)
	}
	for _, group := range []string{"channels", "log", "operations", "commands"} {
		row = table(strings.ToUpper(group[:1])+group[1:], "way out", "read as", "contents in it")
		ways := slices.DeleteFunc(slices.Clone(o.ways), func(w *wayOut) bool { return w.group != group })
		slices.SortStableFunc(ways, func(a, b *wayOut) int {
			return strings.Compare(a.name+"\x00"+string(a.medium), b.name+"\x00"+string(b.medium))
		})
		for _, w := range ways {
			row(fmt.Sprintf("`%s`", w.name), string(w.medium), w.summary())
		}
	}
	return b.String()
}

// summary says which contents are in the outputs.
func (w *wayOut) summary() string {
	var shown, hidden []string
	for _, c := range hostileContents {
		if w.shows(c) {
			shown = append(shown, c.name)
		} else {
			hidden = append(hidden, c.name)
		}
	}
	switch {
	case len(hidden) == 0:
		return "all"
	case len(shown) == 0:
		return "none"
	case len(hidden) < len(shown):
		return "all but " + strings.Join(hidden, ", ")
	}
	return strings.Join(shown, ", ")
}
