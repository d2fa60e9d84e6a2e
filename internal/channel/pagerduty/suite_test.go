package pagerduty_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/pagerduty"
	"alertd/internal/channel/pagerduty/pagerdutytest"
)

const routingKey = "R0123456789abcdefghijklmnopqrstu"

func TestPagerDutyKeepsTheRulesOfChannels(t *testing.T) {
	channeltest.Run(t, channeltest.Fixture{
		New: func(tb testing.TB, address string) channel.Channel {
			tb.Helper()
			return newChannel(tb, "http://"+address)
		},
		Secrets: []string{routingKey},
		HTTP: &channeltest.HTTP{
			OK: func(w http.ResponseWriter, r *http.Request, body []byte) {
				pagerdutytest.New(routingKey).ServeHTTP(w, again(r, body))
			},
			Refusal: func(status int) string {
				return fmt.Sprintf(`{"status":"invalid event","message":"Event object is invalid","errors":["number %d"]}`, status)
			},
			Key: func(_ *http.Request, body []byte) string {
				var event pagerdutytest.Event
				if json.Unmarshal(body, &event) != nil || event.Payload == nil {
					return ""
				}
				return fmt.Sprint(event.DedupKey, " ", event.Payload.Details["delivery_id"])
			},
			Check: func(r *http.Request, body []byte) string {
				answer := httptest.NewRecorder()
				pagerdutytest.New(routingKey).ServeHTTP(answer, again(r, body))
				if answer.Code != http.StatusAccepted {
					return answer.Body.String()
				}
				return ""
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

func newChannel(tb testing.TB, address string) *pagerduty.Channel {
	tb.Helper()
	ch, err := pagerduty.New(pagerduty.Config{RoutingKey: routingKey, APIURL: address})
	require.NoError(tb, err)
	return ch
}
