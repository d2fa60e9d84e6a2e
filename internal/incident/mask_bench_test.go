package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// The fold masks each event, so docs/performance.md includes this in the time of the fold.
func BenchmarkMask(b *testing.B) {
	for name, message := range map[string]string{
		"without digits":      "kill switch activated by the risk desk, all strategies are halted",
		"numbers":             "VaR limit breached: 0.0512 > 0.0300 (limit 1,250,000.00 EUR, horizon 850 ms)",
		"ids and a time":      "order 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55 rejected at 2025-12-27T10:30:00.123Z by 10.0.0.1:443",
		"names":               "Gateway gw1 down on ESZ5 for ACC-1001, strategy mean_rev_v2, BTC-27DEC24-100000-C",
		"beyond ASCII":        "Größe der Position überschritten: 1 234,56 € > 950,10 €",
		"white space to fold": "limit  hit\n",
		"as long as allowed":  strings.Repeat("1:", 4096),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				incident.Mask(message)
			}
		})
	}
}

func BenchmarkKeyOf(b *testing.B) {
	by := incident.GroupBy{IdentifyBy: []string{
		"position", "symbol", "instrument", "isin", "ticker", "account", "portfolio", "strategy",
		"venue", "exchange", "desk", "host", "instance",
	}}
	for name, context := range map[string]string{
		"no context": `{}`,
		"context": `{"portfolio":"EQ-LS-1","var":0.0512,"limit":0.0300,"confidence":0.99,"horizon_days":1,` +
			`"blocked":true,"positions":["AAPL","MSFT"],"note":"R&D <desk> said \"hold\"","position":"BTC-EUR"}`,
	} {
		b.Run(name, func(b *testing.B) {
			parsed, err := alerting.ParseContext([]byte(context))
			require.NoError(b, err)
			draft, err := alerting.NewDraft(alerting.Alert{
				Severity: alerting.SeverityCritical, Category: alerting.CategoryRiskLimit, Source: "var_gate",
				Message: "VaR limit breached: 0.0512 > 0.0300", Context: parsed,
			}, time.Now())
			require.NoError(b, err)
			event := draft.Finish(1)
			b.ReportAllocs()
			for b.Loop() {
				incident.KeyOf(event, by)
			}
		})
	}
}
