package alerting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

const minimal = `{"severity":"error","category":"risk_limit","source":"var_gate","message":"breach"`

func TestDecodeReadsEveryField(t *testing.T) {
	alert, err := alerting.DecodeAlert([]byte(` {
		"severity": "ERROR", "category": "Risk_Limit", "source": " var_gate ", "message": "VaR \u00e9",
		"context": {"var": 0.0500, "n": [1,2]}, "timestamp": "2025-12-27T11:30:00.1234567+01:00",
		"event_id": "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", "dedup_key": "k", "resolves": true
	} `))
	require.NoError(t, err)
	require.Equal(t, alerting.SeverityError, alert.Severity)
	require.Equal(t, alerting.CategoryRiskLimit, alert.Category)
	require.Equal(t, "var_gate", alert.Source)
	require.Equal(t, "VaR é", alert.Message)
	require.Equal(t, `{"var": 0.0500, "n": [1,2]}`, alert.Context.String())
	require.Equal(t, at(t, "2025-12-27T10:30:00.123456Z"), alert.Timestamp)
	require.Equal(t, "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", alert.EventID.String())
	require.Equal(t, "k", alert.DedupKey)
	require.True(t, alert.Resolves)
}

func TestMalformedIsNotInvalid(t *testing.T) {
	cases := map[string]struct{ raw, says string }{
		"nothing":                   {``, "ends too soon"},
		"half an object":            {minimal, "ends too soon"},
		"only a brace":              {`{`, "ends too soon"},
		"half a name":               {`{"sev`, "ends too soon"},
		"a name without a value":    {`{"severity"}`, "malformed JSON at byte"},
		"a bare word":               {`{"severity":error}`, "malformed JSON at byte"},
		"a bare word alone":         {`error`, "malformed JSON at byte"},
		"a comma too many":          {minimal + `,}`, "malformed JSON at byte"},
		"a number with zeros first": {minimal + `,"context":{"a":[1,007]}}`, "context.a: malformed JSON at byte"},
		"a number without its zero": {minimal + `,"context":{"a":[1,.5]}}`, "context.a.1: malformed JSON at byte 101"},
		"a place after a NaN":       {minimal + `,"context":{"a":NaN,"b":.5}}`, "context.b: malformed JSON at byte 106"},
		"NaN for a name":            {minimal + `,"context":{NaN:1}}`, "context: malformed JSON at byte"},
		"a word like NaN":           {minimal + `,"context":{"a":NaN1}}`, "context.a: malformed JSON at byte"},
		"an endless string":         {`{"a":nan1234567,"b`, "a: malformed JSON at byte"},
		"a long name":               {`{"` + strings.Repeat("x", 100) + `":.5}`, strings.Repeat("x", 64) + "…: malformed"},
		"a wrong closing":           {minimal + `]`, "malformed JSON at byte"},
		"a field given twice":       {minimal + `,"source":"x"}`, "duplicate"},
		"a context key twice":       {minimal + `,"context":{"a":1,"a":2}}`, "duplicate"},
		"invalid UTF-8":             {"{\"source\":\"\xff\"}", "invalid UTF-8"},
		"two values":                {minimal + `} {}`, "more after the first value"},
		"more after a wrong type":   {`7 x`, "more after the first value"},
		"an unfinished wrong type":  {`[1,`, "ends too soon"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := alerting.DecodeAlert([]byte(c.raw))
			var malformed *alerting.Error
			require.ErrorAs(t, err, &malformed)
			require.Equal(t, alerting.CodeMalformed, malformed.Code, err)
			require.Contains(t, err.Error(), c.says)
		})
	}
}

func TestInvalidFieldsAreNamed(t *testing.T) {
	cases := map[string]struct{ raw, field, says string }{
		"a missing field":        {`{"severity":"error","category":"other","source":"a"}`, "message", "missing"},
		"an unknown severity":    {`{"severity":"loud"}`, "severity", `"loud" is not one of the known values, must be one of debug`},
		"an unknown category":    {`{"category":"x"}`, "category", "must be one of risk_limit"},
		"a number for a string":  {`{"severity":3}`, "severity", "must be a string, not a number"},
		"an object":              {`{"source":{}}`, "source", "not an object"},
		"an array":               {`{"message":[]}`, "message", "not an array"},
		"a boolean":              {`{"category":true}`, "category", "not a boolean"},
		"null for a severity":    {`{"severity":null}`, "severity", "not null"},
		"null for a message":     {`{"message":null}`, "message", "not null"},
		"NaN for a message":      {`{"message":NaN}`, "message", "not a number"},
		"NaN for a context":      {minimal + `,"context":NaN}`, "context", "must be an object"},
		"a context array":        {minimal + `,"context":[]}`, "context", "must be an object"},
		"an unknown field":       {minimal + `,"sevirity":1}`, "sevirity", "is not a known field, must be one of severity, category"},
		"wrong case":             {minimal + `,"Source":"x"}`, "Source", "is not a known field"},
		"a bad time":             {minimal + `,"timestamp":"yesterday"}`, "timestamp", "must be RFC 3339"},
		"the zero time":          {minimal + `,"timestamp":"0001-01-01T00:00:00Z"}`, "timestamp", "from the year 1970 to 9999"},
		"an hour of one digit":   {minimal + `,"timestamp":"2025-12-27T1:30:00Z"}`, "timestamp", "must be RFC 3339"},
		"an offset of a day":     {minimal + `,"timestamp":"2025-12-27T10:30:00+24:00"}`, "timestamp", "must be RFC 3339"},
		"an offset of 60 min":    {minimal + `,"timestamp":"2025-12-27T10:30:00+01:60"}`, "timestamp", "must be RFC 3339"},
		"a bad id":               {minimal + `,"event_id":"7"}`, "event_id", "must be a UUID"},
		"a number for an id":     {minimal + `,"event_id":7}`, "event_id", "must be a string"},
		"an empty dedup_key":     {minimal + `,"dedup_key":""}`, "dedup_key", "1 to 255"},
		"a text for a boolean":   {minimal + `,"resolves":"true"}`, "resolves", "must be true or false, not a string"},
		"a number for a boolean": {minimal + `,"resolves":1}`, "resolves", "must be true or false, not a number"},
		"an escaped NUL":         {`{"source":"a\u0000"}`, "source", "NUL"},
		"alertd's own source":    {`{"source":"alertd"}`, "source", "the name of alertd's own alerts"},
		"its source in disguise": {`{"source":" \u0041lertD\n"}`, "source", "the name of alertd's own alerts"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := alerting.DecodeAlert([]byte(c.raw))
			requireInvalid(t, err, c.field, c.says)
		})
	}
}

func TestFieldsAreReportedOnce(t *testing.T) {
	_, err := alerting.DecodeAlert([]byte(`{"severity":"loud","source":5}`))
	var invalid *alerting.Error
	require.ErrorAs(t, err, &invalid)
	require.Len(t, invalid.Fields, 4, "severity, source, category and message")
}

func TestAlertMustBeAnObject(t *testing.T) {
	for _, raw := range []string{`[]`, `"x"`, `null`, `7`} {
		_, err := alerting.DecodeAlert([]byte(raw))
		require.ErrorContains(t, err, "must be a JSON object")
	}
}

func TestDecoderIsReusableAfterAnError(t *testing.T) {
	for range 100 {
		_, err := alerting.DecodeAlert([]byte(`{"a":[[[`))
		require.Error(t, err)
		_, err = alerting.DecodeAlert([]byte(minimal + `}`))
		require.NoError(t, err)
	}
}

func TestOptionalFieldsMayBeNull(t *testing.T) {
	want, err := alerting.DecodeAlert([]byte(minimal + `}`))
	require.NoError(t, err)
	got, err := alerting.DecodeAlert([]byte(minimal + `,"context":null,"timestamp":null,"event_id":null,"dedup_key":null,"resolves":null}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = alerting.DecodeAlert([]byte(minimal + `,"resolves":false}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = alerting.DecodeRecord([]byte(minimal + `,"received_at":null,"seq":null,"incident_id":null}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestNonFiniteNumbersBecomeStrings(t *testing.T) {
	for sent, kept := range map[string]string{
		`{"a":NaN,"b":Infinity,"c":-Infinity}`:                           `{"a":"NaN","b":"Infinity","c":"-Infinity"}`,
		`{ "a" : [ NaN ,-Infinity], "b":{"c":NaN} }`:                     `{ "a" : [ "NaN" ,"-Infinity"], "b":{"c":"NaN"} }`,
		`{"a":nan,"b":-nan,"c":inf,"d":-inf,"e":INFINITY,"f":+Infinity}`: `{"a":"NaN","b":"NaN","c":"Infinity","d":"-Infinity","e":"Infinity","f":"Infinity"}`,
		`{"NaN":"NaN, \" Infinity","n":0.0500,"x":NaN}`:                  `{"NaN":"NaN, \" Infinity","n":0.0500,"x":"NaN"}`,
	} {
		alert, err := alerting.DecodeAlert([]byte(minimal + `,"context":` + sent + `,"dedup_key":"k"}`))
		require.NoError(t, err)
		require.Equal(t, kept, alert.Context.String())
		require.Equal(t, "k", alert.DedupKey)
	}
}

func TestRecordMayBeAlertdsOwn(t *testing.T) {
	record, err := alerting.DecodeRecord([]byte(`{"severity":"error","category":"system_health","source":"alertd","message":"m"}`))
	require.NoError(t, err)
	require.Equal(t, alerting.OwnSource, record.Source)
	register(t, newManager(t, everything(1)), record)
}
