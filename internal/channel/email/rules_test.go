package email_test

import (
	"bytes"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/email"
	"alertd/internal/channel/email/smtptest"
)

func TestMailKeepsTheRulesOfAllChannels(t *testing.T) {
	channeltest.Run(t, channeltest.Fixture{
		Secrets: []string{password},
		New: func(tb testing.TB, address string) channel.Channel {
			tb.Helper()
			host, port, err := net.SplitHostPort(address)
			require.NoError(tb, err)
			number, err := strconv.Atoi(port)
			require.NoError(tb, err)
			c, err := email.New(email.Config{
				Host: host, Port: number, TLS: email.NoTLS, User: user, Password: password,
				From: "alertd@example.com", To: []string{"ada@example.com"},
			})
			require.NoError(tb, err)
			return c
		},
		Serve: func(tb testing.TB) channeltest.Service {
			tb.Helper()
			server := serve(tb, smtptest.Config{Users: map[string]string{user: password}})
			checked, problems := 0, []string(nil)
			return channeltest.Service{
				Address: net.JoinHostPort(server.Host(), strconv.Itoa(server.Port())),
				Keys: func() []string {
					var keys []string
					for _, m := range server.Messages() {
						message, err := mail.ReadMessage(bytes.NewReader(m.Data))
						require.NoError(tb, err)
						keys = append(keys, message.Header.Get("Message-Id"))
					}
					return keys
				},
				Problems: func() []string {
					messages := server.Messages()
					for at, m := range messages[checked:] {
						if m.User != user {
							problems = append(problems, fmt.Sprintf("message %d came from %q", at+1, m.User))
						}
						_ = read(tb, m.Data) // which fails by itself
					}
					checked = len(messages)
					return problems
				},
			}
		},
	})
}
