package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/config"
)

// tokenFile returns a configuration in which one admin has these tokens.
func tokenFile(tb testing.TB, secrets ...access.Secret) string {
	tb.Helper()
	file := "[alerting]\n"
	for _, secret := range secrets {
		entry, err := config.FormatEntry(access.Entry{Name: "ada", Role: access.RoleAdmin, Hash: secret.Hash()})
		require.NoError(tb, err)
		file += entry
	}
	return file
}

// A token is replaced while its successor is valid already, and a reload suffices.
func TestReloadTakesOverTokens(t *testing.T) {
	first, second := access.NewSecret(), access.NewSecret()
	p := start(t, "[alerting]\n")
	bearer := func(s access.Secret) []string { return []string{"Authorization", "Bearer " + s.Reveal()} }
	valid := func(want int, header ...string) {
		t.Helper()
		require.Equal(t, want, p.do(http.MethodGet, "/config", "", header...).status)
	}
	reload := func(toml string, header ...string) answer {
		t.Helper()
		p.configure(toml)
		return p.do(http.MethodPost, "/-/reload", "", header...)
	}

	valid(http.StatusOK)
	require.Equal(t, http.StatusOK, reload(tokenFile(t, first)).status)
	valid(http.StatusUnauthorized)
	valid(http.StatusOK, bearer(first)...)
	valid(http.StatusUnauthorized, bearer(second)...)

	require.Equal(t, http.StatusOK, reload(tokenFile(t, first, second), bearer(first)...).status)
	valid(http.StatusOK, bearer(first)...)
	valid(http.StatusOK, bearer(second)...)

	require.Equal(t, http.StatusOK, reload(tokenFile(t, second), bearer(second)...).status)
	valid(http.StatusUnauthorized, bearer(first)...)
	valid(http.StatusOK, bearer(second)...)

	refusal := reload(tokenFile(t), bearer(second)...)
	require.Equal(t, http.StatusUnprocessableEntity, refusal.status)
	require.Contains(t, refusal.body, `"errors":[{"field":"server.tokens","message":"would let in nobody any more, and therefore everybody; `)
	valid(http.StatusUnauthorized)
	valid(http.StatusOK, bearer(second)...)

	require.Equal(t, http.StatusOK, reload(tokenFile(t)+"[server]\nallow_anonymous = true\n", bearer(second)...).status)
	valid(http.StatusOK)
	require.NotContains(t, p.log.String(), second.Hash().String())
}
