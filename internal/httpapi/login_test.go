package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/httpapi"
	"alertd/internal/openid"
	"alertd/internal/openid/openidtest"
)

const asForm = "application/x-www-form-urlencoded"

// cookieOf returns what a Cookie header of a browser says after an answer, "" if nothing.
func (a answer) cookieOf(tb testing.TB) string {
	tb.Helper()
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	require.NoError(tb, err)
	require.True(tb, cookie.HttpOnly)
	require.Equal(tb, http.SameSiteLaxMode, cookie.SameSite)
	require.Equal(tb, "/", cookie.Path)
	if cookie.Value == "" {
		require.Negative(tb, cookie.MaxAge)
		return ""
	}
	return cookie.Name + "=" + cookie.Value
}

// signIn signs in with a token, given as an Authorization header, and returns the cookie.
func (h *harness) signIn(authorization string) string {
	h.tb.Helper()
	a := h.do(http.MethodPost, "/login", `{"token":"`+strings.TrimPrefix(authorization, "Bearer ")+`"}`, "Content-Type", asJSON)
	require.Equal(h.tb, http.StatusOK, a.status, a.body)
	return a.cookieOf(h.tb)
}

// reconfigure changes who may do what.
func (h *harness) reconfigure(people access.People, entries ...access.Entry) {
	h.tb.Helper()
	directory, err := access.NewDirectory(entries, true)
	require.NoError(h.tb, err)
	h.api.Reconfigure(httpapi.Settings{Access: directory.WithPeople(people)})
}

func TestSessionMayDoWhatItsTokenMayNow(t *testing.T) {
	h, _ := guarded(t)
	secret := access.NewSecret()
	entry := access.Entry{Name: "desk", Role: access.RoleOperator, Hash: secret.Hash()}
	h.reconfigure(access.People{}, entry)
	cookie := h.signIn(secret.Reveal())
	status := func() int { return h.do(http.MethodGet, "/events", "", "Cookie", cookie).status }
	require.Equal(t, http.StatusOK, status())
	require.Equal(t, http.StatusForbidden, h.do(http.MethodGet, "/config", "", "Cookie", cookie).status)
	entry.Role = access.RoleAdmin
	h.reconfigure(access.People{}, entry)
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/config", "", "Cookie", cookie).status)
	entry.Expires = time.Now()
	h.reconfigure(access.People{}, entry)
	require.Equal(t, http.StatusUnauthorized, status())
	h.reconfigure(access.People{}, access.Entry{Name: "other", Role: access.RoleAdmin, Hash: access.NewSecret().Hash()})
	a := h.do(http.MethodGet, "/events", "", "Cookie", cookie)
	require.Contains(t, requireProblem(t, a, http.StatusUnauthorized).Detail, "sign in again at /login")
}

func TestLoginAnswersJSONWithWhoIsSignedIn(t *testing.T) {
	h, tokens := guarded(t)
	a := h.do(http.MethodPost, "/login", `{"token":"`+tokens[access.RoleRead][7:]+`"}`, "Content-Type", asJSON)
	require.Equal(t, http.StatusOK, a.status, a.body)
	var in struct {
		Name, Role string
		ExpiresAt  time.Time `json:"expires_at"`
	}
	a.into(t, &in)
	require.Equal(t, "read", in.Name)
	require.Equal(t, "read", in.Role)
	require.WithinDuration(t, time.Now().Add(7*24*time.Hour), in.ExpiresAt, time.Minute)
	require.Equal(t, "read", h.lastRecord()["caller"])
	require.NotContains(t, h.log.String(), tokens[access.RoleRead][7:])
}

func TestLogoutEndsTheSession(t *testing.T) {
	h, tokens := guarded(t)
	cookie := h.signIn(tokens[access.RoleRead])
	for range 2 {
		a := h.do(http.MethodPost, "/logout", "", "Cookie", cookie)
		require.Equal(t, http.StatusOK, a.status)
		require.Empty(t, a.cookieOf(t))
		requireProblem(t, h.do(http.MethodGet, "/events", "", "Cookie", cookie), http.StatusUnauthorized)
	}
	a := h.do(http.MethodPost, "/logout", "", "Content-Type", asForm)
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, "/login", a.header.Get("Location"))
}

func TestSessionActsFromItsOwnPagesAlone(t *testing.T) {
	h, tokens := guarded(t)
	cookie := h.signIn(tokens[access.RoleAdmin])
	for _, foreign := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "null"}} {
		requireProblem(t, h.do(http.MethodPost, "/-/reload", "", append(foreign, "Cookie", cookie)...), http.StatusForbidden)
	}
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/-/reload", "", "Sec-Fetch-Site", "same-origin", "Cookie", cookie).status)
}

func TestTokenCountsBeforeTheSession(t *testing.T) {
	h, tokens := guarded(t)
	cookie := h.signIn(tokens[access.RoleAdmin])
	require.Equal(t, http.StatusForbidden, h.do(http.MethodGet, "/config", "", "Cookie", cookie, "Authorization", tokens[access.RoleRead]).status)
	requireProblem(t, h.do(http.MethodGet, "/config", "", "Cookie", cookie, "Authorization", "Bearer x"), http.StatusUnauthorized)
	requireProblem(t, h.do(http.MethodGet, "/config", "", "Cookie", cookie+"; "+cookie), http.StatusUnauthorized)
}

// Over TLS the cookie has a name that no other host can plant.
func TestCookieIsSecureOverTLS(t *testing.T) {
	for name, c := range map[string]struct {
		publicURL, target string
		secure            bool
	}{
		"plain":              {"", "http://alertd.example.com/", false},
		"TLS":                {"", "https://alertd.example.com/", true},
		"TLS of a proxy":     {"https://alertd.example.com", "http://127.0.0.1/", true},
		"a plain public_url": {"http://alertd.example.com", "http://127.0.0.1/", false},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := guarded(t)
			directory, tokens := tokensOfRoles(t)
			h.api.Reconfigure(httpapi.Settings{PublicURL: c.publicURL, Access: directory})
			a := h.do(http.MethodPost, c.target+"login", `{"token":"`+tokens[access.RoleRead][7:]+`"}`, "Content-Type", asJSON)
			cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
			require.NoError(t, err)
			require.Equal(t, c.secure, cookie.Secure)
			require.Equal(t, c.secure, strings.HasPrefix(cookie.Name, "__Host-"))
			require.Equal(t, http.StatusOK, h.do(http.MethodGet, c.target+"events", "", "Cookie", a.cookieOf(t)).status)
			planted := h.do(http.MethodGet, c.target+"events", "", "Cookie", strings.TrimPrefix(a.cookieOf(t), "__Host-"))
			require.Equal(t, c.secure, planted.status == http.StatusUnauthorized)
		})
	}
}

func TestPageSignsInWithoutScript(t *testing.T) {
	h, tokens := guarded(t)
	page := h.get("/login?next=/events")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	require.NotContains(t, page.body, "<script")
	require.Contains(t, page.body, `name="next" value="/events"`)
	require.Contains(t, page.body, `type="password" autocomplete="off"`)

	send := func(token, next string) answer {
		return h.do(http.MethodPost, "/login", url.Values{"token": {token}, "next": {next}}.Encode(), "Content-Type", asForm)
	}
	wrong := send(access.NewSecret().Reveal(), "/events")
	require.Equal(t, http.StatusUnauthorized, wrong.status)
	require.Contains(t, wrong.body, "Not signed in: the token is not known.")
	require.Contains(t, wrong.body, `value="/events"`)
	require.Empty(t, wrong.header.Get("Set-Cookie"))

	right := send("  "+tokens[access.RoleOperator][7:]+"\r\n", "/events?limit=1")
	require.Equal(t, http.StatusSeeOther, right.status)
	require.Equal(t, "/events?limit=1", right.header.Get("Location"))
	signed := h.do(http.MethodGet, "/login", "", "Cookie", right.cookieOf(t))
	require.Contains(t, signed.body, "You are signed in")
	require.Contains(t, signed.body, "<dd>operator</dd>")
	require.Contains(t, signed.body, "Sign out")

	require.Equal(t, "/", send(tokens[access.RoleRead][7:], "//evil.example").header.Get("Location"))
	require.Contains(t, newHarness(t).get("/login").body, "No sign-in is needed")
}

func TestSignInsAreRecorded(t *testing.T) {
	h, tokens := guarded(t)
	h.do(http.MethodPost, "/login", `{"token":"`+access.NewSecret().Reveal()+`"}`, "Content-Type", asJSON)
	cookie := h.signIn(tokens[access.RoleRead])
	h.do(http.MethodPost, "/logout", "", "Cookie", cookie)
	h.do(http.MethodPost, "/logout", "", "Cookie", cookie)
	var got []string
	for _, e := range h.journal.entries {
		require.Equal(t, "192.0.2.1", e.Address)
		got = append(got, string(e.Action)+" "+e.Actor+" "+string(e.Kind))
	}
	require.Equal(t, []string{
		string(audit.LoginFailed) + " anonymous anonymous", string(audit.Login) + " read token", string(audit.Logout) + " read token",
	}, got)
	h.journal.broken = errDiskFull
	a := h.do(http.MethodPost, "/login", `{"token":"`+tokens[access.RoleRead][7:]+`"}`, "Content-Type", asJSON)
	requireProblem(t, a, http.StatusServiceUnavailable)
	require.Empty(t, a.header.Get("Set-Cookie"), "nobody is signed in without a record")
}

func FuzzNext(f *testing.F) {
	for _, next := range []string{"/", "/events?q=a#b", "//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "/%2f/x", "/x\r\nSet-Cookie: a=b", "/é", "?a", ""} {
		f.Add(next)
	}
	directory, tokens := tokensOfRoles(f)
	h := newHarness(f, func(c *httpapi.Config) { c.Settings.Access = directory })
	f.Fuzz(func(t *testing.T, next string) {
		a := h.on(t).do(http.MethodPost, "/login", url.Values{"token": {tokens[access.RoleRead][7:]}, "next": {next}}.Encode(), "Content-Type", asForm)
		require.Equal(t, http.StatusSeeOther, a.status, a.body)
		to := a.header.Get("Location")
		require.NotContains(t, to, "\\")
		base, err := url.Parse("https://alertd.example.com/login")
		require.NoError(t, err)
		there, err := base.Parse(to)
		if err == nil {
			require.Equal(t, "alertd.example.com", there.Host, to)
			require.Equal(t, "https", there.Scheme, to)
		}
		require.True(t, strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//"), to)
		require.Equal(t, to, strings.Map(func(r rune) rune {
			if r <= ' ' || r > '~' {
				return -1
			}
			return r
		}, to))
	})
}

func FuzzSessionCookie(f *testing.F) {
	h, tokens := guarded(f)
	valid := h.signIn(tokens[access.RoleRead])
	for _, cookie := range []string{valid, "alertd_session=", valid + "; " + valid, "alertd_session=" + strings.Repeat("A", 43), `alertd_session="a"`, "__Host-" + valid, ";=;", "\x00"} {
		f.Add(cookie)
	}
	f.Fuzz(func(t *testing.T, cookie string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events", nil)
		r.Header["Cookie"] = []string{cookie}
		recorder := httptest.NewRecorder()
		h.api.Handler().ServeHTTP(recorder, r)
		if strings.Contains(cookie, strings.TrimPrefix(valid, "alertd_session=")) {
			require.Contains(t, []int{http.StatusOK, http.StatusUnauthorized}, recorder.Code)
			return
		}
		require.Equal(t, http.StatusUnauthorized, recorder.Code)
	})
}

const callback = "https://alertd.example.com/login/callback"

// withProvider returns an API by whose provider people sign in, those of the group risk-desk
// as operators.
func withProvider(tb testing.TB) (*harness, *openidtest.Provider) {
	tb.Helper()
	p := openidtest.Start(tb, callback)
	p.Act(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": []string{"staff", "risk-desk"}}})
	h := newHarness(tb, func(c *httpapi.Config) { byProvider(tb, c, p) })
	return h, p
}

func byProvider(tb testing.TB, c *httpapi.Config, p *openidtest.Provider) {
	tb.Helper()
	client, err := openid.New(openid.Config{
		Issuer: p.URL, ClientID: openidtest.ClientID, ClientSecret: openidtest.ClientSecret, CAFile: p.CAFile,
		Scopes: []string{"openid", "email"}, Claim: "groups", NameClaim: "email",
	})
	require.NoError(tb, err)
	c.OpenID = client
	directory, err := access.NewDirectory(nil, true)
	require.NoError(tb, err)
	c.Settings.PublicURL = "https://alertd.example.com"
	c.Settings.Access = directory.WithPeople(access.People{Issuer: p.URL, Roles: map[string]access.Role{"risk-desk": access.RoleOperator}})
}

// startAt begins a sign-in, and returns what the provider sends back and the cookie for it.
func (h *harness) startAt(p *openidtest.Provider, next string) (target, cookie string) {
	h.tb.Helper()
	a := h.get("/login/oidc?next=" + url.QueryEscape(next))
	require.Equal(h.tb, http.StatusSeeOther, a.status, a.body)
	back := p.Browse(a.header.Get("Location"))
	require.True(h.tb, strings.HasPrefix(back.String(), callback+"?"), back)
	return "/login/callback?" + back.RawQuery, a.cookieOf(h.tb)
}

// sessionOf returns the cookie of the session that an answer begins.
func (a answer) sessionOf(tb testing.TB) string {
	tb.Helper()
	for _, line := range a.header["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		require.NoError(tb, err)
		if cookie.Name == "__Host-alertd_session" && cookie.Value != "" {
			return cookie.Name + "=" + cookie.Value
		}
	}
	return ""
}

func TestPersonSignsInByTheProvider(t *testing.T) {
	h, p := withProvider(t)
	require.Contains(t, h.get("/login?next=/events").body, "/login/oidc?next=%2fevents")
	target, flow := h.startAt(p, "/events?limit=1")
	a := h.do(http.MethodGet, target, "", "Cookie", flow, "Accept", "text/html")
	require.Equal(t, http.StatusSeeOther, a.status, a.body)
	require.Equal(t, "/events?limit=1", a.header.Get("Location"))
	cookie := a.sessionOf(t)
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/events", "", "Cookie", cookie).status)
	require.Contains(t, h.do(http.MethodGet, "/login", "", "Cookie", cookie).body, "ada@example.com")
	require.Equal(t, http.StatusForbidden, h.do(http.MethodGet, "/config", "", "Cookie", cookie).status)
	require.Equal(t, "ada@example.com", h.journal.entries[0].Actor)
	require.Equal(t, access.Person, h.journal.entries[0].Kind)

	again := h.do(http.MethodGet, target, "", "Cookie", flow, "Accept", "text/html")
	require.Equal(t, http.StatusUnauthorized, again.status, "a code is good once")
	require.Empty(t, again.sessionOf(t))
	without := h.do(http.MethodGet, target, "", "Accept", "text/html")
	require.Equal(t, http.StatusUnauthorized, without.status)
	require.Contains(t, without.body, "did not begin in this browser")

	// The table of roles counts at once.
	roles := map[string]access.Role{"staff": access.RoleAdmin}
	h.reconfigure(access.People{Issuer: p.URL, Roles: roles})
	cookie = strings.TrimPrefix(cookie, "__Host-") // it is reached without TLS now
	require.Equal(t, http.StatusOK, h.do(http.MethodGet, "/config", "", "Cookie", cookie).status)
	h.reconfigure(access.People{Issuer: p.URL, Roles: map[string]access.Role{"others": access.RoleAdmin}})
	a = h.do(http.MethodGet, "/events", "", "Cookie", cookie)
	require.Contains(t, requireProblem(t, a, http.StatusForbidden).Detail, "ada@example.com has no role")
}

func TestSignInThatComesToNothingSaysWhyInertly(t *testing.T) {
	h, p := withProvider(t)
	target, flow := h.startAt(p, "/events")
	state := regexp.MustCompile(`state=([^&]+)`).FindStringSubmatch(target)[1]
	a := h.do(http.MethodGet, "/login/callback?state="+state+"&error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E", "", "Cookie", flow, "Accept", "text/html")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.Contains(t, a.body, "access_denied (&lt;script&gt;")
	require.NotContains(t, a.body, "<script")

	p.Act(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": "others"}})
	target, flow = h.startAt(p, "/")
	a = h.do(http.MethodGet, target, "", "Cookie", flow, "Accept", "text/html")
	require.Equal(t, http.StatusForbidden, a.status)
	require.Contains(t, a.body, "ada@example.com has no role")
	require.Empty(t, a.sessionOf(t))
	last := h.journal.entries[len(h.journal.entries)-1]
	require.Equal(t, audit.LoginFailed, last.Action)
	require.Equal(t, "ada@example.com", last.Actor)

	h, p = withProvider(t)
	p.Act(openidtest.Behaviour{Down: true})
	a = h.do(http.MethodGet, "/login/oidc", "", "Accept", "text/html")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "5", a.header.Get("Retry-After"))
	require.Contains(t, a.body, "try again later")
	require.Equal(t, http.StatusOK, h.get("/login").status)

	require.Equal(t, http.StatusNotFound, newHarness(t).get("/login/oidc").status)
	require.Equal(t, http.StatusNotFound, newHarness(t).get("/login/callback").status)
}
