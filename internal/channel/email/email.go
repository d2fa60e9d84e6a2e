package email

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends mail. It keeps no connection between two messages. Safe for concurrent
// use.
type Channel struct {
	config  Config
	from    *mail.Address
	to      []*mail.Address // each address once
	tls     *tls.Config
	secrets channel.Secrets
	// domain is the sender's, which Message-IDs end with.
	domain string
}

var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Targeted = Config{}
)

// Preview returns the mail, with all recipients in its header, as each of them gets it. The
// error is that of [New].
func (c Config) Preview(n channel.Notification) ([]byte, error) {
	ch, err := New(c)
	if err != nil {
		return nil, err
	}
	message, err := ch.compose(n, ch.threadOf(n), ch.to)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	_, err = message.WriteTo(&text)
	return text.Bytes(), err
}

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
		if !slices.ContainsFunc(c.to, func(other *mail.Address) bool { return other.Address == to.Address }) {
			c.to = append(c.to, to)
		}
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

// machineName returns the default of hello.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || !helloName.MatchString(name) {
		return "localhost"
	}
	return name
}

// secretsOf returns the password, as it is and as it is sent in each kind of login, which
// a server may quote.
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
// delivered. A message without a target goes to each recipient in turn.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	recipients, shown, err := c.recipients(n.Target)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: "recipients: " + c.quote(err.Error())}
	}
	thread := c.threadOf(n)
	message, err := c.compose(n, thread, shown)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: "write the message: " + c.quote(err.Error())}
	}
	if failures := c.transmit(ctx, message, recipients); len(failures) > 0 {
		return c.failed(ctx, failures)
	}
	result := channel.Result{Outcome: channel.Delivered}
	if n.Notice.Digest == nil {
		result.Thread = thread.String()
	}
	return result
}

// recipients returns who gets a message for a target, and who its header names: all
// recipients of the channel, unless the target is none of them.
func (c *Channel) recipients(target string) (recipients, shown []*mail.Address, err error) {
	if target == "" {
		return c.to, c.to, nil
	}
	at := slices.IndexFunc(c.to, func(to *mail.Address) bool { return to.Address == target })
	if at >= 0 {
		return c.to[at : at+1], c.to, nil
	}
	address, err := mail.ParseAddress(target)
	if err != nil {
		return nil, nil, fmt.Errorf("%q is not an address", target)
	}
	return []*mail.Address{address}, []*mail.Address{address}, nil
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return nil }
