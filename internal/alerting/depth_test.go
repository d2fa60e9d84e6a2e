package alerting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestJSONIsNestedAtMost64Levels(t *testing.T) {
	arrays := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, data := range map[string]string{
		"64 deep":                      arrays(64),
		"many side by side":            "[" + strings.Repeat("{},", 1000) + "{}]",
		"brackets in a text":           `["` + strings.Repeat(`[{\"`, 1000) + `"]`,
		"a text that does not end":     strings.Repeat("[", 64) + `"` + strings.Repeat("[", 64),
		"more closed than are open":    strings.Repeat("]", 100) + arrays(64),
		"64 deep, many times":          strings.Repeat(arrays(64), 10),
		"an escape at the end of text": `"\\` + strings.Repeat("[", 100),
		"nothing":                      "",
	} {
		require.NoError(t, alerting.CheckDepth([]byte(data)), name)
	}
	for name, data := range map[string]string{
		"65 deep":                    arrays(65),
		"objects":                    strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65),
		"not closed":                 strings.Repeat(`[{"":`, 100_000),
		"after a text with brackets": `["\"]]]]",` + arrays(64) + "]",
		"after what was closed":      "[" + strings.Repeat("{},", 100) + arrays(64) + "]",
	} {
		err := alerting.CheckDepth([]byte(data))
		require.ErrorIs(t, err, alerting.ErrTooDeep, name)
		require.Contains(t, err.Error(), "nested deeper than 64 levels, must be at most 64")
	}
}

func TestAlertThatIsNestedTooDeepIsNotDecoded(t *testing.T) {
	context := func(depth int) string { return strings.Repeat(`{"a":`, depth-1) + `{}` + strings.Repeat(`}`, depth-1) }
	alert := func(depth int) []byte {
		return []byte(`{"severity":"error","category":"other","source":"s","message":"m","context":` + context(depth) + `}`)
	}
	_, err := alerting.DecodeAlert(alert(alerting.MaxContextDepth))
	require.NoError(t, err)
	_, err = alerting.DecodeAlert(alert(alerting.MaxDepth - 1))
	require.ErrorContains(t, err, "at most 32", "the context has a limit of its own")
	require.NotErrorIs(t, err, alerting.ErrTooDeep)
	_, err = alerting.DecodeAlert(alert(alerting.MaxDepth))
	require.ErrorIs(t, err, alerting.ErrTooDeep)
	_, err = alerting.DecodeRecord(alert(alerting.MaxDepth))
	require.ErrorIs(t, err, alerting.ErrTooDeep)
}

// Depth must not be found by going that deep.
func BenchmarkCheckDepth(b *testing.B) {
	for name, data := range map[string]string{
		"alert": `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.0500 > 0.0300","context":{"position":"BTC-EUR","current_var":0.05,"limit":0.03,"breach_pct":66.7}}`,
		"bomb":  strings.Repeat("[", 8<<20),
		"flat":  "[" + strings.Repeat("{},", 1<<20) + "{}]",
	} {
		b.Run(name, func(b *testing.B) {
			body := []byte(data)
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				_ = alerting.CheckDepth(body)
			}
		})
	}
}
