package alerting_test

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// read is an alert as encoding/json reads it, which shares no code with alertd's
// own decoder.
type read map[string]json.RawMessage

// text returns a field's text, whether there is the field, and whether it is one
// of 1 to most characters without NUL.
func (r read) text(field string, most int) (text string, given, ok bool) {
	raw, given := r[field]
	if !given || raw[0] != '"' || json.Unmarshal(raw, &text) != nil {
		return "", given, false
	}
	n := utf8.RuneCountInString(text)
	return text, true, n >= 1 && n <= most && !strings.Contains(text, "\x00")
}

var (
	aTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d([.,]\d+)?( ?(Z|z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?))?$`)
	// A string, or a word for a number that is not finite.
	notFinite = regexp.MustCompile(`(?is)"(?:[^"\\]|\\.)*"|[+-]?\b(?:nan|infinity|inf)\b`)
	aUUID     = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
)

// finite replaces each NaN and infinity in JSON by what become returns for it.
func finite(data []byte, become func(word string) string) []byte {
	return notFinite.ReplaceAllFunc(data, func(match []byte) []byte {
		if match[0] == '"' {
			return match
		}
		return []byte(become(strings.ToLower(string(match))))
	})
}

// asNumber replaces NaN and infinities outside of a context, asString in it.
func asNumber(string) string { return "0" }

func asString(word string) string {
	switch {
	case strings.Contains(word, "nan"):
		return `"NaN"`
	case word[0] == '-':
		return `"-Infinity"`
	}
	return `"Infinity"`
}

// readTime reads a time by trying one layout after the other.
func readTime(text string) (time.Time, bool) {
	if !aTime.MatchString(text) {
		return time.Time{}, false
	}
	text = strings.ToUpper(strings.ReplaceAll(text, ",", "."))
	day := text[:10]
	rest := strings.ReplaceAll(text[11:], " ", "")
	after := time.Duration(0)
	if midnight := regexp.MustCompile(`^24:00:00(\.0+)?(?:$|[^.\d])`); midnight.MatchString(rest) {
		rest, after = "00"+rest[2:], 24*time.Hour
	}
	for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
		if t, err := time.Parse("2006-01-02T15:04:05"+zone, day+"T"+rest); err == nil {
			return t.Add(after).UTC(), true
		}
	}
	return time.Time{}, false
}

// allowed reports whether the alert is one by the words of the contract.
func (r read) allowed() bool {
	for field, value := range r {
		if string(value) == "null" && slices.Contains([]string{"context", "timestamp", "event_id", "dedup_key", "resolves"}, field) {
			delete(r, field)
		}
		if !slices.Contains([]string{"severity", "category", "source", "message", "context", "timestamp", "event_id", "dedup_key", "resolves"}, field) {
			return false
		}
	}
	named := func(name string, ok bool, names ...string) bool {
		return ok && slices.ContainsFunc(names, func(one string) bool { return strings.EqualFold(one, name) })
	}
	severity, _, ok := r.text("severity", 255)
	if !named(severity, ok, "debug", "info", "warning", "error", "critical", "trace", "verbose", "notice", "information", "informational", "warn", "err", "crit", "fatal", "alert", "emerg", "emergency", "panic") {
		return false
	}
	category, _, ok := r.text("category", 255)
	if !named(category, ok, "risk_limit", "position_violation", "execution_error", "data_quality", "system_health", "compliance", "performance", "other") {
		return false
	}
	source, _, _ := r.text("source", 255) // the limit holds for the trimmed text, below
	if n := utf8.RuneCountInString(strings.TrimSpace(source)); n < 1 || n > 255 || strings.Contains(source, "\x00") || strings.EqualFold(strings.TrimSpace(source), "alertd") {
		return false
	}
	message, _, ok := r.text("message", 8192)
	if !ok || strings.TrimSpace(message) == "" {
		return false
	}
	if _, given, ok := r.text("dedup_key", 255); given && !ok {
		return false
	}
	if id, given, _ := r.text("event_id", 36); given && (!aUUID.MatchString(id) || strings.Trim(id, "0-") == "") {
		return false
	}
	if text, given, _ := r.text("timestamp", 1<<20); given {
		at, ok := readTime(text)
		if !ok || at.Year() < 1970 || at.Year() > 9999 {
			return false
		}
	}
	if resolves, given := r["resolves"]; given && string(resolves) != "true" && string(resolves) != "false" {
		return false
	}
	context, given := r["context"]
	return !given || context[0] == '{' && depth(context) <= 32 && !hasNUL(context)
}

// depth returns how deep a JSON value is nested.
func depth(value []byte) int {
	deepest, now := 0, 0
	for decoder := json.NewDecoder(bytes.NewReader(value)); ; {
		token, err := decoder.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			deepest = max(deepest, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

// hasNUL reports whether a text or a key of a JSON value has a NUL character.
func hasNUL(value []byte) bool {
	for decoder := json.NewDecoder(bytes.NewReader(value)); ; {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		if text, ok := token.(string); ok && strings.Contains(text, "\x00") {
			return true
		}
	}
}

// requireDistinct checks that no object in the value has a key twice.
func requireDistinct(tb testing.TB, value json.RawMessage) {
	tb.Helper()
	switch value[0] {
	case '[':
		var items []json.RawMessage
		require.NoError(tb, json.Unmarshal(value, &items))
		for _, item := range items {
			requireDistinct(tb, item)
		}
	case '{':
		var distinct map[string]json.RawMessage
		require.NoError(tb, json.Unmarshal(value, &distinct))
		keys := 0
		decoder := json.NewDecoder(bytes.NewReader(value))
		_, _ = decoder.Token() // the brace
		for decoder.More() {
			_, err := decoder.Token()
			require.NoError(tb, err)
			require.NoError(tb, decoder.Decode(new(json.RawMessage)))
			keys++
		}
		require.Len(tb, distinct, keys, "a key is there twice")
		for _, member := range distinct {
			requireDistinct(tb, member)
		}
	}
}

// members returns the names of an object's members in their order, and their
// values, numbers with their digits.
func members(tb testing.TB, object string) (names []string, values map[string]any) {
	tb.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	decoder.UseNumber()
	brace, err := decoder.Token()
	require.NoError(tb, err)
	require.Equal(tb, json.Delim('{'), brace)
	values = map[string]any{}
	for decoder.More() {
		name, err := decoder.Token()
		require.NoError(tb, err)
		text, ok := name.(string)
		require.True(tb, ok)
		require.NotContains(tb, values, text, "twice")
		var value any
		require.NoError(tb, decoder.Decode(&value))
		names, values[text] = append(names, text), value
	}
	_, err = decoder.Token()
	require.NoError(tb, err)
	_, err = decoder.Token()
	require.ErrorIs(tb, err, io.EOF)
	return names, values
}

// readAlert reads an alert, or returns nil if that is not a JSON object.
func readAlert(data []byte) read {
	var alert, quoted read
	if json.Unmarshal(finite(data, asNumber), &alert) != nil {
		return nil
	}
	if context, ok := alert["context"]; ok && json.Unmarshal(finite(data, asString), &quoted) == nil && context[0] == '{' {
		alert["context"] = quoted["context"]
	}
	return alert
}

// FuzzDecodeAlert: an alert is accepted exactly if the contract allows it. Another
// decoder reads the same from it and from the event that is made of it, whose
// context is the same byte for byte. Input that is no JSON to the other decoder is
// malformed.
func FuzzDecodeAlert(f *testing.F) {
	full := `,"timestamp":"2025-12-27T10:30:00.5+23:59","event_id":"019B5F2C-7A3E-7C4D-9F10-2B6C8D1E4A55","dedup_key":"k","context":{"a":[1,{"b":null}]}}`
	for _, seed := range []string{
		minimal + `}`, minimal + full, " \t\r\n" + minimal + full + "\r\n", strings.ReplaceAll(minimal+full, `,"`, " ,\n\t\""), `{}`, `{`, `}`, ``, ` `, `[]`, `null`, `7`, `"x"`, `true`, `nul`, `7 x`, `[] {}`, "\xff", "\xef\xbb\xbf" + minimal + `}`,
		minimal + `}{}`, minimal + `} x`, minimal + `,}`, minimal + `,"a"}`, minimal + `,"source":"x"}`, minimal + `,"sourc\u0065":"x"}`, `{"s\u006furce":"a","severity":"error","category":"other","message":"m"}`,
		strings.NewReplacer("error", "ErRoR", "risk_limit", "RISK_LIMIT").Replace(minimal) + `}`, strings.Replace(minimal, "risk_limit", "ri\u017fk_limit", 1) + `}`, strings.Replace(minimal, "error", `err\u006fr`, 1) + `}`, strings.Replace(minimal, "error", " error", 1) + `}`,
		strings.Replace(minimal, "var_gate", "VaR_Gate É", 1) + `}`, strings.Replace(minimal, "var_gate", `  \u00a0\u3000a b\u2028\t`, 1) + `}`, strings.Replace(minimal, "var_gate", `\u0000`, 1) + `}`, strings.Replace(minimal, "var_gate", `\ud83d\ude00`, 1) + `}`, strings.Replace(minimal, "var_gate", `\ud83d`, 1) + `}`, strings.Replace(minimal, "var_gate", "\xed\xa0\xbd", 1) + `}`,
		strings.Replace(minimal, "var_gate", strings.Repeat("é", 255), 1) + `}`, strings.Replace(minimal, "var_gate", strings.Repeat("é", 256), 1) + `}`, strings.Replace(minimal, "breach", strings.Repeat("😀", 8192), 1) + `}`, strings.Replace(minimal, "breach", strings.Repeat("x", 8193), 1) + `}`,
		strings.Replace(minimal, "breach", ` \"\\\/\b\f\n\r\t<&>\u2028\u007f `, 1) + `}`, strings.Replace(minimal, "breach", "a\nb", 1) + `}`, strings.Replace(minimal, "breach", `\n\t `, 1) + `}`,
		minimal + `,"dedup_key":""}`, minimal + `,"dedup_key":" "}`, minimal + `,"dedup_key":"\u0000"}`, minimal + `,"dedup_key":"` + strings.Repeat("k", 256) + `"}`,
		minimal + `,"timestamp":"2025-12-27T10:30:00Z"}`, minimal + `,"timestamp":"2025-12-27T10:30:00.1234567899Z"}`, minimal + `,"timestamp":"1969-12-31T23:59:59.999999Z"}`, minimal + `,"timestamp":"1970-01-01T00:00:00+00:01"}`, minimal + `,"timestamp":"9999-12-31T23:59:59-00:01"}`,
		minimal + `,"timestamp":"0001-01-01T00:00:00Z"}`, minimal + `,"timestamp":"2025-12-27T1:30:00Z"}`, minimal + `,"timestamp":"2025-12-27T10:30:00,5Z"}`, minimal + `,"timestamp":"2025-12-27T10:30:00+24:00"}`, minimal + `,"timestamp":"2025-12-27T10:30:60Z"}`, minimal + `,"timestamp":""}`, minimal + `,"timestamp":null}`,
		minimal + `,"event_id":"00000000-0000-0000-0000-000000000000"}`, minimal + `,"event_id":"{019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55}"}`, minimal + `,"event_id":"urn:uuid:019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"}`, minimal + `,"event_id":"019b5f2c7a3e7c4d9f102b6c8d1e4a55"}`, minimal + `,"event_id":""}`,
		minimal + `,"context":{}}`, minimal + `,"context": { } }`, minimal + `,"context":{"n":[0.0500,1e400,-0,123456789012345678901234567890,1E+2]}}`, minimal + `,"context":{"b":1,"a":2,"":3}}`, minimal + `,"context":{"a":1,"a":2}}`, minimal + `,"context":{"a":1,"\u0061":2}}`,
		minimal + `,"context":{"a":"\u0000"}}`, minimal + `,"context":{"a":"\\u0000"}}`, minimal + `,"context":{"a":"\\\u0000"}}`, minimal + `,"context":{"\u0000":1}}`, minimal + `,"context":{"a":"[{[{\"}"}}`, minimal + `,"context":{"a":"\ud800"}}`, minimal + ",\"context\":{\"a\":\"\xc0\xaf\"}}",
		minimal + `,"context":` + strings.Repeat(`{"a":`, 31) + `{}` + strings.Repeat(`}`, 31) + `}`, minimal + `,"context":` + strings.Repeat(`{"a":`, 32) + `{}` + strings.Repeat(`}`, 32) + `}`, minimal + `,"context":{"a":` + strings.Repeat(`[`, 31) + strings.Repeat(`]`, 31) + `}}`,
		minimal + `,"context":` + strings.Repeat(`[`, 11_000), minimal + `,"context":[]}`, minimal + `,"context":null}`, minimal + `,"context":"{}"}`, minimal + `,"Context":{}}`, `{"` + strings.Repeat("x", 100_000) + `":1}`, `{"severity":3,"category":[],"source":{},"message":true,"more":null}`,
		minimal + `,"context":{"a":NaN,"b":[-Infinity,{"c":Infinity}],"NaN":"NaN \" Infinity"}}`, minimal + `,"context":{"a":nan,"b":-inf,"c":+INF,"d":NaN1,"e":1NaN}}`, minimal + `,"context":{NaN:1}}`, minimal + `,"context":NaN}`, minimal + `,"dedup_key":Infinity}`, minimal + `,"context":{"a":NaN}`, minimal + `,"context":{"a":007}}`, minimal + `,"context":{"a":[.5,NaN]}}`, minimal + `,"context":{"a":NaN,"a":1}}`,
		minimal + `,"context":null,"timestamp":null,"event_id":null,"dedup_key":null}`, minimal + `,"dedup_key":"k","resolves":true}`, minimal + `,"resolves":false}`, minimal + `,"resolves":null}`, minimal + `,"resolves":"true"}`, minimal + `,"resolves":0}`, minimal + `,"resolves":NaN}`, `{"severity":null,"category":null,"source":null,"message":null}`, strings.Replace(minimal, "error", "WARN", 1) + `}`, strings.Replace(minimal, "error", "fatal", 1) + `}`, strings.Replace(minimal, "var_gate", " Alertd ", 1) + `}`,
		minimal + `,"timestamp":"2025-12-27 10:30:00,25"}`, minimal + `,"timestamp":"2025-12-27t10:30:00 +0100"}`, minimal + `,"timestamp":"2025-12-31T24:00:00.0-01"}`, minimal + `,"timestamp":"2025-12-31T24:00:00.1"}`, minimal + `,"timestamp":"9999-12-31T24:00:00"}`,
	} {
		f.Add([]byte(seed))
	}
	config := everything(4)
	f.Fuzz(func(t *testing.T, sent []byte) {
		data := slices.Clone(sent)
		alert, err := alerting.DecodeAlert(data)
		require.Equal(t, sent, data, "the input is only read")
		if err != nil {
			requireRefused(t, data, err)
			return
		}
		for i := range data {
			data[i] = 'x' // nothing may be kept of it
		}
		other := readAlert(sent)
		require.NotNil(t, other)
		require.True(t, other.allowed(), "is accepted against the contract")
		require.True(t, utf8.Valid(sent))
		requireDistinct(t, bytes.TrimSpace(finite(sent, asNumber)))
		requireRead(t, other, alert)
		require.NoError(t, alert.Validate(), "what decodes is valid")
		requireMade(t, alert, register(t, newManager(t, config), alert))
	})
}

func requireRefused(t *testing.T, data []byte, err error) {
	t.Helper()
	var refused *alerting.Error
	require.ErrorAs(t, err, &refused)
	require.NotEmpty(t, err.Error())
	require.True(t, utf8.ValidString(err.Error()))
	switch {
	case !json.Valid(finite(data, asNumber)):
		require.Equal(t, alerting.CodeMalformed, refused.Code, "no JSON")
	case refused.Code == alerting.CodeMalformed: // what others would read in their own way
		require.Regexp(t, "duplicate|invalid UTF-8|surrogate", err.Error())
	default:
		require.Equal(t, alerting.CodeInvalid, refused.Code)
		other := readAlert(data)
		require.False(t, other != nil && other.allowed(), "is refused against the contract: %s", err)
		named := map[string]bool{}
		for _, problem := range refused.Fields {
			require.False(t, named[problem.Field], "%s is named twice", problem.Field)
			require.NotEmpty(t, problem.Message)
			named[problem.Field] = true
		}
		require.True(t, len(named) > 0 || refused.Message != "")
	}
}

// requireRead compares an alert with what another decoder read.
func requireRead(t *testing.T, other read, alert alerting.Alert) {
	t.Helper()
	text := func(field string) string {
		text, _, _ := other.text(field, 0)
		return text
	}
	severity, err := alerting.ParseSeverity(text("severity"))
	require.NoError(t, err)
	require.Equal(t, severity, alert.Severity)
	require.True(t, strings.EqualFold(text("category"), alert.Category.String()))
	require.Equal(t, strings.TrimSpace(text("source")), alert.Source)
	require.Equal(t, text("message"), alert.Message)
	require.Equal(t, text("dedup_key"), alert.DedupKey)
	require.Equal(t, string(other["resolves"]) == "true", alert.Resolves)
	require.Empty(t, alert.IdempotencyKey)
	if context, ok := other["context"]; ok {
		require.Equal(t, string(context), alert.Context.String(), "byte for byte")
	} else {
		require.Equal(t, "{}", alert.Context.String())
	}
	if id := text("event_id"); id != "" {
		require.Equal(t, strings.ToLower(id), alert.EventID.String())
	} else {
		require.True(t, alert.EventID.IsZero())
	}
	if sent := text("timestamp"); sent != "" {
		at, ok := readTime(sent)
		require.True(t, ok)
		require.Equal(t, at.Truncate(time.Microsecond), alert.Timestamp)
	} else {
		require.True(t, alert.Timestamp.IsZero())
	}
}

// requireMade compares an event's JSON with the alert that it is made of.
func requireMade(t *testing.T, alert alerting.Alert, event *alerting.Event) {
	t.Helper()
	require.True(t, utf8.ValidString(event.JSON()))
	names, values := members(t, event.JSON())
	want := []string{"event_id", "timestamp", "severity", "category", "source", "message", "context", "seq", "received_at"}
	if alert.DedupKey != "" {
		want = append(want, "dedup_key")
		require.Equal(t, alert.DedupKey, values["dedup_key"])
	}
	if alert.Resolves {
		want = append(want, "resolves")
		require.Equal(t, true, values["resolves"])
	}
	require.Equal(t, want, names)
	if !alert.EventID.IsZero() {
		require.Equal(t, alert.EventID.String(), values["event_id"])
	}
	require.Equal(t, alert.Severity.String(), values["severity"])
	require.Equal(t, alert.Category.String(), values["category"])
	require.Equal(t, alert.Source, values["source"])
	require.Equal(t, alert.Message, values["message"])
	require.Equal(t, json.Number("1"), values["seq"])
	received, err := time.Parse("2006-01-02T15:04:05.000000Z", values["received_at"].(string)) //nolint:forcetypeassert // a panic is a finding
	require.NoError(t, err)
	at, err := time.Parse("2006-01-02T15:04:05.000000Z", values["timestamp"].(string)) //nolint:forcetypeassert // a panic is a finding
	require.NoError(t, err)
	if alert.Timestamp.IsZero() {
		require.Equal(t, received, at)
	} else {
		require.Equal(t, alert.Timestamp, at)
	}
	require.Equal(t, alert.Context.String(), event.Context().String())
	_, tail, found := strings.Cut(event.JSON(), `,"context":`+alert.Context.String()+`,"seq":1,"received_at":"`)
	require.True(t, found, "the context is there byte for byte, and nothing else is in its place: %s", event.JSON())
	require.NotContains(t, strings.ReplaceAll(event.JSON(), `\\`, ""), `\u0000`)
	require.NotEmpty(t, tail)
}

// FuzzParseTime: a time is accepted exactly if the contract allows it, and is the
// same instant as by another parser.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{
		"2025-12-27T10:30:00Z", "2025-12-27T10:30:00.5+01:00", "2025-12-27 10:30:00.123456", "2025-12-27t10:30:00z", "2025-12-27T10:30:00+0100", "2025-12-27T10:30:00 -01", "2025-12-27T10:30:00,5", "2025-12-27T24:00:00", "2025-12-27T24:00:00.000+0530",
		"2025-12-27T24:00:01", "2025-02-29 10:30:00", "2024-02-29 24:00:00", "0000-01-01T00:00:00", "9999-12-31T24:00:00-23:59", "2025-12-27T1:30:00", "2025-12-27T10:30:60", "2025-12-27", "", "now", "2025-12-27T10:30:00.", "2025-12-27T10:30:00+24:00", "2025-12-27T10:30:00.00000000000000000001Z",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := alerting.ParseTime("since", text)
		want, ok := readTime(text)
		if !ok {
			requireInvalid(t, err, "since", "must be RFC 3339")
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got.UTC())
	})
}

// FuzzElements: an array that is JSON is split as another decoder splits it. The
// elements of any array, joined again, are the array except for white space. An
// element that cannot be read changes no other.
func FuzzElements(f *testing.F) {
	for _, seed := range []string{
		`[]`, `[ ]`, `[1]`, `[1,2]`, ` [1]`, `[1] `, `[`, `]`, `[,]`, `[1,,2]`, `[{"a":[1,{"b":"],}"}]},"\\",[[]]]`, `[{"a":NaN},007,.5]`, `[{"a":1,2]`, `[{"a":[1},2]`, `[1}},2]`, `[1],[2]`, `["a]`, `["a\"]`, "[\"\n\",\"\xff\"]", `[{'a':"b"},1]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, array []byte) {
		sent := slices.Clone(array)
		elements := [][]byte{}
		for element, err := range alerting.Elements(array) {
			if err != nil {
				var malformed *alerting.Error
				require.ErrorAs(t, err, &malformed)
				require.Equal(t, alerting.CodeMalformed, malformed.Code)
				require.False(t, json.Valid(array) && array[0] == '[' && array[len(array)-1] == ']', "JSON can be followed")
				return
			}
			elements = append(elements, element)
		}
		require.Equal(t, sent, array, "the input is only read")
		var values []json.RawMessage
		if json.Unmarshal(array, &values) == nil {
			require.Len(t, elements, len(values))
			for i, value := range values {
				require.Equal(t, string(value), string(elements[i]))
			}
		}
		bare := func(data []byte) string {
			return strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace(string(data))
		}
		require.Equal(t, bare(array), "["+bare(bytes.Join(elements, []byte(",")))+"]")
		if len(elements) == 0 {
			return
		}
		spoilt := append(slices.Clone(array[:len(array)-1]), []byte(`, {"a":NaN, b: 007 .5}, 1]`)...)
		n := 0
		for element, err := range alerting.Elements(spoilt) {
			require.NoError(t, err)
			if n < len(elements) {
				require.Equal(t, string(elements[n]), string(element))
			}
			n++
		}
		require.Equal(t, len(elements)+2, n)
	})
}
