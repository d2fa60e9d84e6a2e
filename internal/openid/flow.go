package openid

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"alertd/internal/access"
)

// Flow is a sign-in that has begun. The browser holds it until it comes back from the
// provider. By the state alertd knows its own request, by the nonce the id token that it has
// asked for, and without the verifier (PKCE) nobody can use the provider's code.
type Flow struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Next     string    `json:"next"` // where the person goes after that
	At       time.Time `json:"at"`   // when it began
}

// FlowLifetime is how long somebody may take at the provider.
const FlowLifetime = 10 * time.Minute

// ErrNoFlow says that a sign-in did not begin here, or too long ago.
var ErrNoFlow = errors.New("this sign-in did not begin in this browser, or more than 10 minutes ago; please start again")

// ParseFlow reads what [Flow.String] has made. The error is [ErrNoFlow].
func ParseFlow(text string) (f Flow, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return Flow{}, ErrNoFlow
	}
	if age := time.Since(f.At); age < 0 || age >= FlowLifetime || f.State == "" || f.Nonce == "" || f.Verifier == "" {
		return Flow{}, ErrNoFlow
	}
	return f, nil
}

// String returns the flow as a cookie's value.
func (f Flow) String() string {
	text, err := json.Marshal(f)
	if err != nil { // cannot be: it is made of texts and a time
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

// Start returns where the browser goes to sign in. back is where the provider sends it
// back to. The error is an [*Error].
func (p *Provider) Start(ctx context.Context, back, next string) (to string, flow Flow, err error) {
	provider, err := p.provider(ctx)
	if err != nil {
		return "", Flow{}, err
	}
	flow = Flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, At: time.Now()}
	return p.oauth(provider, back).AuthCodeURL(flow.State, oidc.Nonce(flow.Nonce), oauth2.S256ChallengeOption(flow.Verifier)), flow, nil
}

// Finish returns who the provider says has signed in. query is what the browser came back
// with. The error is [ErrNoFlow] or an [*Error].
func (p *Provider) Finish(ctx context.Context, back string, query url.Values, flow Flow) (*access.Account, error) {
	// Without the state nothing else is looked at: the link may be anybody's.
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(flow.State)) != 1 || flow.State == "" {
		return nil, ErrNoFlow
	}
	if code := query.Get("error"); code != "" {
		return nil, refused(nil, "%s has refused the sign-in: %s", p.Name(), said(code, query.Get("error_description")))
	}
	if issuer := query.Get("iss"); issuer != "" && issuer != p.config.Issuer { // RFC 9207
		return nil, refused(nil, "the answer is of another provider than %s", p.Name())
	}
	provider, err := p.provider(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(provider, back).Exchange(ctx, query.Get("code"), oauth2.VerifierOption(flow.Verifier))
	if err != nil {
		if _, answered := errors.AsType[*oauth2.RetrieveError](err); answered {
			return nil, refused(err, "%s does not accept this sign-in; please start again", p.Name())
		}
		return nil, &Error{Message: p.Name() + " cannot be reached; try again later", Unavailable: true, cause: err}
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verifier(provider).Verify(ctx, raw)
	if err != nil {
		return nil, refused(err, "the id token of %s is not valid", p.Name())
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(flow.Nonce)) != 1 {
		return nil, refused(errors.New("the nonce is another one"), "the id token of %s is not valid", p.Name())
	}
	found, err := p.claims(ctx, provider, id, token)
	if err != nil {
		return nil, err
	}
	return p.account(id, found)
}

// maxSaid is how much of a provider's words is shown.
const maxSaid = 200

// said returns the words of a provider about an error, cut to a length.
func said(code, description string) string {
	text := code
	if description != "" {
		text += " (" + description + ")"
	}
	if runes := []rune(text); len(runes) > maxSaid {
		text = string(runes[:maxSaid]) + "…"
	}
	return text
}
