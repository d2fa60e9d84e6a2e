// Package openid lets people sign in by OpenID Connect: the authorization code flow with
// PKCE, state and nonce. Nothing is kept between its two halves but the [Flow], which the
// browser holds.
//
// The provider is asked for what it offers when somebody signs in, and again if that has
// failed, so that alertd starts without it. The claims come from the id token, and from the
// provider's userinfo if that lacks one of them. Claims that the provider only refers to, as
// some do for people in very many groups, are not fetched.
package openid

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

// Config has the parameters of [New]. Issuer, ClientID, Scopes, Claim and NameClaim are
// required.
type Config struct {
	// Issuer is the provider's URL. Its endpoints must have https://, unless the issuer has not.
	Issuer string
	// ClientID and ClientSecret are what the provider has given to alertd. A public client
	// has no secret.
	ClientID, ClientSecret string
	Scopes                 []string
	// Claim holds the values that say which role somebody has, NameClaim the name. A dot
	// leads into a claim, such as realm_access.roles.
	Claim, NameClaim string
	// CAFile has certificates to trust in addition to the system's.
	CAFile string
}

// Provider is a provider of OpenID Connect. Safe for concurrent use.
type Provider struct {
	config Config
	client *http.Client
	asking singleflight.Group

	mu    sync.Mutex
	found *oidc.Provider // nil until it was asked
	at    time.Time      // when found was asked for
}

const (
	// timeout bounds each request to the provider.
	timeout = 10 * time.Second
	// maxAnswer is how many bytes of an answer of the provider are read.
	maxAnswer = 1 << 20
	// knownFor is how long it is remembered what the provider offers.
	knownFor = time.Hour
	// leeway is by how much the clocks of alertd and the provider may differ.
	leeway = time.Minute
)

// Error is why a sign-in came to nothing, with a message for the person.
type Error struct {
	Message string
	// Unavailable: the provider cannot be reached or is not in order. To try again may help.
	Unavailable bool
	cause       error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return e.Message + ": " + e.cause.Error()
	}
	return e.Message
}

// Unwrap returns what is for the log alone.
func (e *Error) Unwrap() error { return e.cause }

func refused(cause error, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), cause: cause}
}

// New returns a provider, which it does not ask for anything yet.
func New(config Config) (*Provider, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if config.CAFile != "" {
		text, err := os.ReadFile(config.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificates of [server.oidc] ca_file: %w", err)
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("read the certificates of [server.oidc] ca_file: there is none in %s", config.CAFile)
		}
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout: timeout, DisableKeepAlives: true, // people sign in now and then
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &Provider{config: config, client: &http.Client{Transport: bounded{transport}, Timeout: timeout, CheckRedirect: sameHost}}, nil
}

// Name returns the provider's host, by which people know it.
func (p *Provider) Name() string {
	u, err := url.Parse(p.config.Issuer)
	if err != nil {
		return p.config.Issuer
	}
	return u.Host
}

// sameHost follows redirects within a host alone: a request has a secret.
func sameHost(next *http.Request, via []*http.Request) error {
	if len(via) >= 5 || next.URL.Host != via[0].URL.Host || next.URL.Scheme != via[0].URL.Scheme {
		return errors.New("redirected elsewhere, which is not followed")
	}
	return nil
}

// bounded cuts off answers that are too long.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.Transport.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxAnswer), response.Body}
	}
	return response, err
}

// provider asks the provider what it offers, unless that is known.
func (p *Provider) provider(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	found, fresh := p.found, time.Since(p.at) < knownFor
	p.mu.Unlock()
	if found != nil && fresh {
		return found, nil
	}
	// Of several who sign in one asks; it goes on if that one gives up.
	asked := p.asking.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		return p.discover(ctx)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case result := <-asked:
		if result.Err == nil {
			found, _ = result.Val.(*oidc.Provider)
		} else if found == nil { // what was known before will do
			return nil, &Error{Message: p.Name() + " cannot be asked to sign you in; try again later", Unavailable: true, cause: result.Err}
		}
		return found, nil
	}
}

func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover: %w", err)
	}
	for _, endpoint := range []string{found.Endpoint().AuthURL, found.Endpoint().TokenURL} {
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" || u.Scheme != "https" && !strings.HasPrefix(p.config.Issuer, u.Scheme+"://") {
			return nil, fmt.Errorf("discover: the endpoint %q has no URL with https://", endpoint)
		}
	}
	p.mu.Lock()
	p.found, p.at = found, time.Now()
	p.mu.Unlock()
	return found, nil
}

// oauth returns how the provider is talked to.
func (p *Provider) oauth(provider *oidc.Provider, back string) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: back, Scopes: p.config.Scopes,
	}
}

// verifier checks id tokens.
func (p *Provider) verifier(provider *oidc.Provider) *oidc.IDTokenVerifier {
	return provider.Verifier(&oidc.Config{ClientID: p.config.ClientID, Now: func() time.Time { return time.Now().Add(-leeway) }})
}
