package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/openid/openidtest"
)

type whoAmI struct {
	Name, Role, Kind string
	Open             bool
	ExpiresAt        *time.Time `json:"expires_at"`
	SignedIn         bool       `json:"signed_in"`
}

func (h *harness) whoAmI(header ...string) (who whoAmI) {
	h.tb.Helper()
	a := h.do(http.MethodGet, "/whoami", "", header...)
	require.Equal(h.tb, http.StatusOK, a.status, a.body)
	a.into(h.tb, &who)
	return who
}

func TestEveryCallerWhoIsKnownLearnsWhoTheyAre(t *testing.T) {
	ends, secret := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond), access.NewSecret()
	h, tokens := guarded(t, access.Entry{Name: "guest", Role: access.RoleRead, Hash: secret.Hash(), Expires: ends})
	for role, token := range tokens {
		require.Equal(t, whoAmI{Name: string(role), Role: string(role), Kind: "token"}, h.whoAmI("Authorization", token))
	}
	require.Equal(t, whoAmI{Name: "guest", Role: "read", Kind: "token", ExpiresAt: &ends}, h.whoAmI("Authorization", "Bearer "+secret.Reveal()))
	requireProblem(t, h.get("/whoami"), http.StatusUnauthorized)

	who := h.whoAmI("Cookie", h.signIn(secret.Reveal()))
	require.True(t, who.SignedIn)
	require.Equal(t, "token", who.Kind, "as what they signed in with")
	require.Equal(t, ends, *who.ExpiresAt, "the token ends before the session")
	who = h.whoAmI("Cookie", h.signIn(tokens[access.RoleOperator]))
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), *who.ExpiresAt, time.Minute, "a session ends")
}

func TestPersonLearnsWhoTheyAre(t *testing.T) {
	h, p := withProvider(t)
	p.Act(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": "risk-desk"}})
	target, flow := h.startAt(p, "/")
	in := h.do(http.MethodGet, target, "", "Cookie", flow)
	who := h.whoAmI("Cookie", in.sessionOf(t))
	require.NotNil(t, who.ExpiresAt)
	who.ExpiresAt = nil
	require.Equal(t, whoAmI{Name: "ada@example.com", Role: "operator", Kind: "person", SignedIn: true}, who)
}
