package incident_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// about is an alert with a context.
func about(tb rapid.TB, context string) alerting.Alert {
	return like(func(a *alerting.Alert) { a.Context = contextOf(tb, context) })
}

func TestContextIdentifies(t *testing.T) {
	by := []string{"position", "account", "desk"}
	for _, c := range []struct {
		context, pattern string
	}{
		{`{}`, "VaR # > #"},
		{`{"var":0.05}`, "VaR # > #"},
		{`{"var":0.05,"position":"BTC-EUR"}`, `VaR # > # {position="BTC-EUR"}`},
		{`{"position":"BTC-EUR","account":1001}`, `VaR # > # {account="1001", position="BTC-EUR"}`},
		{`{"account":"1001","posi\u0074ion":" BTC\u002dEUR "}`, `VaR # > # {account="1001", position="BTC-EUR"}`},
		{`{"position":"Gr\u00f6\u00dfe \"x\""}`, `VaR # > # {position="Größe \"x\""}`},
		{`{"nested":{"position":"BTC-EUR"},"list":["position"],"Position":"x"}`, "VaR # > #"},
		{`{"position":1.5,"account":1e3,"desk":""}`, "VaR # > #"},
		{`{"position":null,"account":true,"desk":["x"]}`, "VaR # > #"},
		{`{"position":{"symbol":"BTC"},"desk":"  "}`, "VaR # > #"},
	} {
		key := keyOf(t, about(t, c.context), by...)
		require.Equal(t, c.pattern, key.Pattern, c.context)
		grouping := incident.ByMessage
		if strings.Contains(c.pattern, "{") {
			grouping = incident.ByMessageAndContext
		}
		require.Equal(t, grouping, key.Grouping, c.context)
		require.Equal(t, grouping == incident.ByMessage, keyOf(t, about(t, c.context)).Fingerprint == key.Fingerprint, c.context)
	}
}

func TestDedupKeyOverridesContext(t *testing.T) {
	one, two := about(t, `{"position":"BTC-EUR"}`), about(t, `{"position":"ETH-EUR"}`)
	require.NotEqual(t, keyOf(t, one, "position").Fingerprint, keyOf(t, two, "position").Fingerprint)
	one.DedupKey, two.DedupKey = "var", "var"
	require.Equal(t, keyOf(t, one, "position"), keyOf(t, two, "position"))
	require.Equal(t, incident.ByDedupKey, keyOf(t, one, "position").Grouping)
}

func TestKeyIsIndependentOfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-d]{1,2}`), 0, 6, rapid.ID).Draw(t, "names")
		by := rapid.SliceOfDistinct(rapid.StringMatching(`[a-d]{1,2}`), rapid.ID).Draw(t, "by")
		members := make([]string, len(names))
		for i, name := range names {
			members[i] = fmt.Sprintf("%q:%s", name, rapid.SampledFrom([]string{`"x"`, `"y"`, `1`, `2.5`, `null`, `{"a":"z"}`}).Draw(t, "value"))
		}
		context := func() string { return "{" + strings.Join(members, ",") + "}" }
		want := keyOf(t, about(t, context()), by...)
		members = rapid.Permutation(members).Draw(t, "order of members")
		by = rapid.Permutation(by).Draw(t, "order of names")
		require.Equal(t, want, keyOf(t, about(t, context()), by...))
	})
}

func TestIdentityIsNotMixedUp(t *testing.T) {
	values := rapid.SampledFrom([]string{"", "x", "y", "xy"})
	rapid.Check(t, func(t *rapid.T) {
		draw := func() (desk, account string, key incident.Key) {
			desk, account = values.Draw(t, "desk"), values.Draw(t, "account")
			return desk, account, keyOf(t, about(t, fmt.Sprintf(`{"desk":%q,"account":%q}`, desk, account)), "desk", "account")
		}
		desk1, account1, key1 := draw()
		desk2, account2, key2 := draw()
		require.Equal(t, desk1 == desk2 && account1 == account2, key1.Fingerprint == key2.Fingerprint)
	})
}
