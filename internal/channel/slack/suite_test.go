package slack_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/slack/slacktest"
)

func TestAWebhookKeepsTheRulesOfChannels(t *testing.T) {
	f := fixture(byWebhook, func(status int) string { return fmt.Sprintf("number_%d", status) })
	f.Secrets = []string{hookPath, "abcdefghijklmnopqrstuvwx"}
	channeltest.Run(t, f)
}

func TestABotKeepsTheRulesOfChannels(t *testing.T) {
	f := fixture(byBot, func(status int) string { return fmt.Sprintf(`{"ok":false,"error":"number_%d"}`, status) })
	f.Secrets = []string{token}
	channeltest.Run(t, f)
}

// fixture is Slack, which keeps its messages, so that there are threads to join.
func fixture(config func(address string) slack.Config, refusal func(status int) string) channeltest.Fixture {
	server := slacktest.New(workspace())
	var checking sync.Mutex
	var answers sync.Map // of requests that were looked at already
	return channeltest.Fixture{
		New: func(tb testing.TB, address string) channel.Channel {
			tb.Helper()
			ch, err := slack.New(config("http://" + address))
			require.NoError(tb, err)
			return ch
		},
		HTTP: &channeltest.HTTP{
			Check: func(r *http.Request, body []byte) string {
				checking.Lock()
				defer checking.Unlock()
				before := len(server.Refused())
				answer := httptest.NewRecorder()
				server.ServeHTTP(answer, again(r, body))
				answers.Store(r, answer)
				return strings.Join(server.Refused()[before:], "; ")
			},
			OK: func(w http.ResponseWriter, r *http.Request, body []byte) {
				found, ok := answers.LoadAndDelete(r)
				answer, _ := found.(*httptest.ResponseRecorder)
				if !ok {
					answer = httptest.NewRecorder()
					server.ServeHTTP(answer, again(r, body))
				}
				maps.Copy(w.Header(), answer.Header())
				w.WriteHeader(answer.Code)
				_, _ = w.Write(answer.Body.Bytes()) // the channel may have left
			},
			Refusal: refusal, Key: deliveryID,
		},
	}
}

var delivery = regexp.MustCompile(`"block_id":"(delivery-[^"]+)"`)

// deliveryID finds the block_id that tells a delivery.
func deliveryID(_ *http.Request, body []byte) string {
	text := string(body)
	if !json.Valid(body) {
		form, err := url.ParseQuery(text)
		if err != nil {
			return ""
		}
		text = form.Get("attachments")
	}
	return delivery.FindString(text)
}

// again is a request whose body was read.
func again(r *http.Request, body []byte) *http.Request {
	fresh := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(string(body)))
	fresh.Header = r.Header
	return fresh
}
