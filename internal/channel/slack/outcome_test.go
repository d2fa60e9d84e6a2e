package slack_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/channel/standin"
	"alertd/internal/incident"
)

// ways are the two ways to Slack.
func ways(t *testing.T, test func(t *testing.T, server *slacktest.Server, ch channel.Channel)) {
	t.Helper()
	t.Run("webhook", func(t *testing.T) {
		server := slacktest.New(workspace())
		test(t, server, open(t, byWebhook(serve(t, server))))
	})
	t.Run("bot", func(t *testing.T) {
		server, ch := bot(t)
		test(t, server, ch)
	})
}

func opened(t *testing.T, ch channel.Channel) channel.Result {
	t.Helper()
	return ch.Send(t.Context(), channeltest.Notification(incident.Opened))
}

func TestRefusalsArePermanent(t *testing.T) {
	for word := range strings.FieldsSeq(`invalid_payload no_service channel_not_found channel_is_archived action_prohibited
		posting_to_general_channel_denied no_active_hooks invalid_token no_team user_not_found too_many_attachments invalid_blocks`) {
		server := slacktest.New(workspace())
		ch := open(t, byWebhook(serve(t, server)))
		server.SetTrouble(standin.Trouble{Words: word})
		result := opened(t, ch)
		assert.Equal(t, channel.Permanent, result.Outcome, word)
		assert.Contains(t, result.Error, word)
		assert.GreaterOrEqual(t, result.Code, 400, word)
	}
	for word := range strings.FieldsSeq(`invalid_auth not_authed account_inactive token_revoked token_expired missing_scope channel_not_found
		not_in_channel is_archived msg_too_long no_text invalid_blocks msg_blocks_too_long restricted_action a_word_that_is_new`) {
		server, ch := bot(t)
		server.SetTrouble(standin.Trouble{Words: word})
		result := opened(t, ch)
		assert.Equal(t, channel.Permanent, result.Outcome, word)
		assert.Equal(t, http.StatusOK, result.Code, word)
		assert.Contains(t, result.Error, word)
	}
}

func TestPassingTroubleIsTransient(t *testing.T) {
	for word := range strings.FieldsSeq(`ratelimited rate_limited internal_error fatal_error service_unavailable request_timeout
		message_limit_exceeded team_added_to_org`) {
		server, ch := bot(t)
		server.SetTrouble(standin.Trouble{Words: word, RetryAfter: "17"})
		result := opened(t, ch)
		assert.Equal(t, channel.Transient, result.Outcome, word)
		assert.Equal(t, 17*time.Second, result.RetryAfter, word)
		assert.Contains(t, result.Error, word)
	}
	ways(t, func(t *testing.T, server *slacktest.Server, ch channel.Channel) {
		for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusRequestTimeout} {
			server.SetTrouble(standin.Trouble{Status: status})
			result := opened(t, ch)
			assert.Equal(t, channel.Transient, result.Outcome, status)
			assert.Equal(t, status, result.Code)
		}
		server.SetDown(true)
		result := opened(t, ch)
		assert.Equal(t, channel.Transient, result.Outcome)
		assert.Zero(t, result.Code)
		server.SetDown(false)
		assert.Equal(t, channel.Delivered, opened(t, ch).Outcome)
	})
}

func TestRetryAfterOfSlack(t *testing.T) {
	ways(t, func(t *testing.T, server *slacktest.Server, ch channel.Channel) {
		for text, want := range map[string][2]time.Duration{
			"30": {30 * time.Second, 30 * time.Second},
			"":   {0, 0},
			time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): {50 * time.Minute, time.Hour},
		} {
			server.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: text})
			result := opened(t, ch)
			assert.Equal(t, channel.Transient, result.Outcome)
			assert.Equal(t, http.StatusTooManyRequests, result.Code)
			assert.GreaterOrEqual(t, result.RetryAfter, want[0], text)
			assert.LessOrEqual(t, result.RetryAfter, want[1], text)
		}
	})
}

func TestRateLimitIsTransient(t *testing.T) {
	full := workspace()
	full.Limited = true
	server := slacktest.New(full)
	ch := open(t, byBot(serve(t, server)))
	thread := tell(t, ch, incident.Opened, "")
	n := channeltest.Notification(incident.WasResolved)
	n.Thread = thread
	result := ch.Send(t.Context(), n)
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.Equal(t, time.Second, result.RetryAfter)
}

func TestTransientUpdateHoldsBackReply(t *testing.T) {
	server, ch := bot(t)
	thread := tell(t, ch, incident.Opened, "")
	server.SetTrouble(standin.Trouble{Only: "chat.update", Words: "internal_error"})
	n := channeltest.Notification(incident.WasResolved)
	n.Thread = thread
	assert.Equal(t, channel.Transient, ch.Send(t.Context(), n).Outcome)
	assert.Len(t, server.Messages(), 1, "it would be told twice")
	server.SetTrouble(standin.Trouble{})
	tell(t, ch, incident.WasResolved, thread)
	assert.Len(t, server.Messages(), 2)
}

func TestRefusedUpdateHoldsNothingBack(t *testing.T) {
	for _, word := range []string{"cant_update_message", "edit_window_closed", "a_word_that_is_new"} {
		server, ch := bot(t)
		thread := tell(t, ch, incident.Opened, "")
		server.SetTrouble(standin.Trouble{Only: "chat.update", Words: word})
		assert.Equal(t, thread, tell(t, ch, incident.WasResolved, thread), word)
		assert.Equal(t, server.Messages()[0].TS, server.Messages()[1].Thread, word)
	}
}

func TestForeignSuccessIsTransient(t *testing.T) {
	for body, want := range map[string]channel.Outcome{
		"<html>Log in to the network</html>": channel.Transient,
		`{}`:                                 channel.Transient,
		`{"ok":false}`:                       channel.Transient,
		`[]`:                                 channel.Transient,
		`{"ok":true,"channel":"C0123456789"`: channel.Transient,
		`{"ok":true,"channel":"C0123456789","ts":"no"}`: channel.Transient,
		// The answer was cut off in the message that it repeats.
		`{"ok":true,"channel":"C0123456789","ts":"1766831400.000009","message":{"text":"VaR lim`: channel.Delivered,
	} {
		ch := open(t, byBot(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))))
		assert.Equal(t, want, opened(t, ch).Outcome, body)
	}
}

func TestWebhookDeliversOnlyOnOK(t *testing.T) {
	for body, want := range map[string]channel.Outcome{
		"ok": channel.Delivered, "ok\n": channel.Delivered,
		"": channel.Transient, "o": channel.Transient, "OK": channel.Transient, "ok, not": channel.Transient,
		`{"ok":true}`: channel.Transient, `{"ok":false}`: channel.Transient, "<html>Log in to the network</html>": channel.Transient,
	} {
		ch := open(t, byWebhook(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }))))
		assert.Equal(t, want, opened(t, ch).Outcome, body)
	}
}

func TestCutAnswerKeepsThread(t *testing.T) {
	ch := open(t, byBot(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"ok":true,"channel":"C0123456789","ts":"1766831400.000009","message":{"text":"VaR lim`))
	}))))
	thread := alerts + "/1766831400.000001"
	assert.Equal(t, thread, tell(t, ch, incident.WasResolved, thread))
}

func TestErrorsShowNoSecret(t *testing.T) {
	for name, c := range map[string]struct {
		config  func(address string) slack.Config
		secrets []string
	}{
		"webhook": {byWebhook, []string{hookPath, "abcdefghijklmnopqrstuvwx", "B01234567"}},
		"bot":     {byBot, []string{token}},
	} {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusForbidden, http.StatusInternalServerError} {
			for _, before := range []int{0, 200, 240, 250, 10_000} {
				said := strings.Repeat("x", before) + " " + strings.Join(c.secrets, " ") + strings.Repeat("y", 10_000)
				for _, body := range []string{said, `{"ok":false,"error":"` + said + `","response_metadata":{"messages":["` + said + `"]}}`} {
					address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.WriteHeader(status)
						_, _ = w.Write([]byte(body))
					}))
					result := opened(t, open(t, c.config(address)))
					assert.NotEqual(t, channel.Delivered, result.Outcome)
					assert.LessOrEqual(t, len(result.Error), 256+100)
					for _, secret := range c.secrets {
						assert.NotContains(t, result.Error, secret[:len(secret)/2+1], "%s, %d, %d", name, status, before)
					}
				}
			}
		}
	}
}

func TestNetworkErrorShowsNoSecret(t *testing.T) {
	for _, ch := range []channel.Channel{open(t, byWebhook("http://127.0.0.1:1")), open(t, byBot("http://127.0.0.1:1"))} {
		result := opened(t, ch)
		assert.Equal(t, channel.Transient, result.Outcome)
		assert.NotEmpty(t, result.Error)
		assert.NotContains(t, result.Error, "abcdefghijkl")
	}
}

func TestASendEndsWithItsContext(t *testing.T) {
	ways(t, func(t *testing.T, server *slacktest.Server, ch channel.Channel) {
		server.SetTrouble(standin.Trouble{Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		result := ch.Send(ctx, channeltest.Notification(incident.Opened))
		assert.Equal(t, channel.Transient, result.Outcome)
		assert.Equal(t, "no answer within the timeout", result.Error)

		gone, leave := context.WithCancel(t.Context())
		leave()
		server.SetTrouble(standin.Trouble{})
		assert.Equal(t, channel.Transient, ch.Send(gone, channeltest.Notification(incident.Opened)).Outcome)
		assert.Empty(t, server.Messages())
	})
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	server, ch := bot(t)
	server.SetTrouble(standin.Trouble{Words: "not_in_channel"})
	assert.Equal(t, "Slack says not_in_channel (invite the bot to the channel, or give it the scope chat:write.public)", opened(t, ch).Error)
	server = slacktest.New(workspace())
	hook := open(t, byWebhook(serve(t, server)))
	server.SetTrouble(standin.Trouble{Words: "no_service"})
	assert.Equal(t, "answered 404 Not Found: no_service (the webhook is disabled, removed or not valid: make a new one)", opened(t, hook).Error)
	server.SetTrouble(standin.Trouble{})
	require.Equal(t, channel.Delivered, opened(t, hook).Outcome)
}
