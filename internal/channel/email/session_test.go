package email_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/email"
	"alertd/internal/channel/email/smtptest"
	"alertd/internal/incident"
)

var opened = channeltest.Notification(incident.Opened)

func TestAMessageIsEncryptedAsConfigured(t *testing.T) {
	cert, ca := certificate(t, "127.0.0.1")
	for mode, config := range map[string]smtptest.Config{
		"": {Certificate: cert}, email.StartTLS: {Certificate: cert}, email.ImplicitTLS: {Certificate: cert, Implicit: true}, email.NoTLS: {},
	} {
		t.Run("tls = "+mode, func(t *testing.T) {
			server := serve(t, config)
			settings := settings(server)
			settings.TLS, settings.CAFile, settings.Hello = mode, ca, "alertd.example.com"
			result := deliver(t, open(t, settings), opened)
			assert.Equal(t, channel.Result{Outcome: channel.Delivered, Thread: result.Thread}, result)
			message := server.Messages()[0]
			assert.Equal(t, mode != email.NoTLS, message.Encrypted)
			assert.Equal(t, "alertd@example.com", message.From)
			assert.Equal(t, []string{"ada@example.com"}, message.To)
			assert.Equal(t, "alertd.example.com", message.Hello)
			assert.Empty(t, message.User)
		})
	}
}

func TestNoClearTextWithoutSTARTTLS(t *testing.T) {
	server := serve(t, smtptest.Config{Users: map[string]string{user: password}})
	config := settings(server)
	config.TLS, config.User, config.Password = email.StartTLS, user, password
	got := open(t, config).Send(t.Context(), opened)
	assert.Equal(t, channel.Result{
		Outcome: channel.Transient, Error: `TLS: the server does not offer STARTTLS, and nothing is sent in clear text unless tls = "none"`,
	}, got)
	assert.Empty(t, server.Messages())
}

func TestUntrustedCertificateIsTransient(t *testing.T) {
	right, _ := certificate(t, "127.0.0.1")
	wrong, wrongCA := certificate(t, "mail.example.org")
	for name, test := range map[string]struct {
		certificate *smtptest.Certificate
		ca          string
		want        string
	}{
		"an unknown authority": {right, "", "signed by unknown authority"},
		"another authority":    {right, wrongCA, "signed by unknown authority"},
		"another host's":       {wrong, wrongCA, "127.0.0.1"},
	} {
		for _, implicit := range []bool{false, true} {
			server := serve(t, smtptest.Config{Certificate: test.certificate, Implicit: implicit})
			config := settings(server)
			config.TLS, config.CAFile = map[bool]string{false: email.StartTLS, true: email.ImplicitTLS}[implicit], test.ca
			got := open(t, config).Send(t.Context(), opened)
			assert.Equal(t, channel.Transient, got.Outcome, name)
			assert.Contains(t, got.Error, "TLS: the server's certificate is not accepted: ", name)
			assert.Contains(t, got.Error, test.want, name)
			assert.Empty(t, server.Messages())
		}
	}
}

func TestPlainPortIsNamed(t *testing.T) {
	server := serve(t, smtptest.Config{})
	config := settings(server)
	config.TLS = email.ImplicitTLS
	got := open(t, config).Send(t.Context(), opened)
	assert.Equal(t, channel.Result{
		Outcome: channel.Transient, Error: `TLS: the server does not speak TLS here; most ports but 465 want tls = "starttls"`,
	}, got)
}

func TestEachLoginWorks(t *testing.T) {
	cert, ca := certificate(t, "127.0.0.1")
	for _, auth := range []string{"", email.AuthPlain, email.AuthLogin, email.AuthCRAMMD5, email.AuthXOAuth2} {
		offered := []string{strings.ToUpper(auth)}
		if auth == "" {
			offered = []string{"XOAUTH2", "GSSAPI", "CRAM-MD5", "LOGIN", "PLAIN"}
		}
		for _, implicit := range []bool{false, true} {
			server := serve(t, smtptest.Config{Certificate: cert, Implicit: implicit, Users: map[string]string{user: password}, Mechanisms: offered})
			config := settings(server)
			config.TLS = map[bool]string{false: email.StartTLS, true: email.ImplicitTLS}[implicit]
			config.CAFile, config.User, config.Password, config.Auth = ca, user, password, auth
			deliver(t, open(t, config), opened)
			assert.Equal(t, user, server.Messages()[0].User, "%q", auth)
		}
	}
}

func TestRefusedLoginIsPermanent(t *testing.T) {
	for _, auth := range []string{email.AuthPlain, email.AuthLogin, email.AuthCRAMMD5, email.AuthXOAuth2} {
		server := serve(t, smtptest.Config{Users: map[string]string{user: "another one"}, Mechanisms: []string{strings.ToUpper(auth)}})
		config := settings(server)
		config.User, config.Password, config.Auth = user, password, auth
		got := open(t, config).Send(t.Context(), opened)
		assert.Equal(t, channel.Result{Outcome: channel.Permanent, Code: 535, Error: "login: answered 535 5.7.8 Authentication failed"}, got, auth)
	}
}

func TestImpossibleLoginIsPermanent(t *testing.T) {
	users := map[string]string{"a": "b"}
	for _, test := range []struct {
		server smtptest.Config
		auth   string
		want   string
	}{
		{smtptest.Config{}, "", "login: the server offers no login; without smtp_user there is none"},
		{smtptest.Config{Users: users}, email.AuthCRAMMD5, "login: the server does not offer CRAM-MD5, it offers PLAIN, LOGIN"},
		{smtptest.Config{Users: users, Mechanisms: []string{"GSSAPI"}}, "", "login: the server offers GSSAPI, and alertd uses these only if auth names one"},
		{smtptest.Config{Users: users, Mechanisms: []string{"XOAUTH2"}}, "", "login: the server offers XOAUTH2, and alertd uses these only if auth names one"},
	} {
		config := settings(serve(t, test.server))
		config.User, config.Password, config.Auth = user, password, test.auth
		assert.Equal(t, channel.Result{Outcome: channel.Permanent, Error: test.want}, open(t, config).Send(t.Context(), opened))
	}
}

func TestPasswordIsNotSentInClearText(t *testing.T) {
	for _, offered := range [][]string{{"PLAIN", "LOGIN"}, {"PLAIN", "LOGIN", "CRAM-MD5"}} {
		server := serve(t, smtptest.Config{Users: map[string]string{user: password}, Mechanisms: offered})
		config := settings(server)
		config.User, config.Password = user, password
		config.Proxy, _ = socks(t, "u", "proxysecret", net.JoinHostPort(config.Host, strconv.Itoa(config.Port)))
		config.Host = "mail.example.com" // which the proxy leads to this machine
		got := open(t, config).Send(t.Context(), opened)
		if len(offered) == 3 {
			assert.Equal(t, channel.Delivered, got.Outcome, got.Error)
			continue
		}
		assert.Equal(t, channel.Result{
			Outcome: channel.Permanent, Error: "login: the server offers PLAIN, LOGIN, none of these hides the password, and the connection is not encrypted",
		}, got)
	}
}

func TestAnEchoOfALoginIsHidden(t *testing.T) {
	const token = "ya29.a0AfH6SMBx-very-secret-token_0123456789"
	for _, auth := range []string{email.AuthPlain, email.AuthXOAuth2} {
		server := serve(t, smtptest.Config{Users: map[string]string{user: "another one"}, Mechanisms: []string{strings.ToUpper(auth)}})
		config := settings(server)
		config.User, config.Password, config.Auth = user, token, auth
		c := open(t, config)
		for _, echo := range []string{
			token,
			"AGFsZXJ0ZEBleGFtcGxlLmNvbQB5YTI5LmEwQWZINlNNQngtdmVyeS1zZWNyZXQtdG9rZW5fMDEyMzQ1Njc4OQ==",      // PLAIN
			"dXNlcj1hbGVydGRAZXhhbXBsZS5jb20BYXV0aD1CZWFyZXIgeWEyOS5hMEFmSDZTTUJ4LXZlcnktc2VjcmV0LXRva2VuX", // a part of XOAUTH2
			"eWEyOS5hMEFmSDZTTUJ4LXZlcnktc2VjcmV0LXRva2VuXzAxMjM0NTY3ODk=",                                  // LOGIN
		} {
			server.Behave(smtptest.Auth, smtptest.Behaviour{Code: 535, Text: "5.7.8 not accepted: " + echo + " [mail.example.com]"})
			got := c.Send(t.Context(), opened)
			assert.Equal(t, channel.Permanent, got.Outcome)
			assert.Equal(t, "login: answered 535 5.7.8 not accepted: <secret> [mail.example.com]", got.Error, auth)
		}
	}
}

func TestTheServersAnswerDecides(t *testing.T) {
	for _, test := range []struct {
		stage smtptest.Stage
		code  int
		text  string
		want  channel.Outcome
		error string
	}{
		{smtptest.Greeting, 421, "4.3.2 busy", channel.Transient, "greeting: answered 421 4.3.2 busy"},
		{smtptest.Greeting, 554, "5.7.1 no", channel.Permanent, "greeting: answered 554 5.7.1 no"},
		{smtptest.Auth, 454, "4.7.0 try again", channel.Transient, "login: answered 454 4.7.0 try again"},
		{smtptest.Auth, 535, "5.7.8 no", channel.Permanent, "login: answered 535 5.7.8 no"},
		{smtptest.Auth, 421, "4.3.2 busy", channel.Transient, "login: answered 421 4.3.2 busy"},
		{smtptest.Mail, 421, "4.3.2 busy", channel.Transient, "sender: answered 421 4.3.2 busy"},
		{smtptest.Mail, 451, "4.3.0 later", channel.Transient, "sender: answered 451 4.3.0 later"},
		{smtptest.Mail, 530, "5.7.0 log in", channel.Permanent, "sender: answered 530 5.7.0 log in"},
		{smtptest.Mail, 552, "5.3.4 too big", channel.Permanent, "sender: answered 552 5.3.4 too big"},
		{smtptest.Recipient, 450, "4.2.0 greylisted", channel.Transient, "recipients: <ada@example.com>: answered 450 4.2.0 greylisted"},
		{smtptest.Recipient, 452, "4.2.2 full", channel.Transient, "recipients: <ada@example.com>: answered 452 4.2.2 full"},
		{smtptest.Recipient, 550, "5.1.1 unknown", channel.Permanent, "recipients: <ada@example.com>: answered 550 5.1.1 unknown"},
		{smtptest.Content, 451, "4.3.0 later", channel.Transient, "content: answered 451 4.3.0 later"},
		{smtptest.Content, 552, "5.2.2 too big", channel.Permanent, "content: answered 552 5.2.2 too big"},
		{smtptest.Taken, 554, "5.6.0 spam", channel.Permanent, "content: answered 554 5.6.0 spam"},
	} {
		server := serve(t, smtptest.Config{Users: map[string]string{user: password}})
		config := settings(server)
		config.User, config.Password = user, password
		c := open(t, config)
		server.Behave(test.stage, smtptest.Behaviour{Code: test.code, Text: test.text})
		assert.Equal(t, channel.Result{Outcome: test.want, Code: test.code, Error: test.error}, c.Send(t.Context(), opened))
		server.BehaveWell()
		deliver(t, c, opened)
	}
}

func TestALostConnectionIsTransient(t *testing.T) {
	for _, stage := range []smtptest.Stage{smtptest.Greeting, smtptest.Hello, smtptest.Auth, smtptest.Mail, smtptest.Recipient, smtptest.Content, smtptest.Taken} {
		server := serve(t, smtptest.Config{Users: map[string]string{user: password}})
		config := settings(server)
		config.User, config.Password = user, password
		c := open(t, config)
		server.Behave(stage, smtptest.Behaviour{Cut: true})
		got := c.Send(t.Context(), opened)
		assert.Equal(t, channel.Transient, got.Outcome, stage)
		assert.Zero(t, got.Code, stage)
		assert.NotEmpty(t, got.Error, stage)
		server.BehaveWell()
		deliver(t, c, opened)
		taken := server.Messages()
		if stage == smtptest.Taken {
			require.Len(t, taken, 2, "it had arrived, which nobody could know")
			assert.Equal(t, string(taken[0].Data), string(taken[1].Data))
		} else {
			assert.Len(t, taken, 1, stage)
		}
	}
}

func TestUnreachableServerIsTransient(t *testing.T) {
	server, err := smtptest.Start(t.Context(), smtptest.Config{})
	require.NoError(t, err)
	config := settings(server)
	require.NoError(t, server.Close())
	got := open(t, config).Send(t.Context(), opened)
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "connect: ")
	assert.Contains(t, got.Error, "connection refused")
}

func TestTheTimeoutHoldsAtEveryStep(t *testing.T) {
	cert, ca := certificate(t, "127.0.0.1")
	for _, encrypted := range []bool{false, true} {
		for _, stage := range []smtptest.Stage{smtptest.Greeting, smtptest.Hello, smtptest.Auth, smtptest.Mail, smtptest.Recipient, smtptest.Content, smtptest.Taken} {
			server := serve(t, smtptest.Config{Certificate: cert, Users: map[string]string{user: password}})
			config := settings(server)
			config.User, config.Password = user, password
			if encrypted {
				config.TLS, config.CAFile = email.StartTLS, ca
			}
			c := open(t, config)
			server.Behave(stage, smtptest.Behaviour{Hang: true})

			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			began := time.Now()
			got := c.Send(ctx, opened)
			cancel()
			assert.Equal(t, channel.Transient, got.Outcome, stage)
			assert.Contains(t, got.Error, ": no answer within the timeout", stage)
			assert.Less(t, time.Since(began), 5*time.Second, stage)

			ctx, cancel = context.WithCancel(t.Context())
			done := make(chan channel.Result)
			go func() { done <- c.Send(ctx, opened) }()
			cancel()
			got = <-done
			assert.Equal(t, channel.Transient, got.Outcome, stage)
			assert.Contains(t, got.Error, "interrupted before there was an answer", stage)
		}
	}
}

func TestGoodbyeIsNotWaitedFor(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		conn, err := listener.Accept()
		if !assert.NoError(t, err) {
			return
		}
		text := textproto.NewConn(conn)
		assert.NoError(t, text.PrintfLine("220 mail.example.com"))
		for _, answer := range []string{"250 hello", "250 sender", "250 recipient", "354 go on"} {
			_, err := text.ReadLine()
			assert.NoError(t, err)
			assert.NoError(t, text.PrintfLine("%s", answer))
		}
		_, err = text.ReadDotBytes()
		assert.NoError(t, err)
		assert.NoError(t, text.PrintfLine("250 taken"))
		last, err := text.ReadLine()
		assert.NoError(t, err)
		assert.Equal(t, "QUIT", last)
		_, err = text.ReadLine() // the client does not wait for long
		assert.ErrorIs(t, err, io.EOF)
		assert.NoError(t, text.Close())
	}()
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
	config := email.Config{
		Host: "127.0.0.1", Port: port, TLS: email.NoTLS, From: "a@example.com", To: []string{"b@example.com"},
	}
	deliver(t, open(t, config), opened)
	<-ended
	require.NoError(t, listener.Close())
}

// team is a server where one address is unknown and one mailbox is full, and a channel
// that sends to both and to two others.
func team(t *testing.T) (*smtptest.Server, *email.Channel) {
	t.Helper()
	server := serve(t, smtptest.Config{})
	config := settings(server)
	config.To = []string{"Ada <ada@example.com>", "gone@example.com", "full@example.com", "grace@example.com", "ada@example.com"}
	server.BehaveTo("gone@example.com", smtptest.Behaviour{Code: 550, Text: "5.1.1 unknown"})
	server.BehaveTo("full@example.com", smtptest.Behaviour{Code: 452, Text: "4.2.2 full"})
	return server, open(t, config)
}

func TestEachRecipientHasItsOwnOutcome(t *testing.T) {
	server, c := team(t)
	for target, want := range map[string]channel.Result{
		"ada@example.com":   {Outcome: channel.Delivered},
		"grace@example.com": {Outcome: channel.Delivered},
		"full@example.com":  {Outcome: channel.Transient, Code: 452, Error: "recipients: <full@example.com>: answered 452 4.2.2 full"},
		"gone@example.com":  {Outcome: channel.Permanent, Code: 550, Error: "recipients: <gone@example.com>: answered 550 5.1.1 unknown"},
	} {
		n := opened
		n.Target = target
		taken := len(server.Messages())
		got := c.Send(t.Context(), n)
		assert.Equal(t, want.Outcome == channel.Delivered, got.Thread != "")
		got.Thread = ""
		assert.Equal(t, want, got)
		messages := server.Messages()[taken:]
		if want.Outcome != channel.Delivered {
			assert.Empty(t, messages)
			continue
		}
		require.Len(t, messages, 1)
		assert.Equal(t, []string{target}, messages[0].To)
		to, err := read(t, messages[0].Data).AddressList("To")
		require.NoError(t, err)
		assert.Len(t, to, 4, "the header names all of them")
	}
}

func TestOtherRecipientIsAloneInTheHeader(t *testing.T) {
	server, c := team(t)
	n := opened
	n.Target = "oncall@example.com"
	deliver(t, c, n)
	message := server.Messages()[0]
	assert.Equal(t, []string{"oncall@example.com"}, message.To)
	assert.Equal(t, "<oncall@example.com>", read(t, message.Data).Get("To"))
	n.Target = "oncall"
	assert.Equal(t, channel.Result{Outcome: channel.Permanent, Error: `recipients: "oncall" is not an address`}, c.Send(t.Context(), n))
}

func TestNoTargetMeansEveryRecipient(t *testing.T) {
	server, c := team(t)
	assert.Equal(t, channel.Result{
		Outcome: channel.Transient, Code: 452,
		Error: "recipients: <gone@example.com>: answered 550 5.1.1 unknown; recipients: <full@example.com>: answered 452 4.2.2 full",
	}, c.Send(t.Context(), opened), "a recipient that may be taken later decides")
	messages := server.Messages()
	require.Len(t, messages, 2)
	assert.Equal(t, []string{"ada@example.com"}, messages[0].To, "once, though the settings have it twice")
	assert.Equal(t, []string{"grace@example.com"}, messages[1].To)
	assert.Equal(t, string(messages[0].Data), string(messages[1].Data))

	server.BehaveTo("full@example.com", smtptest.Behaviour{Code: 550, Text: "5.1.1 unknown, too"})
	got := c.Send(t.Context(), opened)
	assert.Equal(t, channel.Permanent, got.Outcome)
	assert.Equal(t, 550, got.Code)

	server.BehaveWell()
	deliver(t, c, opened)
}

func TestLostConnectionEndsTransactions(t *testing.T) {
	server, c := team(t)
	server.BehaveTo("gone@example.com", smtptest.Behaviour{Cut: true})
	got := c.Send(t.Context(), opened)
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Equal(t, "recipients: the connection was closed without an answer", got.Error)
	assert.Len(t, server.Messages(), 1, "before it was lost")
}

func TestServerIsReadToALimit(t *testing.T) {
	for name, say := range map[string]string{"one line": strings.Repeat("x", 64<<10), "many lines": strings.Repeat("220-mail.example.com\r\n", 1000)} {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		said := make(chan int)
		go func() {
			total := 0
			defer func() { said <- total }()
			conn, err := listener.Accept()
			if !assert.NoError(t, err) {
				return
			}
			for total < 64<<20 {
				n, err := io.WriteString(conn, say)
				total += n
				if err != nil {
					break
				}
			}
			assert.NoError(t, conn.Close())
		}()
		port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
		config := email.Config{Host: "127.0.0.1", Port: port, TLS: email.NoTLS, From: "a@example.com", To: []string{"b@example.com"}}
		got := open(t, config).Send(t.Context(), opened)
		assert.Equal(t, channel.Result{Outcome: channel.Transient, Error: "greeting: the server says more than 256 KiB"}, got, name)
		assert.Less(t, <-said, 64<<20, name)
		require.NoError(t, listener.Close())
	}
}

func TestManyMessagesGoOutAtOnce(t *testing.T) {
	server := serve(t, smtptest.Config{})
	c := open(t, settings(server))
	const many = 16
	results := make(chan channel.Result, many)
	for range many {
		go func() { results <- c.Send(t.Context(), opened) }()
	}
	for range many {
		assert.Equal(t, channel.Delivered, (<-results).Outcome)
	}
	messages, err := server.Wait(t.Context(), many)
	require.NoError(t, err)
	assert.Len(t, messages, many)
}

// socks is a SOCKS5 proxy (RFC 1928) with a login (RFC 1929) for one connection, which
// it leads to an address. It returns its URL, and what it was asked to connect to.
func socks(tb testing.TB, user, password, to string) (string, <-chan string) {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(func() { assert.NoError(tb, listener.Close()) })
	asked := make(chan string, 1)
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer func() { _ = client.Close() }()
		target, err := greetSocks(client, user, password)
		if err != nil {
			return
		}
		asked <- target
		server, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", to)
		if err != nil {
			return
		}
		defer func() { _ = server.Close() }()
		relay(client, server)
	}()
	return "socks5://" + user + ":" + password + "@" + listener.Addr().String(), asked
}

func TestAProxyIsUsed(t *testing.T) {
	cert, ca := certificate(t, "127.0.0.1")
	server := serve(t, smtptest.Config{Certificate: cert})
	config := settings(server)
	config.TLS, config.CAFile = email.StartTLS, ca
	var asked <-chan string
	address := net.JoinHostPort(server.Host(), strconv.Itoa(server.Port()))
	config.Proxy, asked = socks(t, "proxyuser", "proxysecret", address)
	deliver(t, open(t, config), opened)
	assert.Equal(t, address, <-asked)
	assert.Len(t, server.Messages(), 1)
}

func TestFailingProxyIsTransient(t *testing.T) {
	config := settings(serve(t, smtptest.Config{}))
	proxy, _ := socks(t, "proxyuser", "proxysecret", "")
	config.Proxy = strings.Replace(proxy, "proxysecret", "wrongsecret", 1)
	got := open(t, config).Send(t.Context(), opened)
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "connect: ")
	assert.NotContains(t, got.Error, "wrongsecret")
}

func TestOldTLSIsRefused(t *testing.T) {
	cert, ca := certificate(t, "127.0.0.1")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert.TLS}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if !assert.NoError(t, err) {
			return
		}
		encrypted, ok := conn.(*tls.Conn)
		assert.True(t, ok)
		assert.Error(t, encrypted.HandshakeContext(t.Context()))
		assert.NoError(t, conn.Close())
	}()
	port := listener.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is TCP
	config := email.Config{Host: "127.0.0.1", Port: port, TLS: email.ImplicitTLS, CAFile: ca, From: "a@example.com", To: []string{"b@example.com"}}
	got := open(t, config).Send(t.Context(), opened)
	assert.Equal(t, channel.Transient, got.Outcome)
	assert.Contains(t, got.Error, "protocol version")
	<-done
	require.NoError(t, listener.Close())
}
