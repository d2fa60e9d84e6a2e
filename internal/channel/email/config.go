package email

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// The values of tls.
const (
	// StartTLS begins in clear text and must be encrypted before anything is said.
	StartTLS = "starttls"
	// ImplicitTLS is encrypted from the first byte.
	ImplicitTLS = "tls"
	// NoTLS is never encrypted.
	NoTLS = "none"
)

// The values of auth.
const (
	AuthPlain   = "plain"
	AuthLogin   = "login"
	AuthCRAMMD5 = "cram-md5"
	AuthXOAuth2 = "xoauth2"
)

// Config is the settings of a channel of this kind.
type Config struct {
	// Host is the server's name or IP address (smtp_host). Its certificate must be for
	// it.
	Host string
	// Port is smtp_port; 0: 587 with starttls, 465 with tls, 25 with none.
	Port int
	// User and Password are for the login (smtp_user, smtp_password); both empty: there
	// is none. With xoauth2 the password is an access token.
	User, Password string
	// TLS is starttls, tls or none; "": starttls.
	TLS string
	// Auth is plain, login, cram-md5 or xoauth2; "": the safest that the server offers,
	// with plain and login only if the connection is encrypted or stays on this machine.
	Auth string
	// From is the sender and To the recipients, each as RFC 5322 has it:
	// "alertd <alertd@example.com>", or the address alone.
	From string
	To   []string
	// Hello is how alertd introduces itself (hello); "": by the machine's name.
	Hello string
	// CAFile has certificates in PEM that are trusted beside the system's (ca_file).
	CAFile string
	// Proxy is the URL of a proxy, socks5 only; "": none.
	Proxy string
}

// Validate returns nil or an error that names each key that is wrong, and what is
// allowed.
func (c Config) Validate() error {
	return channel.Invalid(slices.Concat(c.serverProblems(), c.loginProblems(), c.addressProblems())...)
}

// helloName is a host name or an address literal (RFC 5321, section 4.1.3).
var helloName = regexp.MustCompile(`^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Za-z.:]+\])$`)

// hostName is a host's name; IP addresses are told apart before.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)

func (c Config) serverProblems() []channel.Problem {
	var problems []channel.Problem
	switch {
	case c.Host == "":
		problems = append(problems, channel.Required("smtp_host"))
	case net.ParseIP(c.Host) == nil && !hostName.MatchString(c.Host):
		problems = append(problems, problem("smtp_host", "%q is not a host name or an IP address; the port has a key of its own, smtp_port", c.Host))
	}
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, problem("smtp_port", "%d is not allowed, must be 1 to 65535, or 0 for the port that goes with tls", c.Port))
	}
	if !slices.Contains([]string{"", StartTLS, ImplicitTLS, NoTLS}, c.TLS) {
		problems = append(problems, problem("tls", "%q is not one of %s, %s, %s", c.TLS, StartTLS, ImplicitTLS, NoTLS))
	}
	if c.Hello != "" && !helloName.MatchString(c.Hello) {
		problems = append(problems, problem("hello", "%q is not a host name such as alertd.example.com", c.Hello))
	}
	if _, err := (outbound.Config{CAFile: c.CAFile}).TLS(); err != nil {
		problems = append(problems, problem("ca_file", "%v", err))
	}
	if c.Proxy != "" {
		if u, err := url.Parse(c.Proxy); err != nil || u.Scheme != "socks5" || u.Host == "" {
			problems = append(problems, problem("proxy", "the value (not shown) is not allowed, must be the URL of a SOCKS proxy such as socks5://proxy.example.com:1080: others are not used for mail"))
		}
	}
	return problems
}

func (c Config) loginProblems() []channel.Problem {
	var problems []channel.Problem
	if c.User == "" && (c.Password != "" || c.Auth != "") {
		problems = append(problems, channel.Required("smtp_user"))
	}
	if c.Password == "" && (c.User != "" || c.Auth != "") {
		problems = append(problems, channel.Required("smtp_password"))
	}
	switch c.Auth {
	case "", AuthCRAMMD5:
	case AuthPlain, AuthLogin, AuthXOAuth2:
		if c.TLS == NoTLS && !isLocal(c.Host) {
			problems = append(problems, problem("auth", "%q is not allowed with tls = %q: the password would go through the network in clear text", c.Auth, NoTLS))
		}
	default:
		problems = append(problems, problem("auth", "%q is not one of %s, %s, %s, %s", c.Auth, AuthPlain, AuthLogin, AuthCRAMMD5, AuthXOAuth2))
	}
	return problems
}

func (c Config) addressProblems() []channel.Problem {
	var problems []channel.Problem
	const example = `such as alertd@example.com or "alertd <alertd@example.com>"`
	if c.From == "" {
		problems = append(problems, channel.Required("from"))
	} else if _, err := mail.ParseAddress(c.From); err != nil {
		problems = append(problems, problem("from", "%q is not an address, %s", c.From, example))
	}
	if len(c.To) == 0 {
		problems = append(problems, channel.Required("to"))
	}
	for _, to := range c.To {
		if _, err := mail.ParseAddress(to); err != nil {
			problems = append(problems, problem("to", "%q is not an address, %s", to, example))
		}
	}
	return problems
}

// Targets implements [channel.Targeted]: the address of each recipient.
func (c Config) Targets() []string {
	var targets []string
	for _, text := range c.To {
		if to, err := mail.ParseAddress(text); err == nil && !slices.Contains(targets, to.Address) {
			targets = append(targets, to.Address)
		}
	}
	return targets
}

func problem(key, format string, args ...any) channel.Problem {
	return channel.Problem{Field: key, Message: fmt.Sprintf(format, args...)}
}

// withDefaults returns the settings with the defaults of keys that are not set.
func (c Config) withDefaults() Config {
	if c.TLS == "" {
		c.TLS = StartTLS
	}
	if c.Port == 0 {
		c.Port = map[string]int{StartTLS: 587, ImplicitTLS: 465, NoTLS: 25}[c.TLS]
	}
	return c
}

// isLocal reports whether a host is this machine, as the library sees it.
func isLocal(host string) bool {
	return slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, strings.ToLower(host))
}
