package httpapi_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/httpapi"
)

// credentials keeps what it is told.
type credentials struct {
	mu      sync.Mutex
	busy    bool // there is no place for what it is told
	used    []string
	refused []audit.Entry
}

func (c *credentials) FirstUse(ctx context.Context, i *access.Identity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = append(c.used, i.Name+" as "+access.FromContext(ctx).Name)
	return !c.busy
}

func (c *credentials) AuditFailure(e audit.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refused = append(c.refused, e)
}

func TestFirstUseOfATokenIsNotedOnce(t *testing.T) {
	directory, tokens := tokensOfRoles(t)
	log := &credentials{busy: true}
	h := newHarness(t, func(c *httpapi.Config) { c.Settings.Access, c.Credentials = directory, log })
	ask := func(role access.Role) {
		require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/healthz", "", "Authorization", tokens[role]).status)
	}
	ask(access.RoleRead)
	log.busy = false
	ask(access.RoleRead)
	require.Equal(t, []string{"read as read", "read as read"}, log.used, "again, as there was no place")
	for range 10 {
		ask(access.RoleRead)
		ask(access.RoleAdmin)
	}
	require.Equal(t, []string{"read as read", "read as read", "admin as admin"}, log.used)
	require.Equal(t, http.StatusForbidden, h.do(http.MethodGet, "/config", "", "Authorization", tokens[access.RoleIngest]).status)
	require.Len(t, log.used, 4, "also a use that is refused")
	require.Equal(t, http.StatusOK, h.get("/healthz").status)
	require.Len(t, log.used, 4)
	require.Empty(t, log.refused)
}

func TestCredentialThatIsRefusedIsNoted(t *testing.T) {
	directory, _ := tokensOfRoles(t)
	log := &credentials{}
	h := newHarness(t, func(c *httpapi.Config) { c.Settings.Access, c.Credentials = directory, log })
	require.Equal(t, http.StatusUnauthorized, h.get("/events").status)
	require.Empty(t, log.refused, "it has shown none")
	unknown := access.NewSecret()
	require.Equal(t, http.StatusUnauthorized, h.do(http.MethodGet, "/events", "", "Authorization", "Bearer "+unknown.Reveal()).status)
	require.Len(t, log.refused, 1)
	entry := log.refused[0]
	require.Equal(t, audit.CredentialRefused, entry.Action)
	require.Equal(t, "anonymous", entry.Actor)
	require.JSONEq(t, `{"reason":"the credential is not known"}`, string(entry.After))
	require.Equal(t, "192.0.2.1", entry.Address)
	require.Empty(t, log.used)
}
