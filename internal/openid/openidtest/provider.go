// Package openidtest runs a real provider of OpenID Connect for tests, zitadel/oidc's, that
// misbehaves on demand. It knows the protocol, not alertd.
package openidtest

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// The clients of the provider: one with a secret, one without.
const (
	ClientID     = "alertd"
	ClientSecret = "a secret of alertd"
	PublicID     = "alertd-public"
)

// Behaviour is what the provider says, and what it does wrong. The zero value says nothing
// of anybody, and is in order.
type Behaviour struct {
	// Claims are in the id token, and Info in the answer of userinfo.
	Claims, Info map[string]any
	// InfoSubject is the subject in the answer of userinfo, if not empty.
	InfoSubject string
	// Nonce, Audience and Party, which is whom the id token is given to, take the place of
	// those of the request, if not empty.
	Nonce    string
	Audience []string
	Party    string
	// Lifetime is that of the id token; 0 stands for an hour.
	Lifetime time.Duration
	// Down says that the provider answers nothing.
	Down bool
}

// Provider is a running provider.
type Provider struct {
	// URL is the issuer.
	URL string
	// CAFile has the certificate of its server.
	CAFile string

	tb     testing.TB
	server *httptest.Server

	mu      sync.Mutex
	acts    Behaviour
	asked   int // how often it was asked what it offers
	storage *storage.Storage
	keys    *storage.Storage // has the key that signs
}

// Start runs a provider whose clients come back to the given URLs, until the test ends. Its
// only user, whose subject is "id1", always agrees.
func Start(tb testing.TB, back ...string) *Provider {
	tb.Helper()
	p := &Provider{tb: tb}
	var handler http.Handler
	p.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	tb.Cleanup(p.server.Close)
	p.URL = p.server.URL
	p.CAFile = filepath.Join(tb.TempDir(), "ca.pem")
	require.NoError(tb, os.WriteFile(p.CAFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.server.Certificate().Raw}), 0o600))

	p.storage = storage.NewStorageWithClients(storage.NewUserStore(p.URL), map[string]*storage.Client{
		ClientID: storage.WebClient(ClientID, ClientSecret, back...), PublicID: storage.NativeClient(PublicID, back...),
	})
	p.keys = p.storage
	provider, err := op.NewProvider(&op.Config{CodeMethodS256: true, AuthMethodPost: true}, &store{p.storage, p}, op.StaticIssuer(p.URL),
		op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(tb, err)
	mux := http.NewServeMux()
	mux.Handle("/login/username", op.NewIssuerInterceptor(provider.IssuerFromRequest).HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.URL.Query().Get("authRequestID")
		if err := p.storage.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id); err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		http.Redirect(w, r, op.AuthCallbackURL(provider)(r.Context(), id), http.StatusFound)
	}))
	mux.Handle("/", provider)
	handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.acts.Down
		if r.URL.Path == "/.well-known/openid-configuration" {
			p.asked++
		}
		p.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	})
	return p
}

// Act changes what the provider does.
func (p *Provider) Act(b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acts = b
}

func (p *Provider) behaviour() Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acts
}

// Asked returns how often the provider was asked what it offers.
func (p *Provider) Asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// Rotate makes the provider sign with another key.
func (p *Provider) Rotate() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = storage.NewStorage(storage.NewUserStore(p.URL))
}

func (p *Provider) signs() *storage.Storage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys
}

// Browse goes from a URL of the provider to where it sends the browser back to, as the
// user's browser does.
func (p *Provider) Browse(from string) *url.URL {
	p.tb.Helper()
	home, err := url.Parse(p.URL)
	require.NoError(p.tb, err)
	client := *p.server.Client()
	client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		if next.URL.Host != home.Host {
			return http.ErrUseLastResponse
		}
		return nil
	}
	request, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, from, nil)
	require.NoError(p.tb, err)
	response, err := client.Do(request)
	require.NoError(p.tb, err)
	defer func() { require.NoError(p.tb, response.Body.Close()) }()
	back, err := response.Location()
	require.NoError(p.tb, err, response.Status)
	return back
}

// store has the state of the provider.
type store struct {
	*storage.Storage
	provider *Provider
}

func (s *store) SigningKey(ctx context.Context) (op.SigningKey, error) {
	return s.provider.signs().SigningKey(ctx)
}

func (s *store) KeySet(ctx context.Context) ([]op.Key, error) { return s.provider.signs().KeySet(ctx) }

func (s *store) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	found, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return client{found, s.provider.behaviour().Lifetime}, nil
}

// client is one whose id tokens have a lifetime.
type client struct {
	op.Client
	lifetime time.Duration
}

func (c client) IDTokenLifetime() time.Duration {
	if c.lifetime == 0 {
		return time.Hour
	}
	return c.lifetime
}

func (s *store) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	found, err := s.Storage.AuthRequestByCode(ctx, code)
	if err != nil {
		return nil, oidc.ErrInvalidGrant().WithParent(err)
	}
	request, ok := found.(*storage.AuthRequest)
	if !ok {
		return nil, errors.New("not a request of the storage")
	}
	return &changed{AuthRequest: request, acts: s.provider.behaviour()}, nil
}

// CreateAccessToken takes the storage's own requests alone.
func (s *store) CreateAccessToken(ctx context.Context, request op.TokenRequest) (string, time.Time, error) {
	if c, ok := request.(*changed); ok {
		request, c.checked = c.AuthRequest, true
	}
	return s.Storage.CreateAccessToken(ctx, request)
}

// changed is a request as the provider remembers it wrongly.
type changed struct {
	*storage.AuthRequest
	acts Behaviour
	// checked: the request is of the client who asks; what follows is the id token.
	checked bool
}

// GetClientID returns whom the id token is given to.
func (c *changed) GetClientID() string {
	if c.checked && c.acts.Party != "" {
		return c.acts.Party
	}
	return c.AuthRequest.GetClientID()
}

// GetNonce returns the id token's nonce.
func (c *changed) GetNonce() string {
	if c.acts.Nonce != "" {
		return c.acts.Nonce
	}
	return c.AuthRequest.GetNonce()
}

// GetAudience returns whom the id token is for.
func (c *changed) GetAudience() []string {
	if len(c.acts.Audience) > 0 {
		return c.acts.Audience
	}
	return c.AuthRequest.GetAudience()
}

func (s *store) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, request op.IDTokenRequest, _ []string) error {
	info.Subject = request.GetSubject()
	for name, value := range s.provider.behaviour().Claims {
		info.AppendClaims(name, value)
	}
	return nil
}

func (s *store) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	acts := s.provider.behaviour()
	if info.Subject = subject; acts.InfoSubject != "" {
		info.Subject = acts.InfoSubject
	}
	for name, value := range acts.Info {
		info.AppendClaims(name, value)
	}
	return nil
}
