package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/proxy"
)

// closing is the reply of a server that ends the conversation (RFC 5321, section 3.8). It
// may be the reply to any command.
const closing = 421

// quitTimeout bounds the goodbye, which the outcome does not depend on.
const quitTimeout = 250 * time.Millisecond

// stepError is an error at a step of the conversation.
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

// transmit hands a message to the server for each recipient by a transaction of its own,
// on one connection. It returns what went wrong, one error for each recipient that was
// refused. After an error that ends the conversation the recipients that follow are not
// tried.
func (c *Channel) transmit(ctx context.Context, message *gomail.Msg, recipients []*mail.Address) []error {
	dialed, err := c.dial(ctx)
	if err != nil {
		return []error{at("connect", err)}
	}
	conn := &limitedConn{Conn: dialed, left: maxSaid}
	// The library takes no context: closing the connection ends whatever it waits for.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close() // it is closed already if all went well
	}()
	client, err := c.open(ctx, conn)
	if err != nil {
		return []error{err}
	}
	if err := c.login(client); err != nil {
		return []error{at("login", err)}
	}
	var failures []error
	for n, recipient := range recipients {
		conn.left = maxSaid
		if n > 0 {
			if err := client.Reset(); err != nil {
				return append(failures, at("recipients", err))
			}
		}
		err := c.hand(client, message, recipient)
		if err != nil {
			failures = append(failures, err)
		}
		if answer, answered := errors.AsType[*textproto.Error](err); err != nil && (!answered || answer.Code == closing) {
			return failures
		}
	}
	if client.UpdateDeadline(quitTimeout) == nil {
		_ = client.Quit() // the server has taken responsibility, or refused to
	}
	return failures
}

// maxSaid is how many bytes are read of what a server says, TLS included: before the
// first transaction, and in each.
const maxSaid = 256 << 10

var errSaysTooMuch = errors.New("the server says more than 256 KiB")

// limitedConn is a connection that fails after left more bytes were read.
type limitedConn struct {
	net.Conn
	left int
}

// Read implements [net.Conn].
func (l *limitedConn) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errSaysTooMuch
	}
	n, err := l.Conn.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
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

// open greets the server and, unless tls is none, encrypts the connection.
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

// hand is one transaction: sender, recipient, content.
func (c *Channel) hand(client *smtp.Client, message *gomail.Msg, recipient *mail.Address) error {
	sender, receiver := bare(c.from), bare(recipient)
	// Some servers do not relay a message declared as SMTPUTF8 to servers without that
	// extension. Only addresses need it.
	client.SkipSMTPUTF8(!beyondASCII(sender + receiver))
	if err := client.Mail(sender); err != nil {
		return at("sender", err)
	}
	if err := client.Rcpt(receiver); err != nil {
		return at("recipients", fmt.Errorf("%s: %w", receiver, err))
	}
	content, err := client.Data()
	if err != nil {
		return at("content", err)
	}
	if _, err := message.WriteTo(content); err != nil {
		return at("content", err)
	}
	return at("content", content.Close())
}

// bare returns an address in angle brackets, without a name.
func bare(address *mail.Address) string { return (&mail.Address{Address: address.Address}).String() }

func beyondASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > 0x7f }) >= 0
}
