package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
)

// gated returns an API with a token, the second result, for the sources var_* and gate.
func gated(t *testing.T) (*harness, string, map[access.Role]string) {
	t.Helper()
	secret := access.NewSecret()
	h, tokens := guarded(t, access.Entry{Name: "gate", Role: access.RoleIngest, Hash: secret.Hash(), Sources: []string{"var_*", "gate"}})
	return h, "Bearer " + secret.Reveal(), tokens
}

// of returns the alert of the seed's example with another source.
func of(source string) string { return strings.Replace(breach, "var_gate", source, 1) }

func TestSenderMaySendOnlyForItsSources(t *testing.T) {
	h, gate, tokens := gated(t)
	for _, allowed := range []string{"var_gate", "gate", " gate ", `\tvar_`} {
		require.Equal(t, http.StatusCreated, h.post(of(allowed), "Authorization", gate).status, allowed)
	}
	for _, refused := range []string{"kill_switch", "gate2", "Gate", "my var_gate"} {
		a := h.post(of(refused), "Authorization", gate)
		p := requireProblem(t, a, http.StatusForbidden)
		require.Equal(t, "gate may send alerts only for these sources: var_*, gate", p.Detail)
		requireField(t, p, "source", `"`+refused+`" is not allowed, must match one of var_*, gate`)
		require.Equal(t, `Bearer realm="alertd", error="insufficient_scope"`, a.header.Get("WWW-Authenticate"))
	}
	requireField(t, requireProblem(t, h.post(of(""), "Authorization", gate), http.StatusUnprocessableEntity), "source", "is missing")
	require.Equal(t, http.StatusCreated, h.post(of("kill_switch"), "Authorization", tokens[access.RoleIngest]).status)
	require.EqualValues(t, 5, h.manager.Stats().SinceStart.Registered)
	shown := h.do(http.MethodGet, "/metrics", "", "Authorization", tokens[access.RoleRead]).body
	require.Contains(t, shown, `alertd_http_refused_total{reason="source"} 4`)
	require.Contains(t, shown, `alertd_alerts_rejected_total{reason="source"} 4`)
	require.Contains(t, shown, `alertd_alerts_rejected_total{reason="invalid"} 1`)
}

func TestOnlyTheElementsOfOtherSourcesAreRejected(t *testing.T) {
	h, gate, _ := gated(t)
	a := h.post("["+of("var_gate")+","+of("kill_switch")+",{},"+of("gate")+"]", "Authorization", gate)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `{"registered":2,"filtered":0,"duplicate":0,"rejected":2,`)
	require.Contains(t, a.body, `{"index":1,"status":"rejected","errors":[{"field":"source","message":"\"kill_switch\" is not allowed, must match one of var_*, gate"}]}`)
	require.EqualValues(t, 1, h.manager.Totals().Rejected[alerting.RejectSource])
}

// An Idempotency-Key may be guessed, and the first event is not the sender's to read.
func TestFirstEventOfAnotherSourceIsNotShown(t *testing.T) {
	h, gate, tokens := gated(t)
	require.Equal(t, http.StatusCreated, h.post(of("kill_switch"), "Authorization", tokens[access.RoleIngest], "Idempotency-Key", "k").status)
	a := h.post(of("gate"), "Authorization", gate, "Idempotency-Key", "k")
	requireProblem(t, a, http.StatusForbidden)
	require.NotContains(t, a.body, "current_var")
	require.Empty(t, a.header.Get("Location"))
	require.Equal(t, http.StatusOK, h.post(of("gate"), "Authorization", tokens[access.RoleIngest], "Idempotency-Key", "k").status)
}

// Who may send for some sources only could keep the heartbeats of others alive.
func TestSenderMayPingOnlyTheHeartbeatsOfItsSources(t *testing.T) {
	h, gate, tokens := gated(t)
	h.desk.furnish()
	a := h.do(http.MethodPost, "/heartbeats/feed", "", "Authorization", gate)
	p := requireProblem(t, a, http.StatusForbidden)
	require.Equal(t, "gate may ping only heartbeats of these names: var_*, gate", p.Detail)
	requireField(t, p, "name", `"feed" is not allowed, must match one of var_*, gate`)
	requireProblem(t, h.do(http.MethodPost, "/heartbeats/nobody", "", "Authorization", gate), http.StatusForbidden)
	requireProblem(t, h.do(http.MethodPost, "/heartbeats/var_nobody", "", "Authorization", gate), http.StatusNotFound)
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/heartbeats/feed", "", "Authorization", tokens[access.RoleIngest]).status)
}
