package template_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/incident"
	"alertd/internal/plaintext"
	"alertd/internal/template"
)

func TestFunctions(t *testing.T) {
	for source, want := range map[string]string{
		`{{ "Zürich" | upper }} {{ "ÄÖ" | lower }}`:                               "ZÜRICH äö",
		`{{ "abcdef" | truncate 4 }}|{{ "abcd" | truncate 4 }}`:                   "abc…|abcd",
		`{{ "e\u0301tat" | truncate 2 }}|{{ "👩‍👩‍👧‍👦ab" | truncate 2 }}`:          "e\u0301…|👩\\u200d👩\\u200d👧\\u200d👦…",
		`{{ "abc" | truncate 1 }}`:                                                "…",
		`{{ .Route | default "none" }}`:                                           "none",
		`{{ .Source | default "none" }}`:                                          "var_gate",
		`{{ 0 | default "no number" }} {{ 5 | default 1 }}`:                       "no number 5",
		`{{ .Context.portfolio }}`:                                                "EQ-LS-1",
		`{{ .Context.limit }}`:                                                    "0.0300",
		`[{{ .Context.missing }}{{ index .Context "a-b" }}]`:                      "[]",
		`{{ if .Context.missing }}there{{ else }}not{{ end }}`:                    "not",
		`{{ plural "event" "events" .NewEvents }}`:                                "41 events",
		`{{ plural "event" "events" 1 }}`:                                         "1 event",
		`{{ plural "event" "events" 0 }}`:                                         "0 events",
		`{{ .At }}`:                                                               "2025-12-27 11:30:00 UTC",
		`{{ .At | time "15:04" "Europe/Berlin" }}`:                                "12:30",
		`{{ time "Mon 2 Jan" "UTC" .Incident.FirstSeen }}`:                        "Sat 27 Dec",
		`{{ .URL | link "Open" }}`:                                                "Open: https://alertd.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-000000000012",
		`[{{ "" | link "Open" }}]`:                                                "[]",
		`{{ printf "%05.1f" 3.14159 }} {{ print "a" 1 2 }}`:                       "003.1 a1 2",
		`{{ printf "*%s*|%6.2f|%-5s|%q|100%%*" .Source 3.14159 "ab" "c" }}`:       `*var_gate*|  3.14|ab   |"c"|100%*`,
		`{{ printf "%v %s" .Context .At }}`:                                       "map[limit:0.0300 portfolio:EQ-LS-1 var:0.0512] 2025-12-27 11:30:00 UTC",
		`{{ and true .Source }} {{ or .By .Source }} {{ not .By }}`:               "var_gate var_gate true",
		`{{ if and (gt .Incident.Count 40) (ne .Severity "info") }}many{{ end }}`: "many",
		`{{ len .Context }}`:                                                      "3",
	} {
		assert.Equal(t, want, body(t, source, incident.Updated), source)
	}
	assert.Equal(t, "1 critical, 9 warning, 7 info", body(t, `{{ with .Digest }}{{ .BySeverity | join ", " }}{{ end }}`, incident.Digested))
	assert.Equal(t, "12 critical var_gate triggered https://alertd.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-000000000012",
		body(t, `{{ with .Digest }}{{ with index .Worst 0 }}{{ .Number }} {{ .Severity }} {{ .Source }} {{ .Status }} {{ .URL }}{{ end }}{{ end }}`, incident.Digested))
	require.Contains(t, template.Functions(), "truncate")
}

func TestTruncateNeverSplitsACharacter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		part := rapid.SampledFrom([]string{"a", "é", "e\u0301", "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "中", "\r\n", " "})
		n := message(incident.Opened)
		n.Body = strings.Join(rapid.SliceOfN(part, 0, 12).Draw(rt, "parts"), "")
		most := rapid.IntRange(1, 14).Draw(rt, "most")
		want, words := n.Body, parsed(t, template.Spec{Body: fmt.Sprintf("[{{ .Message | truncate %d }}]", most)})
		if count := uniseg.GraphemeClusterCount(want); count > most {
			want = ""
			for left := uniseg.NewGraphemes(n.Body); most > 1 && left.Next(); most-- {
				want += left.Str()
			}
			want += "…"
		}
		require.Equal(rt, plaintext.Lines("["+want+"]"), words.Apply(n).Body)
	})
}
