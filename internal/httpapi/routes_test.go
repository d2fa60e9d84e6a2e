package httpapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

// Access is granted by what the table says, so each row of it is reviewed here.
func TestEveryRouteSaysWhatItNeeds(t *testing.T) {
	want := map[access.Need][]string{
		access.NeedNothing: {"GET /", "GET /assets/*", "GET /explain", "GET /docs", "GET /docs/{asset}", "GET /login", "POST /login", "GET /login/oidc", "GET /login/callback", "POST /logout", "GET /openapi.yaml", "GET /healthz", "GET /readyz"},
		access.NeedKnown:   {"GET /whoami"},
		access.NeedIngest:  {"POST /alerts", "POST /heartbeats/{name}"},
		access.NeedRead: {
			"GET /events", "GET /events/histogram", "GET /events/stream", "GET /events/{event_id}", "GET /incidents", "GET /incidents/{incident_id}",
			"GET /silences", "POST /silences/preview", "GET /silences/{silence_id}", "POST /explain",
			"GET /channels", "GET /heartbeats", "GET /deliveries", "GET /deliveries/{delivery_id}", "GET /stats", "GET /metrics", "GET /version",
		},
		access.NeedOperator: {
			"POST /incidents/acknowledge", "POST /incidents/resolve", "POST /incidents/{incident_id}/acknowledge", "POST /incidents/{incident_id}/resolve",
			"POST /silences", "DELETE /silences/{silence_id}",
			"POST /channels/{name}/test", "POST /deliveries/{delivery_id}/retry",
		},
		access.NeedAdmin: {"GET /audit", "GET /config", "POST /-/reload"},
	}
	got := map[access.Need][]string{}
	for _, row := range newHarness(t).api.Routes() {
		got[row.Need] = append(got[row.Need], row.Method+" "+row.Pattern)
		asks := slices.Contains([]string{"/silences/preview", "/explain"}, row.Pattern)
		require.Equal(t, row.Method != http.MethodGet && !asks, row.Changes(), row.Pattern)
		require.Equal(t, row.Changes() && row.Need != access.NeedIngest, row.ByPerson(), row.Pattern)
	}
	require.Len(t, got, len(want))
	for need, rows := range want {
		require.ElementsMatch(t, rows, got[need], need)
	}
}

func TestEveryRouteButThoseThatReadChecksTheOrigin(t *testing.T) {
	h := newHarness(t)
	for _, row := range h.api.Routes() {
		if row.Method != http.MethodGet {
			requireProblem(t, h.do(row.Method, row.Pattern, "", "Origin", "https://evil.example"), http.StatusForbidden)
		}
	}
}
