package access

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Login is how a session in a browser began. It is all that a session holds: who its
// owner is, and what they may do, is found anew for each request, so that a token that is
// gone or a role that has changed counts at once.
type Login struct {
	// Token is the hash of the token that it began with, zero if with an account.
	Token Hash `json:"token,omitzero"`
	// Account is who a provider of OpenID Connect says it is, nil if it began with a token.
	Account *Account `json:"account,omitempty"`
	// At is when it began.
	At time.Time `json:"at"`
	// Until is when it ends at the latest.
	Until time.Time `json:"-"`
}

// Account is what a provider of OpenID Connect says about a person.
type Account struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
	// Name is fit to be shown, see [PersonName].
	Name string `json:"name"`
	// Values are those of the claim that says which role they have, such as groups.
	Values []string `json:"values"`
}

// People says which roles the accounts of a provider have.
type People struct {
	Issuer string
	// Roles are by the values of the claim. Of several the greatest counts.
	Roles map[string]Role
}

// ErrNoRole says that somebody is known, and may do nothing.
var ErrNoRole = errors.New("has no role: none of the values of the claim is in the table of roles")

// role returns the greatest role of a person.
func (p People) role(values []string) (greatest Role, ok bool) {
	for _, role := range Roles() {
		if slices.ContainsFunc(values, func(value string) bool { return p.Roles[value] == role }) {
			greatest, ok = role, true
		}
	}
	return greatest, ok
}

// WithPeople returns a directory with the same entries in which people can sign in.
func (d *Directory) WithPeople(people People) *Directory {
	with := *d
	with.people, with.open = people, false
	return &with
}

// ByLogin returns who a session belongs to. The error is [ErrUnknown], [ErrExpired] or
// [ErrNoRole].
func (d *Directory) ByLogin(l Login, now time.Time) (*Identity, error) {
	if !now.Before(l.Until) {
		return nil, ErrExpired
	}
	owner := Identity{Kind: Person}
	if l.Account == nil {
		found, err := d.ByHash(l.Token, now)
		if err != nil {
			return nil, err
		}
		owner = *found
	} else {
		if l.Account.Issuer != d.people.Issuer {
			return nil, ErrUnknown
		}
		role, ok := d.people.role(l.Account.Values)
		if !ok {
			return nil, ErrNoRole
		}
		owner.Name, owner.Role = l.Account.Name, role
	}
	if owner.Expires.IsZero() || l.Until.Before(owner.Expires) {
		owner.Expires = l.Until
	}
	owner.Login = &l
	return &owner, nil
}

// maxPersonName is how many characters a person's name has at most.
const maxPersonName = 64

// PersonName returns a name of a provider as alertd shows it: letters, digits and a few
// signs. All else, white space too, becomes an underscore, so that nobody's name looks like
// "desk-bot for ada" or like another one. It is "" if nothing is left.
func PersonName(text string) string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("._@+'-", r) {
			return r
		}
		return '_'
	}, strings.TrimSpace(norm.NFC.String(strings.ToValidUTF8(text, "_"))))
	if runes := []rune(name); len(runes) > maxPersonName {
		name = string(runes[:maxPersonName-1]) + "…"
	}
	if strings.Trim(name, "_") == "" {
		return ""
	}
	return name
}
