package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"alertd/internal/access"
	"alertd/internal/plaintext"
)

// Directory returns the directory of those who may do something: the owners of tokens and
// client certificates, and people who sign in.
func (s *Server) Directory() (*access.Directory, error) {
	directory, err := access.NewDirectory(s.Tokens, s.OIDC.Issuer != "")
	if err != nil || s.OIDC.Issuer == "" {
		return directory, err
	}
	return directory.WithPeople(access.People{Issuer: s.OIDC.Issuer, Roles: s.OIDC.Roles}), nil
}

// somebody reports whether anybody is configured, so that others may do nothing.
func (s *Server) somebody() bool { return len(s.Tokens) > 0 || s.OIDC.Issuer != "" }

// tokens is a setting: who may do what.
func tokens(name string, at *[]access.Entry) setting {
	read := func(t *table, name string) {
		for _, entry := range t.tables(name) {
			*at = append(*at, readEntry(entry))
			entry.done()
		}
		t.distinct(name, *at)
	}
	show := func() any {
		shown := make([]any, 0, len(*at))
		for _, entry := range *at {
			shown = append(shown, showEntry(entry))
		}
		return shown
	}
	return setting{name: name, value: at, read: read, show: show}
}

// tables returns the tables of an array of tables.
func (t *table) tables(name string) []*table {
	value, ok := t.take(name)
	if !ok {
		return nil
	}
	key := join(t.key, name)
	list, isList := value.([]any)
	tables := make([]*table, 0, len(list))
	for i, inner := range list {
		values, isTable := inner.(map[string]any)
		isList = isList && isTable
		tables = append(tables, &table{r: t.r, key: element(key, i), values: values, private: t.private})
	}
	if !isList {
		t.r.problem(key, "is %s, must be tables, each beginning with [[%s]]", kindOf(value), key)
		return nil
	}
	return tables
}

func readEntry(t *table) access.Entry {
	var e access.Entry
	if t.string("name", &e.Name); !t.given("name") {
		t.r.problem(join(t.key, "name"), "is missing")
	} else if !access.ValidName(e.Name) {
		t.problem("name", e.Name, "1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit")
	}
	e.Role = t.role("role")
	var hash string
	t.string("hash", &hash)
	t.string("subject", &e.Subject)
	switch hasHash, hasSubject := t.given("hash"), t.given("subject"); {
	case hasHash && hasSubject:
		t.r.problem(t.key, "has a hash and a subject, must have one of them")
	case hasHash:
		e.Hash = t.hash("hash", hash)
	case !hasSubject:
		t.r.problem(t.key, "has neither a hash, which alertd token new prints, nor the subject of a client certificate")
	case !strings.Contains(e.Subject, "="):
		t.problem("subject", e.Subject, "the subject of a client certificate, such as CN=var-gate,O=Desk")
	}
	t.strings("sources", &e.Sources)
	t.each("sources", e.Sources, func(pattern string) string {
		switch {
		case pattern == "":
			return "a source, or a pattern of sources such as var_*"
		case pattern != plaintext.Line(pattern):
			return "of characters that can be seen; * stands for others"
		}
		return ""
	})
	if len(e.Sources) > 0 && e.Role != "" && !e.Role.Allows(access.NeedIngest) {
		t.r.problem(join(t.key, "sources"), "is not allowed for role %s, only for one that sends alerts: %s", e.Role, access.NeedIngest)
	}
	t.time("expires", &e.Expires)
	return e
}

// role reads the name of a role, which must be there.
func (t *table) role(name string) access.Role {
	var text string
	t.string(name, &text)
	role, err := access.ParseRole(text)
	switch _, isText := t.values[name].(string); {
	case !t.given(name):
		t.r.problem(join(t.key, name), "is missing, must be %s", access.NeedNothing)
	case isText && err != nil:
		t.r.problem(join(t.key, name), "%s", err)
	}
	return role
}

// hash reads the hash of a token. A problem does not show it.
func (t *table) hash(name, text string) access.Hash {
	hash, err := access.ParseHash(text)
	if _, isSecret := access.ParseSecret(text); isSecret == nil {
		err = errors.New("is a token itself, must be its hash: make another token, this one is known to the readers of the file")
	}
	if _, isText := t.values[name].(string); err != nil && isText {
		t.r.problem(join(t.key, name), "%s", err)
	}
	return hash
}

// time reads a date and time with an offset: without one nobody knows when it is.
func (t *table) time(name string, into *time.Time) {
	value, ok := t.take(name)
	if !ok {
		return
	}
	at, isTime := value.(time.Time)
	if text, isText := value.(string); isText && t.whole(name) {
		parsed, err := time.Parse(time.RFC3339, text)
		at, isTime = parsed, err == nil
	}
	if !isTime || at.IsZero() {
		t.problem(name, value, "a date and time with an offset, such as 2027-01-01T00:00:00Z or 2027-01-01T09:00:00+01:00")
		return
	}
	*into = at.UTC()
}

// distinct reports entries with the same token, or the same certificate.
func (t *table) distinct(name string, entries []access.Entry) {
	hashes, subjects := map[access.Hash]string{}, map[string]string{}
	for i, e := range entries {
		key := element(join(t.key, name), i)
		if first := hashes[e.Hash]; first != "" && e.Hash != (access.Hash{}) {
			t.r.problem(join(key, "hash"), "is also that of %s, must be of a token of its own", first)
		}
		if first := subjects[e.Subject]; first != "" && e.Subject != "" {
			t.r.problem(join(key, "subject"), "is also that of %s, must be of a certificate of its own", first)
		}
		hashes[e.Hash], subjects[e.Subject] = key, key
	}
}

// FormatEntry returns an entry as a table of the file. It does not check it.
func FormatEntry(e access.Entry) (string, error) {
	written := struct {
		Name    string    `toml:"name,omitempty"`
		Role    string    `toml:"role,omitempty"`
		Hash    string    `toml:"hash"`
		Sources []string  `toml:"sources,omitempty"`
		Expires time.Time `toml:"expires,omitempty"`
	}{Name: e.Name, Role: string(e.Role), Hash: e.Hash.String(), Expires: e.Expires}
	for _, source := range e.Sources {
		written.Sources = append(written.Sources, strings.ReplaceAll(source, "${", "$${"))
	}
	table, err := toml.Marshal(written)
	return "[[server.tokens]]\n" + string(table), err
}

func showEntry(e access.Entry) any {
	shown := map[string]any{"name": e.Name, "role": string(e.Role)}
	if e.Subject != "" {
		shown["subject"] = e.Subject
	} else {
		shown["hash"] = hidden
	}
	if len(e.Sources) > 0 {
		shown["sources"] = anys(e.Sources)
	}
	if !e.Expires.IsZero() {
		shown["expires"] = e.Expires.Format(time.RFC3339)
	}
	return shown
}

// checkAccess reports settings of access that do not go together, and warns of entries
// that are of no use.
func (c *Config) checkAccess(t *table, now time.Time) {
	s := &c.Server
	at := func(name string) string { return t.key + "." + name }
	if (s.TLS.CertFile == "") != (s.TLS.KeyFile == "") {
		t.r.problem(at("tls"), "must have both cert_file and key_file, or neither")
	}
	if s.TLS.ClientCAFile != "" && s.TLS.CertFile == "" {
		t.r.problem(at("tls.client_ca_file"), "needs cert_file and key_file, as certificates are shown over TLS alone")
	}
	if s.Session.Idle > s.Session.Absolute {
		if t.inner("session").given("idle_timeout") {
			t.r.problem(at("session.idle_timeout"), "%s is not allowed, must be at most absolute_timeout, which is %s",
				FormatDuration(s.Session.Idle), FormatDuration(s.Session.Absolute))
		}
		s.Session.Idle = s.Session.Absolute
	}
	for i, e := range s.Tokens {
		key := element(at("tokens"), i)
		if e.Subject != "" && s.TLS.ClientCAFile == "" {
			t.r.problem(join(key, "subject"), "needs client_ca_file in [%s]", at("tls"))
		}
		if !e.Expires.IsZero() && !now.Before(e.Expires) {
			c.Warnings = append(c.Warnings, fmt.Sprintf("%s: the entry of %s has expired at %s", key, e.Name, e.Expires.Format(time.RFC3339)))
		}
	}
	s.OIDC.check(t.r, at("oidc"))
	if s.OIDC.Issuer != "" && s.PublicURL == "" {
		t.r.problem(at("public_url"), "is missing or empty, [%s] needs it: people come back to it after they have signed in", at("oidc"))
	}
	if s.somebody() && s.AllowAnonymous {
		t.r.problem(at("allow_anonymous"), "true is not allowed, must be false where tokens or [%s] say who may do what", at("oidc"))
	}
	for name, listen := range map[string]string{"listen": s.Listen, "admin_listen": s.AdminListen} {
		if beyondLoopback(listen) && !s.somebody() && !s.AllowAnonymous {
			t.r.problem(at(name), "%s", exposed(t.quote(name, listen)))
		}
	}
}

// exposed says why alertd does not listen on an address, and the two ways out.
func exposed(address string) string {
	return address + " can be reached from other machines, and nobody is configured to be let in: add a token, which alertd token new makes, " +
		"or set allow_anonymous = true in [server], which lets everybody do everything"
}

// CheckAddress returns nil if alertd may serve at an address, and [Problems] if other
// machines can reach it and nobody is configured. It is for addresses that are known only
// at the start. The key is that of the setting, such as server.listen.
func (s *Server) CheckAddress(key string, addr net.Addr) error {
	tcp, isTCP := addr.(*net.TCPAddr)
	if !isTCP || tcp.IP.IsLoopback() || s.somebody() || s.AllowAnonymous {
		return nil
	}
	return Problems{{Key: key, Message: exposed(addr.String())}}
}

// opens returns a problem if next would let in everybody without saying so.
func (c *Config) opens(next Config) Problems {
	inForce := c.Reload(next)
	if s := &inForce.Server; s.somebody() || s.AllowAnonymous {
		return nil
	}
	const says = "; to let everybody do everything, the file must say allow_anonymous = true in [server]"
	switch {
	case c.Server.somebody():
		return Problems{{Key: "server.tokens", Message: "would let in nobody any more, and therefore everybody" + says}}
	case c.Server.AllowAnonymous && (mayBeReached(c.Server.Listen) || mayBeReached(c.Server.AdminListen)):
		return Problems{{Key: "server.allow_anonymous", Message: "is missing, and alertd listens beyond this machine until it is restarted" + says}}
	}
	return nil
}

// OIDC is how people sign in by OpenID Connect.
type OIDC struct {
	// Issuer is the provider's URL. "" means that nobody can sign in by one.
	Issuer                 string
	ClientID, ClientSecret string
	Scopes                 []string
	// Claim holds the values that Roles turns into a role, and NameClaim a person's name.
	Claim, NameClaim string
	Roles            map[string]access.Role
	// CAFile has certificates to trust in addition to the system's.
	CAFile string
}

func defaultOIDC() OIDC {
	return OIDC{Scopes: []string{"openid", "profile", "email"}, Claim: "groups", NameClaim: "email"}
}

func (o *OIDC) atRestart() []setting {
	return []setting{
		checked("oidc.issuer", &o.Issuer, validIssuer, "the provider's URL with https://, such as https://login.example.com"),
		text("oidc.client_id", &o.ClientID),
		secret("oidc.client_secret", &o.ClientSecret),
		list("oidc.scopes", &o.Scopes, func(scope string) string {
			if scope == "" || strings.ContainsAny(scope, " \"\\") {
				return "the name of a scope"
			}
			return ""
		}),
		text("oidc.claim", &o.Claim),
		text("oidc.name_claim", &o.NameClaim),
		text("oidc.ca_file", &o.CAFile),
	}
}

// check reports what a provider needs, key being that of the table.
func (o *OIDC) check(r *reader, key string) {
	missing := func(name, why string) { r.problem(join(key, name), "is missing or empty, %s", why) }
	if o.Issuer == "" {
		if o.ClientID != "" || o.ClientSecret != "" || len(o.Roles) > 0 {
			missing("issuer", "without it nobody can sign in")
		}
		return
	}
	if o.ClientID == "" {
		missing("client_id", "the issuer has given it to alertd")
	}
	if len(o.Roles) == 0 {
		missing("roles", "must say which role a value of the claim has, such as { \"risk-desk\" = \"operator\" }")
	}
	if o.Claim == "" {
		missing("claim", "must be the claim with the values that roles has")
	}
	if o.NameClaim == "" {
		missing("name_claim", "must be the claim with a person's name")
	}
	if !slices.Contains(o.Scopes, "openid") {
		r.problem(join(key, "scopes"), "must contain openid")
	}
}

// roles is a setting: a table from values of the claim to roles.
func roles(name string, at *map[string]access.Role) setting {
	read := func(t *table, name string) {
		values := t.inner(name)
		for _, value := range slices.Sorted(maps.Keys(values.values)) {
			if *at == nil {
				*at = map[string]access.Role{}
			}
			(*at)[value] = values.role(value)
		}
	}
	show := func() any {
		shown := map[string]any{}
		for value, role := range *at {
			shown[value] = string(role)
		}
		return shown
	}
	return setting{name: name, value: at, read: read, show: show}
}
