package webhook

import (
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Config is the settings of a channel of this kind.
type Config struct {
	// URL is the receiver's, http or https. It is treated as a secret.
	URL string
	// Secret signs the messages: base64 of 24 to 64 bytes, with or without whsec_ before
	// it. There may be several with spaces between them, so that receivers can change from
	// one to another: each signs. "": messages are not signed.
	Secret string
	// APIURL replaces URL, such as by a stand-in or a proxy of one's own; "": it does not.
	APIURL string
	// Headers are added to requests. Their values are treated as secrets. They cannot
	// replace the headers of the signature and the body.
	Headers map[string]string
	// Outbound says how to get out.
	Outbound outbound.Config
}

// The bounds of a secret in bytes, by Standard Webhooks.
const (
	leastSecret = 24
	mostSecret  = 64
)

// secretPrefix marks a secret for a symmetric signature.
const secretPrefix = "whsec_"

// Validate returns nil, or an error that names each key with a value that is not
// allowed. It shows no value.
func (c Config) Validate() error {
	var problems []channel.Problem
	if c.URL == "" {
		problems = append(problems, channel.Required("url"))
	}
	problems = append(problems, channel.CheckURL("url", c.URL)...)
	problems = append(problems, channel.CheckURL("api_url", c.APIURL)...)
	if slices.ContainsFunc(c.secrets(), func(s string) bool { return !isSecret(s) }) || c.Secret != "" && len(c.secrets()) == 0 {
		problems = append(problems, channel.Problem{
			Field:   "secret",
			Message: "the value (not shown) is not allowed, must be base64 of 24 to 64 bytes after whsec_, or several of these with spaces between them",
		})
	}
	problems = append(problems, c.headerProblems()...)
	if invalid, ok := errors.AsType[*alerting.Error](c.Outbound.Validate()); ok {
		problems = append(problems, invalid.Fields...)
	}
	return channel.Invalid(problems...)
}

// secrets returns each secret.
func (c Config) secrets() []string { return strings.Fields(c.Secret) }

func isSecret(text string) bool {
	key, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(text, secretPrefix))
	return err == nil && len(key) >= leastSecret && len(key) <= mostSecret
}

// headerProblems checks the headers in the order of their names.
func (c Config) headerProblems() []channel.Problem {
	var problems []channel.Problem
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		says := ""
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			says = "is not a header's name, must be letters, digits and dashes"
		case isOurs(canonical):
			says = "is alertd's to set, must be another header"
		case seen[canonical]:
			says = "is there twice, in different cases"
		case !httpguts.ValidHeaderFieldValue(c.Headers[name]):
			says = "the value (not shown) is not allowed, must be one line without control characters"
		}
		seen[canonical] = true
		if says != "" {
			problems = append(problems, channel.Problem{Field: "headers." + name, Message: says})
		}
	}
	return problems
}

// isOurs reports whether a header belongs to the signature or the transfer.
func isOurs(canonical string) bool {
	switch canonical {
	case "Content-Type", "Content-Length", "Content-Encoding", "Host", "Connection", "Transfer-Encoding", "Trailer", "Te", "Upgrade", "Expect":
		return true
	default:
		return strings.HasPrefix(canonical, "Webhook-")
	}
}
