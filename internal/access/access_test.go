package access_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

func TestRoleAllowsWhatItSaysAndNoMore(t *testing.T) {
	allowed := map[access.Role][]access.Need{
		access.RoleIngest:   {access.NeedNothing, access.NeedKnown, access.NeedIngest},
		access.RoleRead:     {access.NeedNothing, access.NeedKnown, access.NeedRead},
		access.RoleOperator: {access.NeedNothing, access.NeedKnown, access.NeedRead, access.NeedOperator},
		access.RoleAdmin:    {access.NeedNothing, access.NeedKnown, access.NeedIngest, access.NeedRead, access.NeedOperator, access.NeedAdmin},
	}
	for _, role := range access.Roles() {
		for need := access.NeedNothing; need <= access.NeedAdmin; need++ {
			require.Equal(t, slices.Contains(allowed[role], need), role.Allows(need), "%s, %s", role, need)
		}
	}
	require.False(t, access.Role("").Allows(access.NeedIngest))
	require.False(t, access.Role("").Allows(access.NeedKnown))
	require.Equal(t, "read, operator or admin", access.NeedRead.String())
	require.Equal(t, "admin", access.NeedAdmin.String())
	require.Equal(t, "admin", access.Need(77).String(), "an unknown need is the greatest")
	_, err := access.ParseRole("root")
	require.EqualError(t, err, `"root" is not one of ingest, read, operator or admin`)
}

func TestSecretIsReadBackAndHidden(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		secret := access.NewSecret()
		text := secret.Reveal()
		require.Len(t, text, 56)
		require.False(t, seen[text])
		seen[text] = true
		read, err := access.ParseSecret(text)
		require.NoError(t, err)
		require.Equal(t, secret.Hash(), read.Hash())
		require.NotContains(t, fmt.Sprintf("%s %v %+v %#v %q", secret, secret, secret, secret, secret), text)
	}
	var log strings.Builder
	secret := access.NewSecret()
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "secret", secret)
	require.NotContains(t, log.String(), secret.Reveal())
}

func TestSecretWithOneOtherCharacterIsRefused(t *testing.T) {
	text := access.NewSecret().Reveal()
	for i := range text {
		for _, c := range []byte("0Az_- \x00\xff") {
			if changed := text[:i] + string(c) + text[i+1:]; changed != text {
				_, err := access.ParseSecret(changed)
				require.ErrorIs(t, err, access.ErrNotSecret, "%q", changed)
			}
		}
		_, err := access.ParseSecret(text[:i])
		require.ErrorIs(t, err, access.ErrNotSecret)
	}
	_, err := access.ParseSecret(text + "0")
	require.ErrorIs(t, err, access.ErrNotSecret)
}

func TestHashIsReadBack(t *testing.T) {
	hash := access.NewSecret().Hash()
	read, err := access.ParseHash(hash.String())
	require.NoError(t, err)
	require.Equal(t, hash, read)
	for _, wrong := range []string{"", "sha256:", hash.String()[7:], hash.String() + "00", hash.String()[:70], "sha256:" + strings.Repeat("g", 64)} {
		_, err := access.ParseHash(wrong)
		require.ErrorContains(t, err, "64 hexadecimal digits", wrong)
	}
}

func TestDirectoryFindsWhatIsValid(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old, next, gone, late := access.NewSecret(), access.NewSecret(), access.NewSecret(), access.NewSecret()
	d, err := access.NewDirectory([]access.Entry{
		{Name: "desk", Role: access.RoleOperator, Hash: old.Hash()},
		{Name: "desk", Role: access.RoleRead, Hash: next.Hash()},
		{Name: "late", Role: access.RoleRead, Hash: late.Hash(), Expires: now},
		{Name: "gate", Role: access.RoleIngest, Subject: "CN=gate", Sources: []string{"var_*"}},
	}, false)
	require.NoError(t, err)
	require.False(t, d.Open())

	found, err := d.ByToken(old.Reveal(), now)
	require.NoError(t, err)
	require.Equal(t, access.RoleOperator, found.Role)
	renewed, err := d.Renew(found, now)
	require.NoError(t, err)
	require.Same(t, found, renewed)
	found, err = d.ByToken(next.Reveal(), now)
	require.NoError(t, err)
	require.Equal(t, access.RoleRead, found.Role)

	_, err = d.ByToken(gone.Reveal(), now)
	require.ErrorIs(t, err, access.ErrUnknown)
	_, err = d.ByToken("Bearer", now)
	require.ErrorIs(t, err, access.ErrNotSecret)
	_, err = d.ByToken(late.Reveal(), now)
	require.ErrorIs(t, err, access.ErrExpired)
	_, err = d.ByToken(late.Reveal(), now.Add(-1))
	require.NoError(t, err)

	gate, err := d.BySubject("CN=gate", now)
	require.NoError(t, err)
	require.Equal(t, access.Certificate, gate.Kind)
	require.True(t, gate.MaySend("var_btc"))
	require.False(t, gate.MaySend("kill_switch"))
	require.False(t, gate.MaySend("my_var_btc"), "a pattern is of the whole source")
	renewed, err = d.Renew(gate, now)
	require.NoError(t, err)
	require.Same(t, gate, renewed)
	_, err = d.BySubject("CN=other", now)
	require.ErrorIs(t, err, access.ErrUnknown)

	for _, i := range []*access.Identity{access.Anybody(), {Kind: access.Person, Name: "ada"}, {Kind: access.Token, Hash: gone.Hash()}} {
		_, err := d.Renew(i, now)
		require.ErrorIs(t, err, access.ErrUnknown, i.Kind)
	}
}

func TestDirectoryIsOpenOnlyIfNobodyIsConfigured(t *testing.T) {
	d, err := access.NewDirectory(nil, false)
	require.NoError(t, err)
	require.True(t, d.Open())
	_, err = d.Renew(access.Anybody(), time.Now())
	require.NoError(t, err)
	d, err = access.NewDirectory(nil, true)
	require.NoError(t, err)
	require.False(t, d.Open(), "people can sign in")
}

func TestDirectoryRefusesEntriesThatCannotBeToldApart(t *testing.T) {
	hash := access.NewSecret().Hash()
	for says, entries := range map[string][]access.Entry{
		"same hash":         {{Name: "a", Hash: hash}, {Name: "b", Hash: hash}},
		"same subject":      {{Name: "a", Subject: "CN=x"}, {Name: "b", Subject: "CN=x"}},
		"hash or a subject": {{Name: "a"}},
	} {
		_, err := access.NewDirectory(entries, false)
		require.ErrorContains(t, err, says)
	}
	_, err := access.NewDirectory([]access.Entry{{Name: "a", Hash: hash, Subject: "CN=x"}}, false)
	require.Error(t, err)
}

func TestActionIsByTheNameThatIsShown(t *testing.T) {
	bot := &access.Identity{Kind: access.Token, Name: "desk-bot"}
	require.Equal(t, "desk-bot for ada", bot.By("ada"))
	require.Equal(t, "desk-bot", bot.By(""))
	require.Equal(t, "desk-bot", bot.By("desk-bot"))
	require.Equal(t, "ada", access.Anybody().By("ada"))
}

func TestNameHasNoSpaceAndNoControl(t *testing.T) {
	for _, name := range []string{"a", "desk-bot", "ada@example.com", "var_gate.2", strings.Repeat("x", 64)} {
		require.True(t, access.ValidName(name), name)
	}
	for _, name := range []string{"", "a b", "-a", "a\n", "a/b", strings.Repeat("x", 65), "é"} {
		require.False(t, access.ValidName(name), name)
	}
}

func TestContextCarriesTheCaller(t *testing.T) {
	require.Equal(t, access.Own, access.FromContext(t.Context()).Kind)
	c := &access.Caller{Identity: access.Anybody()}
	require.Same(t, c, access.FromContext(access.NewContext(t.Context(), c)))
}

func FuzzParseSecret(f *testing.F) {
	f.Add(access.NewSecret().Reveal())
	f.Add("alertd_")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := access.ParseSecret(text)
		if err != nil {
			require.NotContains(t, err.Error()+" ", text+"\x00")
			return
		}
		require.Equal(t, text, secret.Reveal())
		require.Len(t, text, 56)
	})
}
