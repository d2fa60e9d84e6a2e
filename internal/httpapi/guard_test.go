package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
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

func TestActionIsByTheOwnerOfTheToken(t *testing.T) {
	for body, by := range map[string]string{
		``: "operator", " \n": "operator", `{}`: "operator", `{"by":" "}`: "operator", `{"by":null,"note":"n"}`: "operator", `{"by":"ada"}`: "operator for ada", `{"by":"operator"}`: "operator",
	} {
		h, tokens := guarded(t)
		require.Equal(t, http.StatusCreated, h.post(breach, "Authorization", tokens[access.RoleIngest]).status)
		page, err := h.manager.QueryEvents(t.Context(), alerting.Query{Limit: 1})
		require.NoError(t, err)
		h.desk.fold(page.Events...)
		for _, action := range []string{"acknowledge", "resolve"} { // in this order
			a := h.do(http.MethodPost, "/incidents/"+incidentText+"/"+action, body, "Authorization", tokens[access.RoleOperator])
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Contains(t, a.body, `"`+strings.TrimSuffix(action, "e")+`ed_by":"`+by+`"`, body)
		}
	}
}

func TestReadinessTellsItsReasonsToKnownCallersOnly(t *testing.T) {
	h, tokens := guarded(t)
	h.api.Shutdown()
	for _, header := range [][]string{nil, {"Authorization", "Bearer hunter2"}, {"Authorization", "Bearer " + access.NewSecret().Reveal()}} {
		a := h.do(http.MethodGet, "/readyz", "", header...)
		require.Equal(t, http.StatusServiceUnavailable, a.status)
		require.JSONEq(t, `{"status":"not ready"}`, a.body)
		require.Empty(t, a.header.Get("WWW-Authenticate"))
	}
	for role, token := range tokens {
		require.Contains(t, h.do(http.MethodGet, "/readyz", "", "Authorization", token).body, "shutting down", role)
	}
	require.Contains(t, newHarness(t).get("/readyz").body, "accepting", "anybody may know where nobody is configured")
}

// What a stranger is told of a path is in the public contract.
func TestStrangerLearnsNothingOfWhatThereIs(t *testing.T) {
	h, tokens := guarded(t)
	require.Equal(t, http.StatusCreated, h.post(with(`"event_id":"`+knownID+`"`), "Authorization", tokens[access.RoleIngest]).status)
	ask := func(method, target string, header ...string) answer {
		a := h.do(method, target, "", append(header, "X-Request-Id", "r")...)
		a.body = strings.ReplaceAll(a.body, target, "TARGET")
		return a
	}
	there, missing := ask(http.MethodGet, "/events/"+knownID), ask(http.MethodGet, "/events/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a99")
	require.Equal(t, http.StatusUnauthorized, there.status)
	require.Equal(t, there, missing)
	require.Equal(t, there.body, ask(http.MethodGet, "/events/no-id").body, "it is refused before it is looked at")
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodOptions, "BREW"} {
		for _, target := range []string{"/events", "/config", "/-/reload", "/nothing"} {
			require.Equal(t, ask(method, target), ask(method, target, "Authorization", tokens[access.RoleAdmin]), "%s %s", method, target)
		}
	}
}
