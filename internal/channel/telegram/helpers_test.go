package telegram_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/telegram"
	"alertd/internal/channel/telegram/telegramtest"
	"alertd/internal/incident"
)

const (
	key   = "AAEabcdefghijklmnopqrstuvwxyz012345"
	token = "123456789:" + key
	chat  = int64(-1001234567890)
	id    = "-1001234567890"
)

var now = time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)

func bot() telegramtest.Bot {
	return telegramtest.Bot{
		Token: token, Now: func() time.Time { return now },
		Chats: []telegramtest.Chat{
			{ID: chat, Name: "alerts"}, {ID: -5, MovedTo: chat}, {ID: -6, Blocked: true}, {ID: -7, MovedTo: -8}, {ID: -8, Blocked: true},
		},
	}
}

func serve(tb testing.TB, handler http.Handler) string {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server.URL
}

func open(tb testing.TB, address, to string) *telegram.Channel {
	tb.Helper()
	ch, err := telegram.New(telegram.Config{BotToken: token, ChatID: to, APIURL: address + "/"}) // with a slash at its end, or without
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, ch.Close()) })
	return ch
}

// api is the stand-in, and a channel to it.
func api(tb testing.TB) (*telegramtest.Server, *telegram.Channel) {
	tb.Helper()
	server := telegramtest.New(bot())
	return server, open(tb, serve(tb, server), id)
}

// tell sends a message that must arrive, and returns its thread.
func tell(tb testing.TB, ch channel.Channel, reason incident.Reason, thread string) string {
	tb.Helper()
	n := channeltest.Notification(reason)
	n.Thread = thread
	result := ch.Send(tb.Context(), n)
	require.Equal(tb, channel.Delivered, result.Outcome, result.Error)
	require.Empty(tb, result.Error)
	return result.Thread
}
