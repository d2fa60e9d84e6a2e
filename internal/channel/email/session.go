package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/proxy"
)

// closing is the reply of a server that ends the conversation (RFC 5321, section
// 3.8), whatever it was asked.
const closing = 421

// quitTimeout bounds the goodbye: the message is delivered by then.
const quitTimeout = time.Second

// A stepError says at which step of the conversation something went wrong.
type stepError struct {
	step string
	err  error
}

func (e *stepError) Error() string { return e.step + ": " + e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

func at(step string, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{step, err}
}

// refusal is a recipient that the server did not take.
type refusal struct {
	recipient string
	answer    *textproto.Error
}

// transmit hands a message to the server, and returns whom it was not taken for. If
// it was taken for nobody, that is an error.
func (c *Channel) transmit(ctx context.Context, message *gomail.Msg) ([]refusal, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, at("connect", err)
	}
	// The library knows no context: once that has ended, nothing more is read or
	// written, whatever it waits for.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close() // it is closed already if all went well
	}()
	client, err := c.open(ctx, conn)
	if err != nil {
		return nil, err
	}
	if err := c.login(client); err != nil {
		return nil, at("login", err)
	}
	refused, err := c.hand(client, message)
	if err != nil {
		return nil, err
	}
	if client.UpdateDeadline(quitTimeout) == nil {
		_ = client.Quit() // the message is theirs
	}
	return refused, nil
}

// dial connects, through the proxy if there is one.
func (c *Channel) dial(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(c.config.Host, strconv.Itoa(c.config.Port))
	direct := &net.Dialer{}
	if c.config.Proxy == "" {
		return direct.DialContext(ctx, "tcp", address)
	}
	u, err := url.Parse(c.config.Proxy)
	if err != nil {
		return nil, err
	}
	socks, err := proxy.FromURL(u, direct)
	if err != nil {
		return nil, err
	}
	through, ok := socks.(proxy.ContextDialer)
	if !ok {
		return nil, errors.New("the proxy cannot be interrupted")
	}
	return through.DialContext(ctx, "tcp", address)
}

// open brings a connection to where mail can be sent, but for the login: encrypted,
// unless it is not to be.
func (c *Channel) open(ctx context.Context, conn net.Conn) (*smtp.Client, error) {
	if c.config.TLS == ImplicitTLS {
		encrypted := tls.Client(conn, c.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			return nil, at("TLS", err)
		}
		conn = encrypted
	}
	client, err := smtp.NewClient(conn, c.config.Host)
	if err != nil {
		return nil, at("greeting", err)
	}
	if err := client.Hello(c.config.Hello); err != nil {
		return nil, at("greeting", err)
	}
	if c.config.TLS != StartTLS {
		return client, nil
	}
	if offered, _ := client.Extension("STARTTLS"); !offered {
		return nil, at("TLS", errNoStartTLS)
	}
	if err := client.StartTLS(c.tls); err != nil {
		return nil, at("TLS", err)
	}
	return client, nil
}

// login is skipped where no user is configured.
func (c *Channel) login(client *smtp.Client) error {
	if c.config.User == "" {
		return nil
	}
	_, offered := client.Extension("AUTH")
	_, encrypted := client.TLSConnectionState()
	auth, err := c.authentication(strings.Fields(strings.ToUpper(offered)), encrypted)
	if err != nil {
		return err
	}
	return client.Auth(auth)
}

// hand is one transaction: sender, recipients, content.
func (c *Channel) hand(client *smtp.Client, message *gomail.Msg) ([]refusal, error) {
	sender, err := message.GetSender(false)
	if err != nil {
		return nil, at("sender", err)
	}
	recipients, err := message.GetRecipients()
	if err != nil {
		return nil, at("recipients", err)
	}
	// Some servers refuse to pass on what was declared as SMTPUTF8 to others that do
	// not know it; only addresses need it.
	client.SkipSMTPUTF8(!slices.ContainsFunc(append(recipients, sender), beyondASCII))
	if err := client.Mail(sender); err != nil {
		return nil, at("sender", err)
	}
	var refused []refusal
	for _, recipient := range recipients {
		if err := client.Rcpt(recipient); err != nil {
			answer, answered := errors.AsType[*textproto.Error](err)
			if !answered || answer.Code == closing {
				return nil, at("recipients", err)
			}
			refused = append(refused, refusal{recipient, answer})
		}
	}
	if len(refused) == len(recipients) {
		return nil, at("recipients", allRefused(refused))
	}
	content, err := client.Data()
	if err != nil {
		return nil, at("content", err)
	}
	if _, err := message.WriteTo(content); err != nil {
		return nil, at("content", err)
	}
	return refused, at("content", content.Close())
}

func beyondASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) >= 0
}

// allRefused returns why nobody gets the message: if anybody may get it later, for
// that reason.
func allRefused(refused []refusal) error {
	first := refused[0]
	for _, r := range refused {
		if r.answer.Code < 500 {
			first = r
			break
		}
	}
	return fmt.Errorf("%s: %w", first.recipient, first.answer)
}
