package delivery_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

func TestFailuresOfOneChannelAreOneAlert(t *testing.T) {
	failure := func(number incident.Number, source string) delivery.Failure {
		return delivery.Failure{Source: source, Delivery: delivery.Delivery{Channel: "chat", Incident: number, Reason: incident.WasResolved, Error: "403 invalid_token"}}
	}
	own := failure(11, alerting.OwnSource)
	alert, raise := delivery.GivenUp([]delivery.Failure{own, failure(12, "var_gate")})
	require.True(t, raise)
	require.Equal(t, alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategorySystemHealth, Source: "alertd", DedupKey: "alertd.channel.chat",
		Message: "channel chat: a message about incident 12 (resolved) was not delivered: 403 invalid_token",
	}, alert)
	alert, raise = delivery.GivenUp([]delivery.Failure{failure(12, "var_gate"), own, failure(13, "feed")})
	require.True(t, raise)
	require.Equal(t, "channel chat: 2 messages were not delivered, the first about incident 12 (resolved): 403 invalid_token", alert.Message)
	alert, _ = delivery.GivenUp([]delivery.Failure{failure(incident.Digests, "")})
	require.Equal(t, "channel chat: a message about several incidents (resolved) was not delivered: 403 invalid_token", alert.Message)
	_, raise = delivery.GivenUp([]delivery.Failure{own, own})
	require.False(t, raise, "a message about alertd itself that fails is no cause for another")
}
