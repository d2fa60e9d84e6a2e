package channel

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// Hidden takes a secret's place.
const Hidden = "<secret>"

// leastSecret is how many bytes a secret has at least. Shorter texts are parts of
// ordinary words.
const leastSecret = 4

// Secrets are texts that must not be shown.
type Secrets struct{ texts []string }

// NewSecrets returns these texts as secrets, each also as it looks in a URL. Texts of
// fewer than four bytes are left out.
func NewSecrets(texts ...string) Secrets {
	var s Secrets
	for _, text := range texts {
		for _, form := range []string{text, url.QueryEscape(text), url.PathEscape(text)} {
			if len(form) >= leastSecret && !slices.Contains(s.texts, form) {
				s.texts = append(s.texts, form)
			}
		}
	}
	slices.SortFunc(s.texts, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // the longest first
	return s
}

// With returns s and further secrets.
func (s Secrets) With(texts ...string) Secrets {
	return NewSecrets(append(slices.Clone(s.texts), texts...)...)
}

// URLSecrets returns the secret parts of a URL, which are all except its scheme and host.
func URLSecrets(raw string) []string {
	u, err := url.Parse(raw)
	if err != nil {
		return []string{raw}
	}
	secrets := []string{raw, u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery}
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		if len(part) >= 8 { // a word such as services is none
			secrets = append(secrets, part)
		}
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	if password, ok := u.User.Password(); ok {
		sent := base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)) // as HTTP has it
		secrets = append(secrets, password, u.User.String(), sent)
	}
	return slices.DeleteFunc(secrets, func(s string) bool { return len(s) < leastSecret })
}

// Hide replaces each secret in a text.
func (s Secrets) Hide(text string) string {
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, Hidden)
	}
	return text
}
