package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/openid/openidtest"
)

// A person signs in at the provider of the configuration, although it was away when alertd
// started, and may do what the table of roles in force says. What they do has their name.
func TestPersonSignsInAtTheProviderOfTheConfiguration(t *testing.T) {
	provider := openidtest.Start(t, "https://alertd.example.com/login/callback")
	provider.Act(openidtest.Behaviour{Down: true})
	rootTable, root := tokenFor("root", access.RoleAdmin)
	config := func(role string) string {
		server := fmt.Sprintf("[server]\npublic_url = \"https://alertd.example.com\"\n[server.oidc]\nissuer = %q\nclient_id = %q\nclient_secret = %q\nca_file = %q\nroles = { risk-desk = %q }\n",
			provider.URL, openidtest.ClientID, openidtest.ClientSecret, provider.CAFile, role)
		return lenient + server + rootTable
	}
	p := start(t, config("operator"))
	require.Equal(t, http.StatusOK, p.do(http.MethodGet, "/events", "", "Authorization", root).status, "tokens work without the provider")
	visit := func(path string, header ...string) (to string, cookies []string) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.addr+path, nil)
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			request.Header.Add(header[i], header[i+1])
		}
		answer, err := p.client.Transport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		for _, cookie := range answer.Cookies() {
			if cookie.Value != "" {
				cookies = append(cookies, cookie.Name+"="+cookie.Value)
			}
		}
		return answer.Header.Get("Location"), cookies
	}
	to, _ := visit("/login/oidc")
	require.Empty(t, to)
	provider.Act(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": "risk-desk"}})
	to, flow := visit("/login/oidc")
	require.NotEmpty(t, to)
	to, session := visit(provider.Browse(to).RequestURI(), "Cookie", strings.Join(flow, "; "))
	require.Equal(t, "/", to)
	require.Len(t, session, 1)

	require.Equal(t, http.StatusOK, p.do(http.MethodGet, "/events", "", "Cookie", session[0]).status)
	require.Equal(t, http.StatusForbidden, p.do(http.MethodPost, "/-/reload", "", "Cookie", session[0]).status)
	p.configure(config("admin"))
	require.Equal(t, http.StatusOK, p.do(http.MethodPost, "/-/reload", "", "Authorization", root).status)
	require.Equal(t, http.StatusOK, p.do(http.MethodPost, "/-/reload", "", "Cookie", session[0]).status)
	log := p.do(http.MethodGet, "/audit?action=config.reload", "", "Authorization", root).body
	require.Contains(t, log, `"actor":"ada@example.com"`)
	require.Contains(t, log, `"kind":"person"`)
	require.Equal(t, http.StatusOK, p.do(http.MethodPost, "/logout", "", "Cookie", session[0]).status)
	require.Equal(t, http.StatusUnauthorized, p.do(http.MethodGet, "/events", "", "Cookie", session[0]).status)
	require.Contains(t, p.do(http.MethodGet, "/audit", "", "Authorization", root).body, `"action":"session.logout"`)
}
