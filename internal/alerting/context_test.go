package alerting_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestContextIsKeptByteForByte(t *testing.T) {
	for _, raw := range []string{
		`{}`,
		`{"current_var":0.0500,"limit":3e-2,"big":123456789012345678901234567890}`,
		"{ \"b\" : 1,\n\t\"a\": [ 1.0 ,2 ] }",
		`{"quote":"\"\\\u00e9 {[","":null}`,
	} {
		c, err := alerting.ParseContext([]byte(" \n" + raw + "\t"))
		require.NoError(t, err)
		require.Equal(t, raw, c.String())
		text, err := c.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, raw, string(text))
	}
}

func TestZeroContextIsEmpty(t *testing.T) {
	require.Equal(t, "{}", alerting.Context{}.String())
}

func TestBadContextIsRefused(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":`, n-1) + `{}` + strings.Repeat(`}`, n-1) }
	cases := map[string]struct {
		raw  string
		code alerting.Code
		says string
	}{
		"not JSON":                 {`{"a":`, alerting.CodeMalformed, "not valid JSON"},
		"a duplicate key":          {`{"a":1,"a":2}`, alerting.CodeMalformed, "duplicate key"},
		"invalid UTF-8":            {"{\"a\":\"\xff\"}", alerting.CodeMalformed, "not valid JSON"},
		"half a surrogate pair":    {`{"a":"\ud800"}`, alerting.CodeMalformed, "not valid JSON"},
		"an array":                 {`[1]`, alerting.CodeInvalid, "must be an object"},
		"nothing":                  {``, alerting.CodeMalformed, "not valid JSON"},
		"null":                     {`null`, alerting.CodeInvalid, "must be an object"},
		"an escaped NUL":           {`{"a":"\u0000"}`, alerting.CodeInvalid, "NUL"},
		"an escaped NUL in a key":  {`{"a\u0000":1}`, alerting.CodeInvalid, "NUL"},
		"nested 33 deep":           {nested(33), alerting.CodeInvalid, "at most 32"},
		"nested 33 deep by arrays": {`{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`, alerting.CodeInvalid, "at most 32"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := alerting.ParseContext([]byte(c.raw))
			var refused *alerting.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.code, refused.Code)
			require.Contains(t, err.Error(), c.says)
		})
	}
	_, err := alerting.ParseContext([]byte(nested(32)))
	require.NoError(t, err)
	_, err = alerting.ParseContext([]byte(`{"a":[[],[],{},{}],"b":"\\u0000 is only text"}`))
	require.NoError(t, err, "a backslash that is itself escaped starts no escape")
}

func TestContextUnmarshals(t *testing.T) {
	var holder struct{ C alerting.Context }
	require.NoError(t, json.Unmarshal([]byte(`{"C":{"a":1.10}}`), &holder))
	require.Equal(t, `{"a":1.10}`, holder.C.String())
	require.Error(t, json.Unmarshal([]byte(`{"C":[]}`), &holder))
}
