package email

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/mail"
	"os"
	"strings"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends mail. It holds nothing between two messages.
type Channel struct {
	config  Config
	from    *mail.Address
	to      []*mail.Address
	tls     *tls.Config
	secrets channel.Secrets
	// domain is the sender's, which Message-IDs end with.
	domain string
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel. The error is that of [Config.Validate].
func New(config Config) (*Channel, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config = config.withDefaults()
	c := &Channel{config: config, secrets: secretsOf(config)}
	var err error
	if c.from, err = mail.ParseAddress(config.From); err != nil {
		return nil, err
	}
	for _, text := range config.To {
		to, err := mail.ParseAddress(text)
		if err != nil {
			return nil, err
		}
		c.to = append(c.to, to)
	}
	c.domain = domainOf(c.from)
	if c.tls, err = (outbound.Config{CAFile: config.CAFile}).TLS(); err != nil {
		return nil, err
	}
	c.tls.ServerName = config.Host
	if config.Hello == "" {
		c.config.Hello = machineName()
	}
	return c, nil
}

// machineName returns the name that servers are greeted by if nothing else is
// configured.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || !helloName.MatchString(name) {
		return "localhost"
	}
	return name
}

// secretsOf returns the password, and what it looks like in a login: a server that
// quotes the line that it did not like quotes that.
func secretsOf(c Config) channel.Secrets {
	texts := channel.URLSecrets(c.Proxy)
	if c.Password != "" {
		texts = append(texts, c.Password)
		for _, login := range []string{
			c.Password,
			"\x00" + c.User + "\x00" + c.Password,
			"user=" + c.User + "\x01auth=Bearer " + c.Password + "\x01\x01",
		} {
			encoded := base64.StdEncoding.EncodeToString([]byte(login))
			texts = append(texts, encoded, strings.TrimRight(encoded, "="))
		}
	}
	return channel.NewSecrets(texts...)
}

// Send implements [channel.Channel]. The package comment says what counts as
// delivered.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	thread := c.threadOf(n)
	message, err := c.compose(n, thread)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: "write the message: " + c.quote(err.Error())}
	}
	refused, err := c.transmit(ctx, message)
	if err != nil {
		return c.failed(ctx, err)
	}
	return channel.Result{Outcome: channel.Delivered, Thread: thread.String(), Error: c.refusals(refused)}
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return nil }
