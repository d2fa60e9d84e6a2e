package openid

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"alertd/internal/access"
)

// claims are what the provider says of somebody.
type claims map[string]any

// claims returns what the id token says, and userinfo if the token lacks what is needed.
func (p *Provider) claims(ctx context.Context, provider *oidc.Provider, id *oidc.IDToken, token *oauth2.Token) (claims, error) {
	all := claims{}
	if err := id.Claims(&all); err != nil {
		return nil, refused(err, "the id token of %s cannot be read", p.Name())
	}
	// Of several who the token is for, it says whom it was given to.
	if to, given := all["azp"]; given && to != p.config.ClientID {
		return nil, refused(errors.New("azp is another client"), "the id token of %s is not valid", p.Name())
	}
	if all.get(p.config.Claim) != nil && all.get(p.config.NameClaim) != nil || provider.UserInfoEndpoint() == "" {
		return all, nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, &Error{Message: p.Name() + " does not say who you are; try again later", Unavailable: true, cause: err}
	}
	if info.Subject != id.Subject { // the answer may be about somebody else
		return nil, refused(errors.New("userinfo is about another subject"), "%s does not say who you are", p.Name())
	}
	more := claims{}
	if err := info.Claims(&more); err != nil {
		return nil, refused(err, "what %s says of you cannot be read", p.Name())
	}
	for name, value := range more {
		if _, given := all[name]; !given {
			all[name] = value
		}
	}
	return all, nil
}

// get returns a claim, nil if it is not there. A name with dots is one of a claim within a
// claim, unless a claim has that very name.
func (c claims) get(name string) any {
	if value, given := c[name]; given {
		return value
	}
	outer, inner, nested := strings.Cut(name, ".")
	if !nested {
		return nil
	}
	within, _ := c[outer].(map[string]any)
	return claims(within).get(inner)
}

// maxValues bounds what is kept of somebody: how many values, and how long each may be.
const (
	maxValues = 1000
	maxValue  = 200
)

// account returns somebody as alertd knows them.
func (p *Provider) account(id *oidc.IDToken, all claims) (*access.Account, error) {
	claim, nameClaim := p.config.Claim, p.config.NameClaim
	if unverified(all["email_verified"]) && (claim == "email" || nameClaim == "email") {
		return nil, refused(nil, "%s has not verified your address", p.Name())
	}
	given, _ := all.get(nameClaim).(string)
	name := access.PersonName(given)
	if name == "" {
		return nil, refused(nil, "%s does not say your name: there is no claim %s", p.Name(), strconv.Quote(nameClaim))
	}
	values, err := valuesOf(all.get(claim))
	switch references, _ := all["_claim_names"].(map[string]any); {
	case err != nil:
		return nil, refused(nil, "the claim %s of %s %s", strconv.Quote(claim), p.Name(), err)
	case values == nil && references[claim] != nil:
		return nil, refused(nil, "%s has too many values for the claim %s, and only refers to them, which alertd does not follow: have it send roles, or fewer groups", p.Name(), strconv.Quote(claim))
	case values == nil:
		return nil, refused(nil, "%s does not say which role you have: there is no claim %s", p.Name(), strconv.Quote(claim))
	}
	return &access.Account{Issuer: id.Issuer, Subject: id.Subject, Name: name, Values: values}, nil
}

// unverified reports whether a claim says no. Some providers say it as text, some not at all.
func unverified(claim any) bool { return claim == false || claim == "false" }

// valuesOf returns the values of a claim, which is a text or a list of them; nil if there is
// none.
func valuesOf(claim any) ([]string, error) {
	list, isList := claim.([]any)
	switch value := claim.(type) {
	case nil:
		return nil, nil
	case string:
		list, isList = []any{value}, true
	}
	if !isList {
		return nil, errors.New("is neither a text nor a list of texts")
	}
	if len(list) > maxValues {
		return nil, fmt.Errorf("has %d values, which is more than %d", len(list), maxValues)
	}
	values := make([]string, 0, len(list))
	for _, value := range list {
		text, isText := value.(string)
		if !isText {
			return nil, errors.New("has a value that is not a text")
		}
		if len(text) <= maxValue { // no value of the table is longer
			values = append(values, text)
		}
	}
	return values, nil
}
