package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

// tokenFor returns the table of a token and what its owner sends as Authorization.
func tokenFor(name string, role access.Role) (table, authorization string) {
	secret := access.NewSecret()
	return fmt.Sprintf("[[server.tokens]]\nname = %q\nrole = %q\nhash = %q\n", name, role, secret.Hash()), "Bearer " + secret.Reveal()
}

func TestReloadTakesTokensOverAtOnce(t *testing.T) {
	gateTable, gate := tokenFor("gate", access.RoleIngest)
	viewTable, view := tokenFor("view", access.RoleRead)
	nextTable, next := tokenFor("view", access.RoleRead)
	rootTable, root := tokenFor("root", access.RoleAdmin)
	p := start(t, lenient+gateTable+viewTable+rootTable)

	require.Equal(t, http.StatusUnauthorized, p.post("/alerts", breach).status)
	require.Equal(t, http.StatusOK, p.get("/healthz").status)
	require.JSONEq(t, `{"status":"ready"}`, p.get("/readyz").body)
	require.Equal(t, http.StatusCreated, p.do(http.MethodPost, "/alerts", breach, "Authorization", gate).status)
	require.Equal(t, http.StatusForbidden, p.do(http.MethodGet, "/events", "", "Authorization", gate).status)
	stream := p.openStream("Authorization", view)
	require.Equal(t, http.StatusUnauthorized, p.do(http.MethodGet, "/events", "", "Authorization", next).status)

	p.configure(lenient + gateTable + nextTable + rootTable)
	require.Equal(t, http.StatusOK, p.do(http.MethodPost, "/-/reload", "", "Authorization", root).status)
	require.Equal(t, "event: revoked\ndata: {\"reason\":\"the credential is not known\"}\n", stream.message())
	stream.requireEnd()
	require.Eventually(t, func() bool {
		log := p.do(http.MethodGet, "/audit", "", "Authorization", root).body
		return strings.Count(log, `"action":"token.first_use"`) == 3 && strings.Contains(log, `"action":"token.refused"`)
	}, patience, 10*time.Millisecond, "it is written behind the requests")
	require.Equal(t, http.StatusUnauthorized, p.do(http.MethodGet, "/events", "", "Authorization", view).status)
	require.Equal(t, http.StatusOK, p.do(http.MethodGet, "/events", "", "Authorization", next).status)
}
