package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// keyOf is the key of an alert's event.
func keyOf(tb rapid.TB, alert alerting.Alert, by ...string) incident.Key {
	tb.Helper()
	draft, err := alerting.NewDraft(alert, time.Now())
	require.NoError(tb, err)
	return incident.KeyOf(draft.Finish(1), incident.GroupBy{IdentifyBy: by})
}

func like(change func(a *alerting.Alert)) alerting.Alert {
	a := alerting.Alert{
		Severity: alerting.SeverityWarning, Category: alerting.CategoryRiskLimit, Source: "var_gate", Message: "VaR 0.05 > 0.03",
	}
	change(&a)
	return a
}

func TestKeyOf(t *testing.T) {
	plain := keyOf(t, like(func(*alerting.Alert) {}))
	require.Equal(t, incident.Key{Fingerprint: plain.Fingerprint, Grouping: incident.ByMessage, Pattern: "VaR # > #"}, plain)
	for name, change := range map[string]func(a *alerting.Alert){
		"severity": func(a *alerting.Alert) { a.Severity = alerting.SeverityCritical },
		"numbers":  func(a *alerting.Alert) { a.Message = "VaR 7 > 5e-3" },
	} {
		require.Equal(t, plain, keyOf(t, like(change)), name)
	}
	for name, change := range map[string]func(a *alerting.Alert){
		"source":    func(a *alerting.Alert) { a.Source = "var_gate_2" },
		"category":  func(a *alerting.Alert) { a.Category = alerting.CategorySystemHealth },
		"message":   func(a *alerting.Alert) { a.Message = "VaR 0.05 > limit" },
		"dedup_key": func(a *alerting.Alert) { a.DedupKey = "VaR # > #" },
	} {
		require.NotEqual(t, plain.Fingerprint, keyOf(t, like(change)).Fingerprint, name)
	}
	keyed := keyOf(t, like(func(a *alerting.Alert) { a.DedupKey = "desk 7" }))
	require.Equal(t, incident.Key{Fingerprint: keyed.Fingerprint, Grouping: incident.ByDedupKey, Pattern: "desk 7"}, keyed)
	other := like(func(a *alerting.Alert) { a.DedupKey = "desk 7" })
	other.Source, other.Category, other.Message = "x", alerting.CategorySystemHealth, "y"
	require.Equal(t, keyed, keyOf(t, other), "the client's key is enough")
}

// Fingerprints must not change between releases: open incidents are found by them after an
// upgrade.
func TestFingerprintsAreStable(t *testing.T) {
	require.Equal(t, "7f3aa79cd57363b44124f0499308111c", keyOf(t, like(func(*alerting.Alert) {})).Fingerprint.String())
	require.Equal(t, "d084089b3bc5c39ff8f9efc9b7dd7ea6", keyOf(t, like(func(a *alerting.Alert) { a.DedupKey = "desk 7" })).Fingerprint.String())
}

func TestFingerprintText(t *testing.T) {
	f := incident.Fingerprint{0xab, 15: 0x01}
	text, err := f.MarshalText()
	require.NoError(t, err)
	require.Equal(t, "ab"+strings.Repeat("0", 28)+"01", string(text))
	var read incident.Fingerprint
	require.NoError(t, read.UnmarshalText(text))
	require.Equal(t, f, read)
	require.EqualError(t, read.UnmarshalText(text[1:]), "a fingerprint has 32 hexadecimal digits")
	require.Error(t, read.UnmarshalText([]byte(strings.Repeat("x", 32))))
}

func TestFingerprintPartsStayApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-z]{1,3}( [a-z]{1,3})?`)
		one, two := like(func(*alerting.Alert) {}), like(func(*alerting.Alert) {})
		one.Source, one.Message = text.Draw(t, "source"), text.Draw(t, "message")
		two.Source, two.Message = text.Draw(t, "other source"), text.Draw(t, "other message")
		same := one.Source == two.Source && one.Message == two.Message
		require.Equal(t, same, keyOf(t, one).Fingerprint == keyOf(t, two).Fingerprint)
	})
}
