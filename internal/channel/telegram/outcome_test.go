package telegram_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/standin"
	"alertd/internal/channel/telegram/telegramtest"
	"alertd/internal/incident"
)

func opened(t *testing.T, ch channel.Channel) channel.Result {
	t.Helper()
	return ch.Send(t.Context(), channeltest.Notification(incident.Opened))
}

func TestOutcomeByStatus(t *testing.T) {
	for status, want := range map[int]channel.Outcome{
		http.StatusBadRequest: channel.Permanent, http.StatusUnauthorized: channel.Permanent, http.StatusForbidden: channel.Permanent,
		http.StatusNotFound: channel.Permanent, http.StatusConflict: channel.Permanent, http.StatusRequestEntityTooLarge: channel.Permanent,
		http.StatusTooManyRequests: channel.Transient, http.StatusInternalServerError: channel.Transient, http.StatusBadGateway: channel.Transient,
	} {
		server, ch := api(t)
		server.SetTrouble(standin.Trouble{Status: status, Words: "says why"})
		result := opened(t, ch)
		assert.Equal(t, want, result.Outcome, status)
		assert.Equal(t, status, result.Code)
		assert.Contains(t, result.Error, "Telegram says says why")
	}
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	server := telegramtest.New(bot())
	address := serve(t, server)
	assert.Equal(t, "Telegram says Bad Request: chat not found (check chat_id, and that the bot is in that chat, or that the person has written to it)",
		opened(t, open(t, address, "-99")).Error)
	assert.Equal(t, "Telegram says Forbidden: bot was kicked from the group chat", opened(t, open(t, address, "-6")).Error)
	other := telegramtest.New(telegramtest.Bot{Token: "1:other"})
	assert.Equal(t, "Telegram says Unauthorized (bot_token is not valid)", opened(t, open(t, serve(t, other), id)).Error)
}

func TestRetryAfterOfTelegram(t *testing.T) {
	server, ch := api(t)
	server.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "35"})
	result := opened(t, ch)
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.Equal(t, 35*time.Second, result.RetryAfter)
	for asked, want := range map[string]struct {
		wait time.Duration
		note string
	}{
		`,"parameters":{"retry_after":7}`:    {7 * time.Second, ""},
		`,"parameters":{"retry_after":6.5}`:  {7 * time.Second, " (retry_after 6.5 is read as 7 s)"},
		`,"parameters":{"retry_after":1e12}`: {24 * time.Hour, " (retry_after 1e+12 is read as a day)"},
		`,"parameters":{"retry_after":-7}`:   {0, " (retry_after -7 is ignored)"},
		``:                                   {0, ""},
	} {
		ch := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"ok":false,"error_code":429,"description":"Too Many Requests"` + asked + `}`))
		})), id)
		assert.Equal(t, channel.Result{
			Outcome: channel.Transient, Code: http.StatusTooManyRequests, RetryAfter: want.wait, Error: "Telegram says Too Many Requests" + want.note,
		}, opened(t, ch), asked)
	}
}

func TestAChatTakesOneMessageASecond(t *testing.T) {
	full := bot()
	full.Limited = true
	ch := open(t, serve(t, telegramtest.New(full)), id)
	tell(t, ch, incident.Opened, "")
	assert.Equal(t, time.Second, opened(t, ch).RetryAfter)
}

func TestForeignSuccessIsTransient(t *testing.T) {
	for body, want := range map[string]channel.Outcome{
		"<html>Log in to the network</html>": channel.Transient, `{}`: channel.Transient, "": channel.Transient,
		`{"ok":false,"description":"no"}`: channel.Transient,
		// The answer was cut off.
		`{"ok":true,"result":{"message_id":7,"text":"VaR`: channel.Delivered,
	} {
		ch := open(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) })), id)
		assert.Equal(t, want, opened(t, ch).Outcome, body)
	}
}

func TestMessagesArriveAfterOutage(t *testing.T) {
	server, ch := api(t)
	server.SetDown(true)
	result := opened(t, ch)
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.Zero(t, result.Code)
	server.SetDown(false)
	tell(t, ch, incident.Opened, "")
}

func TestErrorsShowNoSecret(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusUnauthorized, http.StatusInternalServerError} {
		for _, before := range []int{0, 200, 240, 250, 10_000} {
			said := strings.Repeat("x", before) + " /bot" + token + "/sendMessage " + key + strings.Repeat("y", 10_000)
			for _, body := range []string{said, fmt.Sprintf(`{"ok":false,"description":%q}`, said)} {
				address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.WriteHeader(status)
					_, _ = w.Write([]byte(body))
				}))
				result := opened(t, open(t, address, id))
				assert.NotEqual(t, channel.Delivered, result.Outcome)
				assert.LessOrEqual(t, len(result.Error), 256+100)
				assert.NotContains(t, result.Error, key[:len(key)/2], "%d, %d", status, before)
			}
		}
	}
	result := opened(t, open(t, "http://127.0.0.1:1", id))
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.NotEmpty(t, result.Error)
	assert.NotContains(t, result.Error, key[:8])
}

func TestASendEndsWithItsContext(t *testing.T) {
	server, ch := api(t)
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
}
