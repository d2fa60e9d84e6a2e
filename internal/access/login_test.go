package access_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

const issuer = "https://login.example.com"

func TestSessionOfATokenIsWhatTheTokenIsNow(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	secret := access.NewSecret()
	directory := func(entries ...access.Entry) *access.Directory {
		d, err := access.NewDirectory(entries, true)
		require.NoError(t, err)
		return d
	}
	login := access.Login{Token: secret.Hash(), At: now, Until: now.Add(time.Hour)}
	entry := access.Entry{Name: "desk", Role: access.RoleOperator, Hash: secret.Hash(), Sources: []string{"var_*"}}
	found, err := directory(entry).ByLogin(login, now)
	require.NoError(t, err)
	require.Equal(t, access.Token, found.Kind)
	require.Equal(t, access.RoleOperator, found.Role)
	require.False(t, found.MaySend("other"))
	require.Equal(t, login.Until, found.Expires, "a session has an end")
	entry.Role = access.RoleRead
	renewed, err := directory(entry).Renew(found, now)
	require.NoError(t, err)
	require.Equal(t, access.RoleRead, renewed.Role)
	entry.Expires = now.Add(time.Minute)
	renewed, err = directory(entry).Renew(found, now)
	require.NoError(t, err)
	require.Equal(t, entry.Expires, renewed.Expires)
	_, err = directory(entry).Renew(found, now.Add(time.Minute))
	require.ErrorIs(t, err, access.ErrExpired)
	_, err = directory().Renew(found, now)
	require.ErrorIs(t, err, access.ErrUnknown)
	entry.Expires = time.Time{}
	_, err = directory(entry).ByLogin(login, now.Add(time.Hour))
	require.ErrorIs(t, err, access.ErrExpired, "the session is over though the token is not")
}

func TestSessionOfAPersonHasTheGreatestRoleOfTheTableInForce(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d, err := access.NewDirectory(nil, false)
	require.NoError(t, err)
	login := access.Login{Account: &access.Account{Issuer: issuer, Name: "ada@example.com", Values: []string{"staff", "risk-desk", "it"}}, At: now, Until: now.Add(time.Hour)}
	for name, c := range map[string]struct {
		people access.People
		role   access.Role
		err    error
	}{
		"one":                 {access.People{Issuer: issuer, Roles: map[string]access.Role{"risk-desk": access.RoleOperator}}, access.RoleOperator, nil},
		"several":             {access.People{Issuer: issuer, Roles: map[string]access.Role{"staff": access.RoleRead, "it": access.RoleAdmin, "risk-desk": access.RoleOperator}}, access.RoleAdmin, nil},
		"none":                {access.People{Issuer: issuer, Roles: map[string]access.Role{"Risk-Desk": access.RoleOperator, "": access.RoleAdmin}}, "", access.ErrNoRole},
		"of another provider": {access.People{Issuer: issuer + "/", Roles: map[string]access.Role{"staff": access.RoleRead}}, "", access.ErrUnknown},
		"without a provider":  {access.People{}, "", access.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			with := d.WithPeople(c.people)
			require.False(t, with.Open())
			found, err := with.ByLogin(login, now)
			require.ErrorIs(t, err, c.err)
			if c.err == nil {
				require.Equal(t, access.Identity{Kind: access.Person, Name: "ada@example.com", Role: c.role, Expires: login.Until, Login: &login}, *found)
			}
		})
	}
	require.True(t, d.Open(), "it has not changed")
}

func TestLoginIsKeptAsJSON(t *testing.T) {
	for _, login := range []access.Login{
		{Token: access.NewSecret().Hash(), At: time.Unix(1, 0).UTC()},
		{Account: &access.Account{Issuer: issuer, Subject: "1", Name: "ada", Values: []string{"a"}}, At: time.Unix(1, 0).UTC()},
	} {
		text, err := json.Marshal(login)
		require.NoError(t, err)
		var back access.Login
		require.NoError(t, json.Unmarshal(text, &back))
		require.Equal(t, login, back)
	}
}

func TestNameOfAPersonCannotPassForAnother(t *testing.T) {
	for text, want := range map[string]string{
		"ada@example.com":         "ada@example.com",
		" Ada Lovelace ":          "Ada_Lovelace",
		"desk-bot for ada":        "desk-bot_for_ada",
		"Zoe\u0308 O'Hara":        "Zo\u00eb_O'Hara",
		"ada\u202egro.elpmaxe":    "ada_gro.elpmaxe",
		"ada\x1b[31m":             "ada__31m",
		"a\u200bda":               "a_da",
		"<b>":                     "_b_",
		"\xff":                    "",
		" \n":                     "",
		strings.Repeat("é", 1000): strings.Repeat("é", 63) + "…",
	} {
		require.Equal(t, want, access.PersonName(text), text)
	}
}
