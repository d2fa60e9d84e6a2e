package pagerdutytest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel/pagerduty/pagerdutytest"
	"alertd/internal/channel/standin"
)

const routingKey = "0123456789abcdef0123456789abcdef"

// event is the JSON of one, with something added to it.
func event(action, dedupKey, payload string) string {
	return fmt.Sprintf(`{"routing_key":%q,"event_action":%q,"dedup_key":%q,"payload":{%s}}`, routingKey, action, dedupKey, payload)
}

const good = `"summary":"breached","source":"var_gate","severity":"critical"`

// post sends a body and returns the answer.
func post(tb testing.TB, s *pagerdutytest.Server, body string) (int, string) {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, "/v2/enqueue", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func TestEventIsTaken(t *testing.T) {
	s := pagerdutytest.New()
	code, body := post(t, s, event("trigger", "k1", good))
	assert.Equal(t, http.StatusAccepted, code)
	assert.Equal(t, `{"status":"success","message":"Event processed","dedup_key":"k1"}`, body)
	for _, at := range []string{"2015-07-17T08:42:58.315+0000", "2015-07-17T08:42:58Z", "2015-07-17T08:42:58.123456+02:00"} {
		code, body = post(t, s, event("trigger", "k1", good+`,"timestamp":"`+at+`"`))
		assert.Equal(t, http.StatusAccepted, code, body)
	}
	code, _ = post(t, s, `{"routing_key":"`+routingKey+`","event_action":"trigger","payload":{`+good+`}}`)
	assert.Equal(t, http.StatusAccepted, code)
	alerts := s.Alerts()
	require.Len(t, alerts, 2, "without a dedup_key there is a new alert")
	assert.Len(t, alerts[0].History, 4)
	assert.NotEmpty(t, alerts[1].DedupKey)
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"no JSON":                    {`{`, "unexpected EOF"},
		"two values":                 {event("trigger", "k", good) + `{}`, "more than one"},
		"no UTF-8":                   {strings.Replace(event("trigger", "k", good), `"k"`, "\"\xff\"", 1), "not UTF-8"},
		"a field that is unknown":    {event("trigger", "k", good+`,"extra":1`), "extra"},
		"a key that is short":        {strings.Replace(event("trigger", "k", good), routingKey, "short", 1), "Length of 'routing_key' is incorrect (should be 32 characters)"},
		"another key":                {strings.Replace(event("trigger", "k", good), routingKey, strings.Repeat("x", 32), 1), "Invalid routing key"},
		"another action":             {event("close", "k", good), "'event_action' is invalid"},
		"a long dedup_key":           {event("trigger", strings.Repeat("k", 256), good), "'dedup_key' is too long"},
		"a resolve without a key":    {event("resolve", "", good), "'dedup_key' is missing"},
		"no payload":                 {`{"routing_key":"` + routingKey + `","event_action":"trigger"}`, "'payload' is missing"},
		"no summary":                 {event("trigger", "k", `"source":"s","severity":"info"`), "'payload.summary' is missing"},
		"a long summary":             {event("trigger", "k", `"source":"s","severity":"info","summary":"`+strings.Repeat("é", 1025)+`"`), "'payload.summary' is too long"},
		"no source":                  {event("trigger", "k", `"summary":"s","severity":"info"`), "'payload.source' is missing"},
		"another severity":           {event("trigger", "k", `"summary":"s","source":"s","severity":"debug"`), "'payload.severity' is invalid"},
		"another time":               {event("trigger", "k", good+`,"timestamp":"yesterday"`), "'payload.timestamp' is not ISO 8601"},
		"a link to nowhere":          {strings.Replace(event("trigger", "k", good), `{`, `{"links":[{"text":"here"}],`, 1), "'links.href' is missing"},
		"an image of plain http":     {strings.Replace(event("trigger", "k", good), `{`, `{"images":[{"src":"http://x"}],`, 1), "'images.src'"},
		"details that are no object": {event("trigger", "k", good+`,"custom_details":"x"`), "custom_details"},
		"too large":                  {event("trigger", "k", good+`,"custom_details":{"x":"`+strings.Repeat("x", 512<<10)+`"}`), "larger than 512 KB"},
	} {
		s := pagerdutytest.New(routingKey)
		code, body := post(t, s, c.body)
		assert.Equal(t, http.StatusBadRequest, code, name)
		assert.True(t, strings.HasPrefix(body, `{"status":"invalid event","message":"Event object is invalid","errors":[`), "%s: %s", name, body)
		assert.Contains(t, strings.Join(s.Refused(), "\n"), c.says, name)
		assert.Empty(t, s.Alerts(), name)
	}
}

func TestEventWithoutAlertIsDropped(t *testing.T) {
	s := pagerdutytest.New()
	for _, action := range []string{"acknowledge", "resolve"} {
		code, _ := post(t, s, event(action, "k1", good))
		assert.Equal(t, http.StatusAccepted, code)
	}
	require.Len(t, s.Dropped(), 2)
	_, _ = post(t, s, event("trigger", "k1", good))
	other := strings.Replace(event("resolve", "k1", good), routingKey, strings.Repeat("x", 32), 1)
	_, _ = post(t, s, other)
	require.Len(t, s.Dropped(), 3, "another routing key resolves it")
	_, _ = post(t, s, event("acknowledge", "k1", good))
	_, _ = post(t, s, event("resolve", "k1", good))
	_, _ = post(t, s, event("resolve", "k1", good))
	require.Len(t, s.Dropped(), 4)
	_, _ = post(t, s, event("trigger", "k1", good))
	alerts := s.Alerts()
	require.Len(t, alerts, 2, "a trigger after a resolve opens a new alert")
	assert.Equal(t, []pagerdutytest.Status{pagerdutytest.Resolved, pagerdutytest.Triggered}, []pagerdutytest.Status{alerts[0].Status, alerts[1].Status})
}

func TestTroubleIsWhatItWasToldToBe(t *testing.T) {
	s := pagerdutytest.New()
	s.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "7"})
	code, body := post(t, s, event("trigger", "k", good))
	assert.Equal(t, http.StatusTooManyRequests, code)
	assert.Contains(t, body, "throttle exceeded")
	s.SetTrouble(standin.Trouble{Down: true})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { post(t, s, event("trigger", "k", good)) })
	assert.Empty(t, s.Alerts())
	s.SetTrouble(standin.Trouble{Delay: time.Millisecond})
	code, _ = post(t, s, event("trigger", "k", good))
	assert.Equal(t, http.StatusAccepted, code)
}

func TestClientThatLeavesHasSentNothing(t *testing.T) {
	s := pagerdutytest.New()
	s.SetTrouble(standin.Trouble{Delay: time.Hour})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v2/enqueue", strings.NewReader(event("trigger", "k", good)))
	r.Header.Set("Content-Type", "application/json")
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { s.ServeHTTP(httptest.NewRecorder(), r) })
	assert.Empty(t, s.Alerts())
}

func TestOtherPathsAndMethods(t *testing.T) {
	for target, want := range map[string]int{"POST /": http.StatusNotFound, "GET /v2/enqueue": http.StatusMethodNotAllowed} {
		method, path, _ := strings.Cut(target, " ")
		w := httptest.NewRecorder()
		pagerdutytest.New().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		assert.Equal(t, want, w.Code, target)
	}
}
