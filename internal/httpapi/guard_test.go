package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

// tokensOfRoles returns a directory that knows the owners of tokens, one for each role, named
// after it, and what they send as Authorization.
func tokensOfRoles(tb testing.TB, more ...access.Entry) (*access.Directory, map[access.Role]string) {
	tb.Helper()
	entries, tokens := more, map[access.Role]string{}
	for _, role := range access.Roles() {
		secret := access.NewSecret()
		entries = append(entries, access.Entry{Name: string(role), Role: role, Hash: secret.Hash()})
		tokens[role] = "Bearer " + secret.Reveal()
	}
	directory, err := access.NewDirectory(entries, false)
	require.NoError(tb, err)
	return directory, tokens
}

// guarded returns an API that knows the owners of tokens, see tokensOfRoles.
func guarded(tb testing.TB, more ...access.Entry) (*harness, map[access.Role]string) {
	tb.Helper()
	directory, tokens := tokensOfRoles(tb, more...)
	return newHarness(tb, func(c *httpapi.Config) { c.Settings.Access = directory }), tokens
}

func TestCallerWithoutCredentialIsAskedForOne(t *testing.T) {
	h, tokens := guarded(t)
	a := h.get("/events")
	p := requireProblem(t, a, http.StatusUnauthorized)
	require.Contains(t, p.Detail, "needs a token")
	require.Equal(t, `Bearer realm="alertd"`, a.header.Get("WWW-Authenticate"))
	metrics := h.do(http.MethodGet, "/metrics", "", "Authorization", tokens[access.RoleRead])
	require.Contains(t, metrics.body, `alertd_http_refused_total{reason="unauthenticated"} 1`)
	require.Equal(t, http.StatusOK, h.get("/healthz").status, "anybody may ask")
}

func TestWrongCredentialIsRefusedWithItsReason(t *testing.T) {
	late, unknown := access.NewSecret(), access.NewSecret()
	h, tokens := guarded(t, access.Entry{Name: "late", Role: access.RoleAdmin, Hash: late.Hash(), Expires: time.Now()})
	for name, c := range map[string]struct{ header, says, reason string }{
		"not a token":    {"Bearer hunter2", "is not a token of alertd", "invalid_token"},
		"unknown":        {"Bearer " + unknown.Reveal(), "is not known", "invalid_token"},
		"expired":        {"Bearer " + late.Reveal(), "has expired", "invalid_token"},
		"another scheme": {"Basic YTpi", "as: Bearer TOKEN", "invalid_request"},
		"nothing":        {"", "as: Bearer TOKEN", "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			a := h.on(t).do(http.MethodGet, "/events", "", "Authorization", c.header)
			p := requireProblem(t, a, http.StatusUnauthorized)
			require.Contains(t, p.Detail, c.says)
			require.NotContains(t, a.body, "hunter2")
			require.Contains(t, a.header.Get("WWW-Authenticate"), `error="`+c.reason+`"`)
		})
	}
	twice := h.do(http.MethodGet, "/events", "", "Authorization", tokens[access.RoleRead], "Authorization", tokens[access.RoleRead])
	requireProblem(t, twice, http.StatusUnauthorized)
	require.NotContains(t, h.log.String(), late.Reveal())
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/events", "", "Authorization", "bEARER  "+tokens[access.RoleRead][7:]).status)
}

func TestRoleThatIsNotEnoughIsToldWhatIs(t *testing.T) {
	h, tokens := guarded(t)
	a := h.do(http.MethodGet, "/config", "", "Authorization", tokens[access.RoleOperator])
	p := requireProblem(t, a, http.StatusForbidden)
	require.Equal(t, "this needs the role admin; operator has the role operator", p.Detail)
	require.Contains(t, a.header.Get("WWW-Authenticate"), `error="insufficient_scope", scope="admin"`)
	require.Equal(t, "operator", h.lastRecord()["caller"])
}
