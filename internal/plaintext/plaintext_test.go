package plaintext_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/plaintext"
)

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"VaR 5 % über dem Limit, 損失 🚨": "VaR 5 % über dem Limit, 損失 🚨",
		"two\nlines\tand a tab":        "two\nlines\tand a tab",
		"\x1b[31mred\x1b[0m":           `\x1b[31mred\x1b[0m`,
		"two\r\nlines\r\n":             "two\nlines\n",
		"over\rwritten\bs\x00":         `over\rwritten\bs\x00`,
		"C1: \u009b31m":                `C1: \u009b31m`,
		"\u202eright to left":          `\u202eright to left`,
		"zero\u200bwidth":              `zero\u200bwidth`,
		"filler \u3164\u115f":          `filler \u3164\u115f`,
		"tag \U000e0041":               `tag \U000e0041`,
		"bad \xff byte":                "bad � byte",
	} {
		assert.Equal(t, want, plaintext.Lines(text), "%q", text)
	}
}

func TestLineHasNoBreak(t *testing.T) {
	assert.Equal(t, `two\r\nlines\tand\x1b[A`, plaintext.Line("two\r\nlines\tand\x1b[A"))
	assert.Equal(t, `para\u2029graph`, plaintext.Line("para\u2029graph"))
	assert.Equal(t, "損失 🚨", plaintext.Line("損失 🚨"))
}

func TestEscapeJSONKeepsWhiteSpace(t *testing.T) {
	const text = "{\n  \"a\": \"é\"\n}"
	require.Equal(t, text, plaintext.EscapeJSON(text))
	require.Equal(t, "{\n\t\"a\": \"\\u007f\\u202eé\" }\n", plaintext.EscapeJSON("{\n\t\"a\": \"\x7f\u202eé\" }\n"))
}

func TestJSONKeepsTheValue(t *testing.T) {
	got, err := plaintext.JSON([]byte("{\n \"a\": [1.50, \"\u009b31m\u202e\U000e0041\\u0000 損失\"] }"))
	require.NoError(t, err)
	require.Equal(t, `{"a":[1.50,"\u009b31m\u202e\udb40\udc41\u0000 損失"]}`, got)
	_, err = plaintext.JSON([]byte("<html>"))
	require.Error(t, err)

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		data, err := json.Marshal(text)
		require.NoError(t, err)
		line, err := plaintext.JSON(data)
		require.NoError(t, err)
		require.Equal(t, plaintext.Line(line), line, "nothing is left to escape")
		var back string
		require.NoError(t, json.Unmarshal([]byte(line), &back))
		require.Equal(t, text, back)
	})
}
