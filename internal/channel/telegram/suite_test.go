package telegram_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/telegram"
	"alertd/internal/channel/telegram/telegramtest"
)

func TestTelegramKeepsTheRulesOfChannels(t *testing.T) {
	channeltest.Run(t, channeltest.Fixture{
		New: func(tb testing.TB, address string) channel.Channel {
			tb.Helper()
			ch, err := telegram.New(telegram.Config{BotToken: token, ChatID: id, APIURL: "http://" + address})
			require.NoError(tb, err)
			return ch
		},
		Secrets: []string{token, key},
		HTTP: &channeltest.HTTP{
			OK: func(w http.ResponseWriter, r *http.Request, body []byte) {
				telegramtest.New(bot()).ServeHTTP(w, again(r, body))
			},
			Refusal: func(status int) string {
				return fmt.Sprintf(`{"ok":false,"error_code":%d,"description":"number %d"}`, status, status)
			},
			Check: func(r *http.Request, body []byte) string {
				server := telegramtest.New(bot())
				server.ServeHTTP(httptest.NewRecorder(), again(r, body))
				return strings.Join(server.Refused(), "; ")
			},
		},
	})
}

// again is a request whose body was read.
func again(r *http.Request, body []byte) *http.Request {
	fresh := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(string(body)))
	fresh.Header = r.Header
	return fresh
}
