package template_test

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
	"alertd/internal/plaintext"
	"alertd/internal/template"
)

func TestTemplatesReplaceTheBuiltInTexts(t *testing.T) {
	n := message(incident.Opened)
	worded := parsed(t, template.Spec{
		Title: "{{ .Source }}:\n{{ .Context.portfolio }}", Body: "{{ .Message }}\n\n", HTML: "<b>{{ .Message }}</b>\n",
	}).Apply(n)
	assert.Equal(t, "var_gate: EQ-LS-1", worded.Title, "a title is one line")
	assert.Equal(t, "VaR limit breached: 0.0512 > 0.0300", worded.Body)
	assert.Equal(t, "<b>VaR limit breached: 0.0512 &gt; 0.0300</b>", worded.HTML)
	assert.Equal(t, worded.Title, worded.Worded.Title)
	assert.Equal(t, worded.Body, worded.Worded.Body)

	worded.Title, worded.Body, worded.HTML, worded.Worded = n.Title, n.Body, "", n.Worded
	assert.Equal(t, n, worded, "the rest stays as it is")
	assert.Equal(t, n, parsed(t, template.Spec{}).Apply(n))
}

func TestWhatMakesNothingLeavesTheBuiltInText(t *testing.T) {
	n := message(incident.Opened)
	blank := parsed(t, template.Spec{Title: `{{ if eq .Reason "resolved" }}over{{ end }}`, Body: " \n\t", HTML: "{{/* nothing */}}"})
	assert.Equal(t, n, blank.Apply(n))
	assert.Equal(t, "over", blank.Apply(message(incident.WasResolved)).Title)
}

func TestTheFirstTemplatesComeBeforeTheOthers(t *testing.T) {
	route, ch := parsed(t, template.Spec{Title: "route"}), parsed(t, template.Spec{Title: "channel", Body: "channel", HTML: "channel"})
	n := route.Over(ch).Apply(message(incident.Opened))
	assert.Equal(t, []string{"route", "channel", "channel"}, []string{n.Title, n.Body, n.HTML})
	n = ch.Over(route).Apply(message(incident.Opened))
	assert.Equal(t, "channel", n.Title)
	assert.Equal(t, "route", route.Over(nil).Apply(n).Title)
}

func TestOneThatFailsLeavesTheBuiltInMessageAndSaysSo(t *testing.T) {
	n := message(incident.Opened)
	n.Body = strings.Repeat("a", 8000)
	worded := parsed(t, template.Spec{Title: "short", Body: "{{ range 9 }}{{ $.Message }}{{ end }}"}).Apply(n)
	assert.Equal(t, "body: it makes more than 65536 bytes of text", worded.TemplateError)
	n.TemplateError = worded.TemplateError
	assert.Equal(t, n, worded, "all of it is the built-in one")
}

func TestErrorsNameLineAndWhatIsAllowed(t *testing.T) {
	const functions = "and, default, eq, ge, gt, index, join, le, len, link, lower, lt, ne, not, or, plural, print, printf, time, truncate, upper"
	endless := "it goes on for too long: a loop has too many turns, or a {{template}} never ends"
	for source, want := range map[string]string{
		"{{ .Sverity }}":                                                      "line 1: no field .Sverity, did you mean .Severity?",
		"\n\n{{ .severity }}":                                                 "line 3: no field .severity, did you mean .Severity?",
		"{{ .Incident.Length }}":                                              "line 1: no field .Length, must be one of .Count, .FirstSeen, .ID, .LastSeen, .Number, .Status",
		"{{ .Source.Name }}":                                                  "line 1: no field .Name, as there are no fields in a text or a number",
		"{{ range .Context }}{{ .Source }}":                                   "line 1: unexpected EOF",
		"{{ range 2 }}{{ .Source }}{{ end }}":                                 "line 1: no field .Source here; within {{range}} and {{with}} it is $.Source",
		"{{ .Digest.Incidents }}":                                             "line 1: .Digest.Incidents: there is no digest; write {{with .Digest}}{{.Incidents}}{{end}}",
		"{{ with .Digest }}\n{{ .Sum }}{{ end }}":                             "line 2: no field .Sum, must be one of .ByCategory, .BySeverity, .BySource, .Events, .Incidents, .Since, .Until, .Worst, in a message with the reason digest",
		"{{ with .Digest }}{{ (index .Worst 3).Source }}{{ end }}":            "line 1: index: index out of range: 3, in a message with the reason digest",
		"{{ if eq .Severity `info` }}{{ .Foo.Bar }}{{ end }}":                 "line 1: no field .Foo, must be one of .At, .By, .Category, .Channel, .Context, .Digest, .Incident, .Message, .NewEvents, .Note, .Reason, .Route, .Severity, .Source, .URL, .Why",
		"{{ if .Context.desk }}{{ .Rout }}{{ end }}":                          "line 1: no field .Rout, did you mean .Route?",
		"{{ uper .Source }}":                                                  "line 1: no function uper, did you mean upper?",
		"{{ tracebackframes .Source }}":                                       "line 1: no function tracebackframes, must be one of " + functions,
		"{{ html .Source }}":                                                  "line 1: no function html, must be one of " + functions,
		"{{ .Source | call }}":                                                "line 1: no function call, must be one of " + functions,
		"{{ tick 1 }}":                                                        "line 1: no function tick, did you mean link?",
		"{{ .Message | truncate 0 }}":                                         "line 1: truncate: 0 is not allowed, must be at least 1",
		"{{ .At | time `15:04` `Europe/Berln` }}":                             `line 1: time: "Europe/Berln" is not a time zone, must be one such as UTC or Europe/Berlin`,
		"{{ .At | time `15:04` `Local` }}":                                    `line 1: time: "Local" is not a time zone, must be one such as UTC or Europe/Berlin`,
		"{{ .Source | plural `a` `b` }}":                                      "line 1: plural: string is not a whole number",
		"{{ .Source | join `, ` }}":                                           "line 1: join: string is not a list",
		"{{ link `x` `javascript:alert(1)` }}":                                "line 1: link: the address of a link must begin with http:// or https://",
		"{{ if }}":                                                            "line 1: missing value for if",
		"a\n{{ .Source":                                                       "line 2: unclosed action",
		"\n{{ range 1000000000 }}{{ end }}":                                   "line 2: " + endless,
		"{{ range 10000 }}{{ range 10000 }}\n{{ end }}{{ end }}":              "line 1: " + endless,
		"{{ define `a` }}\n{{ template `a` . }}{{ end }}{{ template `a` . }}": "line 1: " + endless,
		"{{ range 9000 }}{{ range $k, $v := $.Context }}{{ break }}{{ end }}{{ end }}":         "line 1: " + endless,
		"{{ range 200 }}{{ $.Message | printf `%01000d %s` 1 }}{{ end }}":                      "it makes more than 65536 bytes of text",
		"{{ $x := `abcdefgh` }}{{ range 99 }}{{ $x = printf `%s%s` $x $x }}{{ end }}":          "line 1: printf: its functions make more than 1048576 bytes of text",
		"{{ $x := `abcdefgh` }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}":                  "line 1: print: its functions make more than 1048576 bytes of text",
		"{{ $x := printf `%04000d` 1 }}{{ range 99 }}{{ $y := time $x `UTC` $.At }}{{ end }}":  "line 1: time: its functions make more than 1048576 bytes of text",
		"{{ printf `" + strings.Repeat("%9999[1]d", 105) + "` 1 }}":                            "line 1: printf: its functions make more than 1048576 bytes of text",
		"{{ $x := printf `%099999d` 1 }}{{ printf `" + strings.Repeat("%[1]s", 11) + "` $x }}": "line 1: printf: its functions make more than 1048576 bytes of text",
		"{{ $x := printf `%099999d` 1 }}{{ print" + strings.Repeat(" $x", 11) + "}}":           "line 1: print: its functions make more than 1048576 bytes of text",
		"{{ printf `%.*f` 9999 1.0 }}":                                                         "line 1: printf: * is not allowed as a width, must be a number such as %8s",
		strings.Repeat("a", 16385):                                                             "has 16385 bytes, must have at most 16384",
	} {
		for _, html := range []bool{false, true} {
			spec, field := template.Spec{Body: source}, "body: "
			if html {
				spec, field = template.Spec{HTML: source}, "html: "
			}
			_, err := template.New(spec)
			assert.EqualError(t, err, field+want, "%.100s", source)
		}
	}
}

func TestEachTemplateHasItsProblem(t *testing.T) {
	_, err := template.New(template.Spec{Title: "{{", Body: "{{ .No }}", HTML: `<a href={{ . }}>{{ if }}`})
	invalid, ok := errors.AsType[*alerting.Error](err)
	require.True(t, ok)
	require.Equal(t, alerting.CodeInvalid, invalid.Code)
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
	}
	require.Equal(t, []string{"title", "body", "html"}, fields)
	_, err = template.New(template.Spec{HTML: "<script>{{ if .By }}'{{ end }}</script>"})
	require.ErrorContains(t, err, "html: line 1: {{if}} branches end in different contexts", "html/template's own errors")
}

func TestTextsStayPrintable(t *testing.T) {
	const evil = "a\x1b[2J\r\nb\u202e\xff<img src=x onerror=alert(1)>"
	n := message(incident.WasResolved)
	i := &n.Notice.Incident
	i.Source, i.Message, n.Notice.By, n.Notice.Note, n.Notice.Why = evil, evil, evil, evil, evil
	n.Notice.Context.Fields = []incident.Field{{Name: "name" + evil, Value: []byte(`"v\u001b[2J<b>"`)}}
	n = channel.Render(n.Key, n.Notice, "https://alertd.example.com")
	all := `{{ .Source }}{{ .Message }}{{ .By }}{{ .Note }}{{ .Why }}{{ range $k, $v := .Context }}{{ $k }}{{ $v }}{{ end }}`
	worded := parsed(t, template.Spec{Title: all, Body: all + "\x1b" + `{{ printf "\u202e%s" .Source }}`, HTML: "<p title='" + all + "'>" + all + "</p>"}).Apply(n)
	require.Empty(t, worded.TemplateError)
	for _, text := range []string{worded.Title, worded.Body, worded.HTML} {
		assert.Equal(t, plaintext.Lines(text), text)
		assert.Contains(t, text, `b\u202e`)
	}
	assert.NotContains(t, worded.Title, "\n")
	assert.Contains(t, worded.Body, `<img src=x onerror=alert(1)>`, "a text is no markup")
	assert.NotContains(t, worded.HTML, "<img")
	assert.NotContains(t, worded.HTML, "<b>")
	assert.Contains(t, worded.HTML, "&lt;img src=x onerror=alert(1)&gt;")
}

func TestHTMLIsEscapedWhereItStands(t *testing.T) {
	n := message(incident.Opened)
	n.Notice.Incident.Message, n.URL = `javascript:alert("x")`, `javascript:alert("x")`
	n.Body = n.Notice.Incident.Message
	worded := parsed(t, template.Spec{HTML: `<a href="{{ .URL }}">x</a><a href="{{ .Message }}">y</a><style>p { color: {{ .Message }} }</style>` +
		`{{ range 2 }}<i class={{ $.Source }}>{{ end }}<script>{{ range 1 }}var s = {{ $.Source }};{{ end }}</script>`}).Apply(n)
	require.Empty(t, worded.TemplateError)
	assert.Equal(t, `<a href="#ZgotmplZ">x</a><a href="#ZgotmplZ">y</a><style>p { color: ZgotmplZ }</style>`+
		`<i class=var_gate><i class=var_gate><script>var s = "var_gate";</script>`, worded.HTML, "what bounds loops leaves no trace")
	linked := parsed(t, template.Spec{HTML: `{{ "https://x.example.com/?a=<b>&c='\"" | link "<b>" }}`}).Apply(n)
	assert.Equal(t, `<a href="https://x.example.com/?a=&lt;b&gt;&amp;c=&#39;&#34;">&lt;b&gt;</a>`, linked.HTML)
}

// What a function would make is known before it is made.
func TestFunctionMakesNothingThatIsTooLong(t *testing.T) {
	for _, source := range []string{
		"{{ printf `" + strings.Repeat("%999999[1]d", 300) + "` 1 }}",
		"{{ printf `" + strings.Repeat("%999[1]v", 500) + "` .Context }}",
		"{{ $x := printf `%0499999d` 1 }}{{ print" + strings.Repeat(" $x", 400) + "}}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = template.New(template.Spec{Body: source})
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), "%.50s", source)
	}
}

// Templates are used by all that send on a channel at once.
func TestManyExecuteATemplateAtOnce(t *testing.T) {
	words := parsed(t, template.Spec{Title: "{{ range 900 }}{{ end }}{{ .Source }}", HTML: "<p>{{ .Source }}{{ .At | time `15:04` `Asia/Tokyo` }}"})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				n := words.Apply(message(incident.Opened))
				assert.Empty(t, n.TemplateError)
				assert.Equal(t, "var_gate", n.Title)
			}
		})
	}
	all.Wait()
}

// Whatever a template is, it comes to an end, and makes printable texts of a bounded size.
func TestAnyTemplateEnds(t *testing.T) {
	pieces := []string{
		"{{ .Message }}", "{{ range 99 }}", "{{ range $k, $v := .Context }}", "{{ range .Digest.Worst }}", "{{ with .Digest }}", "{{ if .By }}", "{{ else }}", "{{ end }}",
		"{{ break }}", "{{ continue }}", "{{ define `x` }}", "{{ template `x` . }}", "{{ block `y` . }}", "{{ $x := . }}", "{{ $x = printf `%v%v` $x $x }}", "{{ $x }}",
		"{{ .Source | upper | truncate 5 }}", "{{ . }}", "{{ .Incident }}", "<p>", "<a href='", "'>", "<script>", "</script>", "<!--", "-->", "text\n", "\x1b", "\u202e",
	}
	rapid.Check(t, func(rt *rapid.T) {
		source := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 30).Draw(rt, "source"), "")
		for _, spec := range []template.Spec{{Body: source}, {HTML: source}} {
			words, err := template.New(spec)
			if err != nil {
				continue
			}
			n := words.Apply(message(rapid.SampledFrom(incident.Reasons()).Draw(rt, "reason")))
			for _, text := range []string{n.Body, n.HTML, n.TemplateError} {
				if len(text) > 200_000 || plaintext.Lines(text) != text {
					rt.Fatalf("%d bytes: %q", len(text), text)
				}
			}
		}
	})
}
