package slack_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/incident"
)

const (
	hookPath = "/services/T01234567/B01234567/abcdefghijklmnopqrstuvwx"
	token    = "xoxb-0123456789-abcdefghijkl"
	alerts   = "C0123456789"
	other    = "C0123456700"
)

// now is when everything happens at Slack.
var now = time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)

func workspace() slacktest.Workspace {
	return slacktest.Workspace{
		Token: token, WebhookPath: hookPath, WebhookChannel: alerts,
		Channels: []slacktest.Channel{{ID: alerts, Name: "alerts"}, {ID: other, Name: "other"}},
		Now:      func() time.Time { return now },
	}
}

// serve starts a handler until the test ends.
func serve(tb testing.TB, handler http.Handler) string {
	tb.Helper()
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server.URL
}

func open(tb testing.TB, config slack.Config) *slack.Channel {
	tb.Helper()
	ch, err := slack.New(config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, ch.Close()) })
	return ch
}

func byWebhook(address string) slack.Config {
	return slack.Config{WebhookURL: "https://hooks.slack.com" + hookPath, APIURL: address, Mention: []string{"channel"}}
}

func byBot(address string) slack.Config {
	return slack.Config{BotToken: token, Channel: "#alerts", APIURL: address, Mention: []string{"channel"}}
}

// bot is a workspace, and a channel that posts there by a bot token.
func bot(tb testing.TB) (*slacktest.Server, *slack.Channel) {
	tb.Helper()
	server := slacktest.New(workspace())
	return server, open(tb, byBot(serve(tb, server)))
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
