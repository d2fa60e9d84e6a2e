package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestContextKeepsPositionsApart(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		post := func(position string) {
			context, err := alerting.ParseContext([]byte(`{"position":"` + position + `"}`))
			require.NoError(t, err)
			_, err = d.Register(t.Context(), alerting.Alert{
				Severity: alerting.SeverityCritical, Category: alerting.CategoryRiskLimit, Source: "var_gate",
				Message: "VaR limit breached: 0.0512 > 0.0300", Context: context,
			})
			require.NoError(t, err)
			wait(time.Millisecond)
		}
		post("BTC-EUR")
		post("ETH-EUR")
		require.Equal(t, []string{"1 opened"}, r.told(), "nothing identifies")

		d.settings.IdentifyBy = []string{"position"}
		d.reconfigure()
		post("BTC-EUR")
		post("ETH-EUR")
		post("BTC-EUR")
		require.Equal(t, []string{"1 opened", "2 opened", "3 opened"}, r.told(), "a reload puts identify_by into force")
		require.Equal(t, `VaR limit breached: # > # {position="BTC-EUR"}`, d.incident(2).Pattern)
		require.Equal(t, uint64(2), d.incident(2).Count)
	})
}
