package email_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/email"
)

func TestEachWrongKeyIsNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, test := range map[string]struct {
		change func(c *email.Config)
		keys   []string
	}{
		"the least":       {func(*email.Config) {}, nil},
		"an IPv6 address": {func(c *email.Config) { c.Host = "::1" }, nil},
		"a login":         {func(c *email.Config) { c.User, c.Password = "u", "p" }, nil},
		"a token":         {func(c *email.Config) { c.User, c.Password, c.Auth = "u", "p", "xoauth2" }, nil},
		"a login on this machine": {func(c *email.Config) {
			c.Host, c.TLS, c.User, c.Password, c.Auth = "localhost", "none", "u", "p", "plain"
		}, nil},
		"a hashed login in clear text":  {func(c *email.Config) { c.TLS, c.User, c.Password, c.Auth = "none", "u", "p", "cram-md5" }, nil},
		"an introduction":               {func(c *email.Config) { c.Hello = "alertd.example.com" }, nil},
		"an introduction by address":    {func(c *email.Config) { c.Hello = "[192.0.2.1]" }, nil},
		"a proxy":                       {func(c *email.Config) { c.Proxy = "socks5://u:p@proxy.example.com:1080" }, nil},
		"names":                         {func(c *email.Config) { c.From, c.To = `"Alert, d" <a@b.c>`, []string{"Jürgen <j@b.c>", "k@b.c"} }, nil},
		"nothing":                       {func(c *email.Config) { *c = email.Config{} }, []string{"smtp_host", "from", "to"}},
		"a host with a port":            {func(c *email.Config) { c.Host = "mail.example.com:25" }, []string{"smtp_host"}},
		"a URL for a host":              {func(c *email.Config) { c.Host = "smtp://mail.example.com" }, []string{"smtp_host"}},
		"a host of two lines":           {func(c *email.Config) { c.Host = "a\r\nb" }, []string{"smtp_host"}},
		"a port that is none":           {func(c *email.Config) { c.Port = 65536 }, []string{"smtp_port"}},
		"an unknown tls":                {func(c *email.Config) { c.TLS = "ssl" }, []string{"tls"}},
		"an unknown auth":               {func(c *email.Config) { c.User, c.Password, c.Auth = "u", "p", "ntlm" }, []string{"auth"}},
		"a user alone":                  {func(c *email.Config) { c.User = "u" }, []string{"smtp_password"}},
		"a password alone":              {func(c *email.Config) { c.Password = "p" }, []string{"smtp_user"}},
		"an auth alone":                 {func(c *email.Config) { c.Auth = "plain" }, []string{"smtp_user", "smtp_password"}},
		"a login in clear text":         {func(c *email.Config) { c.TLS, c.User, c.Password, c.Auth = "none", "u", "p", "login" }, []string{"auth"}},
		"a token in clear text":         {func(c *email.Config) { c.TLS, c.User, c.Password, c.Auth = "none", "u", "p", "xoauth2" }, []string{"auth"}},
		"addresses that are none":       {func(c *email.Config) { c.From, c.To = "alertd", []string{"a@b.c", "ada", ""} }, []string{"from", "to", "to"}},
		"an address with a header":      {func(c *email.Config) { c.From, c.To = "a@b.c\r\nBcc: x@y.z", []string{"a\r\n <a@b.c>"} }, []string{"from", "to"}},
		"an introduction of two lines":  {func(c *email.Config) { c.Hello = "a\r\nMAIL" }, []string{"hello"}},
		"no authority in a file":        {func(c *email.Config) { c.CAFile = empty }, []string{"ca_file"}},
		"a file of authorities is gone": {func(c *email.Config) { c.CAFile = empty + "x" }, []string{"ca_file"}},
		"a proxy for HTTP":              {func(c *email.Config) { c.Proxy = "http://u:secret@proxy.example.com" }, []string{"proxy"}},
	} {
		t.Run(name, func(t *testing.T) {
			config := email.Config{Host: "mail.example.com", From: "alertd@example.com", To: []string{"ada@example.com"}}
			test.change(&config)
			_, err := email.New(config)
			if test.keys == nil {
				require.NoError(t, err)
				return
			}
			var problems *alerting.Error
			require.ErrorAs(t, err, &problems)
			var keys []string
			for _, p := range problems.Fields {
				keys = append(keys, p.Field)
				assert.NotContains(t, p.Message, "secret")
				assert.NotContains(t, p.Message, "\n")
			}
			assert.Equal(t, test.keys, keys)
		})
	}
}
