package openid_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/access"
	"alertd/internal/openid"
	"alertd/internal/openid/openidtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const back = "https://alertd.example.com/login/callback"

// desk is what a provider says of Ada.
func desk(more ...any) map[string]any {
	claims := map[string]any{"email": "ada@example.com", "email_verified": true, "groups": []string{"staff", "risk-desk"}}
	for i := 0; i < len(more); i += 2 {
		name, _ := more[i].(string)
		if claims[name] = more[i+1]; more[i+1] == nil {
			delete(claims, name)
		}
	}
	return claims
}

func configOf(p *openidtest.Provider) openid.Config {
	return openid.Config{
		Issuer: p.URL, ClientID: openidtest.ClientID, ClientSecret: openidtest.ClientSecret, CAFile: p.CAFile,
		Scopes: []string{"openid", "profile", "email"}, Claim: "groups", NameClaim: "email",
	}
}

func newClient(tb testing.TB, config openid.Config) *openid.Provider {
	tb.Helper()
	client, err := openid.New(config)
	require.NoError(tb, err)
	return client
}

// signIn goes the whole way.
func signIn(tb testing.TB, p *openidtest.Provider, client *openid.Provider) (*access.Account, error) {
	tb.Helper()
	to, flow, err := client.Start(tb.Context(), back, "/")
	if err != nil {
		return nil, err
	}
	return client.Finish(tb.Context(), back, p.Browse(to).Query(), flow)
}

func TestPersonSignsIn(t *testing.T) {
	p := openidtest.Start(t, back)
	p.Act(openidtest.Behaviour{Claims: desk()})
	want := &access.Account{Issuer: p.URL, Subject: "id1", Name: "ada@example.com", Values: []string{"staff", "risk-desk"}}
	account, err := signIn(t, p, newClient(t, configOf(p)))
	require.NoError(t, err)
	require.Equal(t, want, account)

	public := configOf(p)
	public.ClientID, public.ClientSecret = openidtest.PublicID, ""
	account, err = signIn(t, p, newClient(t, public))
	require.NoError(t, err)
	require.Equal(t, want, account)
}

func TestClaimsAreFoundWhereProvidersPutThem(t *testing.T) {
	p := openidtest.Start(t, back)
	for name, c := range map[string]struct {
		acts   openidtest.Behaviour
		claim  string
		values []string
		says   string
	}{
		"a list":                   {openidtest.Behaviour{Claims: desk()}, "groups", []string{"staff", "risk-desk"}, ""},
		"a text":                   {openidtest.Behaviour{Claims: desk("groups", "risk-desk")}, "groups", []string{"risk-desk"}, ""},
		"an empty list":            {openidtest.Behaviour{Claims: desk("groups", []string{})}, "groups", []string{}, ""},
		"nested":                   {openidtest.Behaviour{Claims: desk("realm_access", map[string]any{"roles": []string{"risk"}})}, "realm_access.roles", []string{"risk"}, ""},
		"a name with dots":         {openidtest.Behaviour{Claims: desk("https://example.com/groups", "risk")}, "https://example.com/groups", []string{"risk"}, ""},
		"of userinfo":              {openidtest.Behaviour{Info: desk()}, "groups", []string{"staff", "risk-desk"}, ""},
		"the id token comes first": {openidtest.Behaviour{Claims: desk("email", nil), Info: desk("groups", []string{"admins"})}, "groups", []string{"staff", "risk-desk"}, ""},
		"userinfo of another":      {openidtest.Behaviour{Info: desk(), InfoSubject: "id2"}, "groups", nil, "does not say who you are"},
		"missing":                  {openidtest.Behaviour{Claims: desk("groups", nil)}, "groups", nil, `there is no claim "groups"`},
		"numbers":                  {openidtest.Behaviour{Claims: desk("groups", []int{1})}, "groups", nil, "has a value that is not a text"},
		"a number":                 {openidtest.Behaviour{Claims: desk("groups", 1)}, "groups", nil, "is neither a text nor a list"},
		"too many":                 {openidtest.Behaviour{Claims: desk("groups", make([]string, 1001))}, "groups", nil, "more than 1000"},
		"only referred to":         {openidtest.Behaviour{Claims: desk("groups", nil, "_claim_names", map[string]any{"groups": "src1"}, "_claim_sources", map[string]any{"src1": map[string]any{"endpoint": "https://graph.example.com/groups"}})}, "groups", nil, "only refers to them"},
		"no name":                  {openidtest.Behaviour{Claims: desk("email", "")}, "groups", nil, "does not say your name"},
		"an address of anybody's":  {openidtest.Behaviour{Claims: desk("email_verified", false)}, "groups", nil, "has not verified your address"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Act(c.acts)
			config := configOf(p)
			config.Claim = c.claim
			account, err := signIn(t, p, newClient(t, config))
			if c.says != "" {
				require.ErrorContains(t, err, c.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.values, account.Values)
		})
	}
}

func TestIDTokenThatIsNotForThisSignInIsRefused(t *testing.T) {
	p := openidtest.Start(t, back)
	client := newClient(t, configOf(p))
	for name, acts := range map[string]openidtest.Behaviour{
		"the nonce of another":    {Claims: desk(), Nonce: "another"},
		"for another client":      {Claims: desk(), Audience: []string{"another"}, Party: "another"},
		"expired":                 {Claims: desk(), Lifetime: -2 * time.Minute},
		"given to another client": {Claims: desk(), Party: "another"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Act(acts)
			_, err := signIn(t, p, client)
			require.ErrorContains(t, err, "is not valid")
			known := new(openid.Error)
			require.ErrorAs(t, err, &known)
			require.False(t, known.Unavailable)
		})
	}
	p.Act(openidtest.Behaviour{Claims: desk(), Lifetime: -30 * time.Second})
	_, err := signIn(t, p, client)
	require.NoError(t, err, "clocks may differ a little")
}

func TestAnswerBelongsToTheSignInThatHasBegun(t *testing.T) {
	p := openidtest.Start(t, back)
	p.Act(openidtest.Behaviour{Claims: desk()})
	client := newClient(t, configOf(p))
	to, flow, err := client.Start(t.Context(), back, "/")
	require.NoError(t, err)
	asked, err := url.Parse(to)
	require.NoError(t, err)
	require.Equal(t, "S256", asked.Query().Get("code_challenge_method"))
	require.NotContains(t, to, flow.Verifier)
	answer := p.Browse(to).Query()

	_, other, err := client.Start(t.Context(), back, "/")
	require.NoError(t, err)
	_, err = client.Finish(t.Context(), back, answer, other)
	require.ErrorIs(t, err, openid.ErrNoFlow, "of another browser")
	_, err = client.Finish(t.Context(), back, answer, openid.Flow{})
	require.ErrorIs(t, err, openid.ErrNoFlow)
	for _, foreign := range []url.Values{
		{"state": {flow.State}, "code": answer["code"], "iss": {"https://other.example.com"}},
		{"state": {flow.State}, "error": {"access_denied"}, "error_description": {"no"}},
	} {
		_, err = client.Finish(t.Context(), back, foreign, flow)
		require.Error(t, err)
	}
	stolen := flow
	stolen.Verifier = other.Verifier
	_, err = client.Finish(t.Context(), back, answer, stolen)
	require.ErrorContains(t, err, "does not accept this sign-in", "a code without its verifier")

	to, flow, err = client.Start(t.Context(), back, "/")
	require.NoError(t, err)
	answer = p.Browse(to).Query()
	_, err = client.Finish(t.Context(), back, answer, flow)
	require.NoError(t, err)
	_, err = client.Finish(t.Context(), back, answer, flow)
	require.ErrorContains(t, err, "does not accept this sign-in", "a code is good once")
}

func TestProviderMayChangeItsKey(t *testing.T) {
	p := openidtest.Start(t, back)
	p.Act(openidtest.Behaviour{Claims: desk()})
	client := newClient(t, configOf(p))
	for range 2 {
		_, err := signIn(t, p, client)
		require.NoError(t, err)
		p.Rotate()
	}
	_, err := signIn(t, p, client)
	require.NoError(t, err)
	require.Equal(t, 1, p.Asked(), "what it offers is remembered")
}

func TestProviderMayBeDownAtFirst(t *testing.T) {
	p := openidtest.Start(t, back)
	p.Act(openidtest.Behaviour{Down: true})
	client := newClient(t, configOf(p))
	for range 2 {
		_, err := signIn(t, p, client)
		known := new(openid.Error)
		require.ErrorAs(t, err, &known)
		require.True(t, known.Unavailable)
		require.NotContains(t, known.Message, "EOF")
	}
	p.Act(openidtest.Behaviour{Claims: desk()})
	_, err := signIn(t, p, client)
	require.NoError(t, err)
	to, flow, err := client.Start(t.Context(), back, "/")
	require.NoError(t, err)
	answer := p.Browse(to).Query()
	p.Act(openidtest.Behaviour{Down: true})
	_, err = client.Finish(t.Context(), back, answer, flow)
	require.ErrorContains(t, err, "cannot be reached")
}

// What answers in the provider's place gets no secret, and cannot fill the memory.
func TestProviderThatIsNotInOrderIsNotUsed(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed elsewhere") }))
	defer elsewhere.Close()
	for name, handler := range map[string]func(w http.ResponseWriter, r *http.Request){
		"redirects elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"another issuer": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://other.example.com"}`))
		},
		"an answer that is too long": func(w http.ResponseWriter, r *http.Request) {
			endpoints := `"authorization_endpoint":"https://` + r.Host + `/a","token_endpoint":"https://` + r.Host + `/t"`
			_, _ = w.Write([]byte(strings.Repeat(" ", 1<<20) + `{"issuer":"https://` + r.Host + `",` + endpoints + `}`))
		},
		"plain endpoints": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"issuer":"https://` + r.Host + `","authorization_endpoint":"http://` + r.Host + `/a","token_endpoint":"http://` + r.Host + `/t"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(http.HandlerFunc(handler))
			defer server.Close()
			p := openidtest.Start(t, back) // for its file of certificates: all of httptest's are one
			config := configOf(p)
			config.Issuer = server.URL
			_, _, err := newClient(t, config).Start(t.Context(), back, "/")
			known := new(openid.Error)
			require.ErrorAs(t, err, &known)
			require.True(t, known.Unavailable)
		})
	}
}

func TestFlowIsGoodForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flow := openid.Flow{State: "s", Nonce: "n", Verifier: "v", Next: "/events", At: time.Now().UTC()}
		back, err := openid.ParseFlow(flow.String())
		require.NoError(t, err)
		require.Equal(t, flow, back)
		time.Sleep(openid.FlowLifetime)
		_, err = openid.ParseFlow(flow.String())
		require.ErrorIs(t, err, openid.ErrNoFlow)
	})
	for _, text := range []string{"", "x", "e30", openid.Flow{State: "s", At: time.Now()}.String()} {
		_, err := openid.ParseFlow(text)
		require.ErrorIs(t, err, openid.ErrNoFlow)
	}
}

func TestFileOfCertificatesMustHaveOne(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, file := range []string{empty, empty + ".not"} {
		_, err := openid.New(openid.Config{CAFile: file})
		require.ErrorContains(t, err, "ca_file")
	}
}

func FuzzCallback(f *testing.F) {
	client, err := openid.New(openid.Config{Issuer: "https://127.0.0.1:1", ClientID: "alertd", Claim: "groups", NameClaim: "email"})
	require.NoError(f, err)
	flow := openid.Flow{State: "a-state", Nonce: "n", Verifier: "v", At: time.Now()}
	for _, query := range []string{"", "state=a-state&error=access_denied&error_description=%3Cscript%3E", "state=a-state&state=b&error=x", "state=%ff", "code=a&state=", "state=a-state&iss=x"} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		if values.Get("state") == flow.State && values.Get("error") == "" && values.Get("iss") == "" {
			return // it would ask the provider
		}
		_, err = client.Finish(t.Context(), back, values, flow)
		require.Error(t, err)
		if values.Get("state") != flow.State {
			require.ErrorIs(t, err, openid.ErrNoFlow)
		}
		require.Less(t, len([]rune(err.Error())), 300)
	})
}

// The configuration takes such an issuer on loopback alone.
func TestIssuerWithoutTLSHasEndpointsWithout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"issuer":"http://` + r.Host + `","authorization_endpoint":"http://` + r.Host + `/a","token_endpoint":"http://` + r.Host + `/t"}`))
	}))
	defer server.Close()
	client := newClient(t, openid.Config{Issuer: server.URL, ClientID: "alertd", Claim: "groups", NameClaim: "email"})
	to, _, err := client.Start(t.Context(), back, "/")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(to, server.URL+"/a?"), to)
}
