package access

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Entry is one entry of [[server.tokens]]: a name and a role for the owner of a token, or
// of a client certificate. Several entries may have one name, so that a token can be
// replaced while its successor is valid already.
type Entry struct {
	Name string
	Role Role
	// Hash is that of the token. Exactly one of it and Subject is set.
	Hash Hash
	// Subject is that of the client certificate, such as "CN=var-gate,O=Desk" (RFC 2253).
	Subject string
	// Sources are patterns of the sources that it may send alerts for; empty: all.
	Sources []string
	// Expires is when the entry stops being valid; zero: never.
	Expires time.Time
}

// namePattern has no spaces, so that "desk-bot for ada" can be taken apart.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// ValidName reports whether an entry may have a name: 1 to 64 letters, digits, dots,
// underscores, at signs and dashes, the first a letter or digit.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// Reasons why a credential is not accepted.
var (
	// ErrUnknown: no entry has it.
	ErrUnknown = errors.New("is not known")
	// ErrExpired: its entry is not valid any more.
	ErrExpired = errors.New("has expired")
)

// Directory finds identities by what they show. It does not change; a reload makes a new
// one. Safe for concurrent use.
type Directory struct {
	tokens   map[Hash]*Identity
	subjects map[string]*Identity
	people   People
	open     bool
}

// NewDirectory makes a directory. Anybody may do everything unless there are entries, or
// people can sign in by other means.
func NewDirectory(entries []Entry, signIn bool) (*Directory, error) {
	d := &Directory{tokens: map[Hash]*Identity{}, subjects: map[string]*Identity{}, open: len(entries) == 0 && !signIn}
	for _, e := range entries {
		identity := &Identity{Kind: Token, Name: e.Name, Role: e.Role, Sources: e.Sources, Expires: e.Expires, Hash: e.Hash, Subject: e.Subject}
		switch {
		case (e.Hash == Hash{}) == (e.Subject == ""):
			return nil, fmt.Errorf("entry %s needs either a hash or a subject", e.Name)
		case e.Subject != "" && d.subjects[e.Subject] != nil:
			return nil, fmt.Errorf("entries %s and %s have the same subject", d.subjects[e.Subject].Name, e.Name)
		case e.Subject != "":
			identity.Kind = Certificate
			d.subjects[e.Subject] = identity
		case d.tokens[e.Hash] != nil:
			return nil, fmt.Errorf("entries %s and %s have the same hash", d.tokens[e.Hash].Name, e.Name)
		default:
			d.tokens[e.Hash] = identity
		}
	}
	return d, nil
}

// Open reports whether nobody needs to show who they are.
func (d *Directory) Open() bool { return d.open }

// Anybody is the identity of callers of an open directory.
func Anybody() *Identity { return &Identity{Kind: Anonymous, Name: "anonymous", Role: RoleAdmin} }

// ByToken returns the owner of a token. The error is [ErrNotSecret], [ErrUnknown] or
// [ErrExpired]. How long it takes says nothing about the tokens that there are: the text
// is hashed before it is compared.
func (d *Directory) ByToken(text string, now time.Time) (*Identity, error) {
	secret, err := ParseSecret(text)
	if err != nil {
		return nil, err
	}
	return d.ByHash(secret.Hash(), now)
}

// ByHash returns the owner of the token with a hash, as ByToken does.
func (d *Directory) ByHash(hash Hash, now time.Time) (*Identity, error) {
	identity := d.tokens[hash]
	if identity == nil || subtle.ConstantTimeCompare(identity.Hash[:], hash[:]) != 1 {
		return nil, ErrUnknown
	}
	return valid(identity, now)
}

// BySubject returns the owner of a client certificate by its subject (RFC 2253). The
// error is [ErrUnknown] or [ErrExpired].
func (d *Directory) BySubject(subject string, now time.Time) (*Identity, error) {
	identity := d.subjects[subject]
	if identity == nil {
		return nil, ErrUnknown
	}
	return valid(identity, now)
}

// Renew returns what an identity of an earlier directory is in this one: its entry may be
// gone, have expired, or have another role. It does not know of sessions that have been ended.
// The error is [ErrUnknown], [ErrExpired] or [ErrNoRole].
func (d *Directory) Renew(i *Identity, now time.Time) (*Identity, error) {
	if i.Login != nil {
		return d.ByLogin(*i.Login, now)
	}
	switch i.Kind {
	case Token:
		return d.ByHash(i.Hash, now)
	case Certificate:
		return d.BySubject(i.Subject, now)
	case Anonymous:
		if d.open {
			return i, nil
		}
	case Person, Own:
	}
	return nil, ErrUnknown
}

func valid(identity *Identity, now time.Time) (*Identity, error) {
	if identity.Expired(now) {
		return nil, ErrExpired
	}
	return identity, nil
}
