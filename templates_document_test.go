package alertd_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/config"
	"alertd/internal/incident"
	"alertd/internal/template"
)

const templatesDocument = "docs/templates.md"

// templateRows returns the cells of the tables in a section of the document, without the marks of
// code.
func templateRows(tb testing.TB, heading string) (rows [][]string) {
	tb.Helper()
	_, text, found := strings.Cut(readFile(tb, templatesDocument), "\n## "+heading+"\n")
	require.True(tb, found, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	for line := range strings.Lines(text) {
		if cells := strings.Split(strings.TrimSpace(line), "|"); len(cells) > 3 && strings.Contains(cells[1], "`") {
			for n := range cells {
				if cells[n] = strings.TrimSpace(cells[n]); n != 2 { // the words stay as they are
					cells[n] = strings.Trim(cells[n], "`")
				}
			}
			rows = append(rows, cells[1:len(cells)-1])
		}
	}
	return rows
}

// shownBy returns what a template makes of the sample that the document shows.
func shownBy(tb testing.TB, source string) string {
	tb.Helper()
	reason := incident.WasAcknowledged
	if strings.Contains(source, "{{ with .Digest }}") {
		reason = incident.Digested
	}
	words, err := template.New(template.Spec{Body: "[" + source + "]"})
	require.NoError(tb, err, source)
	notice := template.Sample(reason, template.SampleEvent(alerting.SeverityCritical))
	notice.Route = "risk"
	n := channel.Render("019b5f2c-8000-7000-8000-000000000001", notice, "https://alertd.example.com")
	n.Channel = "desk"
	n = words.Apply(n)
	require.Empty(tb, n.TemplateError, source)
	return strings.TrimSuffix(strings.TrimPrefix(n.Body, "["), "]")
}

// fields returns the names by which a template reaches the fields of a type.
func fields(t reflect.Type, prefix string) (names []string) {
	for field := range t.Fields() {
		if name := prefix + "." + field.Name; field.Type == reflect.TypeFor[template.Incident]() {
			names = append(names, fields(field.Type, name)...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

func TestTemplatesDocumentHasEveryField(t *testing.T) {
	rows := templateRows(t, "What a template sees")
	var shown []string
	data := len(fields(reflect.TypeFor[template.Data](), ""))
	for n, row := range rows {
		name, says, example := row[0], row[1], row[2]
		require.NotEmpty(t, says, name)
		source := "{{ " + name + " }}"
		if n >= data {
			source = "{{ with .Digest }}" + source + "{{ end }}"
		}
		require.Equal(t, example, shownBy(t, source), name)
		name, _, _ = strings.Cut(strings.TrimPrefix(name, "len "), ".limit")
		shown = append(shown, name)
	}
	require.ElementsMatch(t, fields(reflect.TypeFor[template.Data](), ""), shown[:data])
	require.ElementsMatch(t, fields(reflect.TypeFor[template.Digest](), ""), shown[data:])
	for _, inner := range []struct {
		of    reflect.Type
		field string
	}{{reflect.TypeFor[template.Tally](), ".BySeverity"}, {reflect.TypeFor[template.Item](), ".Worst"}} {
		at := slices.Index(shown, inner.field)
		require.ElementsMatch(t, fields(inner.of, ""), regexp.MustCompile(`\.[A-Z]\w+`).FindAllString(rows[at][1], -1), inner.field)
	}
}

func TestTemplatesDocumentHasEveryFunction(t *testing.T) {
	var shown []string
	for _, row := range templateRows(t, "Functions") {
		shown = append(shown, row[0])
		require.Contains(t, row[2], row[0])
		require.Equal(t, row[3], shownBy(t, row[2]), row[2])
	}
	require.ElementsMatch(t, template.Functions(), shown)
}

func TestTemplatesOfTheDocumentAreValid(t *testing.T) {
	for _, b := range blocks(readFile(t, templatesDocument)) {
		if b.language == "toml" {
			_, err := config.Parse([]byte(b.text), config.Options{})
			require.NoError(t, err, b.name())
		}
	}
}

func TestRenderedMessageOfTheDocumentIsWhatIsPrinted(t *testing.T) {
	requireBuilt(t)
	var settings, question, answer string
	for _, b := range blocks(readFile(t, templatesDocument))[:3] {
		switch b.language {
		case "toml":
			settings = b.text
		case "sh":
			question = b.text
		case "text":
			answer = b.text
		}
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	require.NoError(t, os.WriteFile(path, []byte(settings), 0o600))
	args := strings.Fields(question)
	require.Equal(t, "alertd", args[0])
	printed, err := command(t.Context(), "bin/alertd", append(args[1:], "--config", path)...).CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Equal(t, answer, string(printed))
}
