package email_test

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/channel"
	"alertd/internal/channel/email"
	"alertd/internal/channel/email/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Who logs in where logins are asked for.
const (
	user     = "alertd@example.com"
	password = "correct horse battery staple"
)

// certificate returns a certificate for 127.0.0.1 and the file of its authority.
func certificate(tb testing.TB, hosts ...string) (*smtptest.Certificate, string) {
	tb.Helper()
	made, err := smtptest.NewCertificate(hosts...)
	require.NoError(tb, err)
	path := filepath.Join(tb.TempDir(), "ca.pem")
	require.NoError(tb, os.WriteFile(path, made.CA, 0o600))
	return &made, path
}

func serve(tb testing.TB, config smtptest.Config) *smtptest.Server {
	tb.Helper()
	server, err := smtptest.Start(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, server.Close()) })
	return server
}

// settings returns what a channel needs to reach a server, without TLS and login.
func settings(server *smtptest.Server) email.Config {
	return email.Config{
		Host: server.Host(), Port: server.Port(), TLS: email.NoTLS,
		From: "alertd <alertd@example.com>", To: []string{"Ada <ada@example.com>"},
	}
}

func open(tb testing.TB, config email.Config) *email.Channel {
	tb.Helper()
	c, err := email.New(config)
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, c.Close()) })
	return c
}

func deliver(tb testing.TB, c *email.Channel, n channel.Notification) channel.Result {
	tb.Helper()
	result := c.Send(tb.Context(), n)
	require.Equal(tb, channel.Delivered, result.Outcome, result.Error)
	return result
}

// letter is a message as the standard library reads it.
type letter struct {
	mail.Header
	// types are those of the parts, in order; text and html are what is in them.
	types      []string
	text, html string
}

// subject returns the header without its encoding.
func (l letter) subject(tb testing.TB) string {
	tb.Helper()
	text, err := (&mime.WordDecoder{}).DecodeHeader(l.Get("Subject"))
	require.NoError(tb, err)
	return text
}

// read takes a message apart, and refuses what RFC 5322 does: bare line ends and lines
// that are too long.
func read(tb testing.TB, data []byte) letter {
	tb.Helper()
	for line := range bytes.Lines(data) {
		require.True(tb, bytes.HasSuffix(line, []byte("\r\n")), "%q", line)
		require.LessOrEqual(tb, len(line), 1000, "%q", line)
		require.NotContains(tb, string(line[:len(line)-2]), "\r")
		require.False(tb, strings.ContainsFunc(string(line), func(r rune) bool { return r > 0x7f }), "%q is not ASCII", line)
	}
	message, err := mail.ReadMessage(bytes.NewReader(data))
	require.NoError(tb, err)
	kind, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	require.NoError(tb, err)
	require.Equal(tb, "multipart/alternative", kind)
	l := letter{Header: message.Header}
	for parts := multipart.NewReader(message.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err == io.EOF { //nolint:errorlint // the reader's contract
			return l
		}
		require.NoError(tb, err)
		require.Equal(tb, "quoted-printable", part.Header.Get("Content-Transfer-Encoding"))
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		require.NoError(tb, err)
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		l.types = append(l.types, part.Header.Get("Content-Type"))
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.html = text
		} else {
			l.text = text
		}
	}
}

// sent delivers a message, and returns it as the server has got it.
func sent(tb testing.TB, n channel.Notification) letter {
	tb.Helper()
	server := serve(tb, smtptest.Config{})
	deliver(tb, open(tb, settings(server)), n)
	messages := server.Messages()
	require.Len(tb, messages, 1)
	return read(tb, messages[0].Data)
}
