package pagerduty_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/outbound"
	"alertd/internal/channel/pagerduty"
	"alertd/internal/channel/pagerduty/pagerdutytest"
	"alertd/internal/channel/standin"
	"alertd/internal/incident"
)

// service is the stand-in, and a channel to it.
func service(tb testing.TB) (*pagerdutytest.Server, *pagerduty.Channel) {
	tb.Helper()
	api := pagerdutytest.New(routingKey)
	server := httptest.NewServer(api)
	tb.Cleanup(server.Close)
	ch := newChannel(tb, server.URL+"/") // with a slash at its end, or without
	tb.Cleanup(func() { require.NoError(tb, ch.Close()) })
	return api, ch
}

// tell sends messages for these reasons. All must arrive.
func tell(tb testing.TB, ch channel.Channel, reasons ...incident.Reason) {
	tb.Helper()
	for _, reason := range reasons {
		result := ch.Send(tb.Context(), channeltest.Notification(reason))
		result.Thread = "" // it is looked at apart
		require.Equal(tb, channel.Result{Outcome: channel.Delivered, Code: http.StatusAccepted}, result, reason)
	}
}

func actions(a pagerdutytest.Alert) []string {
	var actions []string
	for _, event := range a.History {
		actions = append(actions, event.Action)
	}
	return actions
}

func TestTheLifeOfAnIncidentIsOneAlert(t *testing.T) {
	api, ch := service(t)
	tell(t, ch, incident.Opened, incident.SeverityRaised, incident.Updated)
	alert, ok := api.Alert(channeltest.IncidentID)
	require.True(t, ok)
	assert.Equal(t, pagerdutytest.Triggered, alert.Status)

	tell(t, ch, incident.WasAcknowledged)
	alert, _ = api.Alert(channeltest.IncidentID)
	assert.Equal(t, pagerdutytest.Acknowledged, alert.Status)

	tell(t, ch, incident.WasResolved)
	alert, _ = api.Alert(channeltest.IncidentID)
	assert.Equal(t, pagerdutytest.Resolved, alert.Status)
	assert.Equal(t, []string{"trigger", "trigger", "trigger", "acknowledge", "resolve"}, actions(alert))
	assert.Len(t, api.Alerts(), 1)
	assert.Empty(t, api.Dropped())
}

func TestRepeatMakesNoSecondAlert(t *testing.T) {
	api, ch := service(t)
	tell(t, ch, incident.Opened, incident.Opened, incident.WasAcknowledged, incident.WasAcknowledged)
	assert.Len(t, api.Alerts(), 1)
	assert.Empty(t, api.Dropped())
}

// changed is the stand-in with an alert that oldKey triggered, its thread, and a channel
// whose routing key has changed since.
func changed(tb testing.TB) (*pagerdutytest.Server, string, *pagerduty.Channel) {
	tb.Helper()
	api := pagerdutytest.New(oldKey, routingKey)
	server := httptest.NewServer(api)
	tb.Cleanup(server.Close)
	before, err := pagerduty.New(pagerduty.Config{RoutingKey: oldKey, APIURL: server.URL})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, before.Close()) })
	thread := before.Send(tb.Context(), channeltest.Notification(incident.Opened)).Thread
	require.NotEmpty(tb, thread)
	after := newChannel(tb, server.URL)
	tb.Cleanup(func() { require.NoError(tb, after.Close()) })
	return api, thread, after
}

// follow sends a message about an incident whose first message left a thread.
func follow(tb testing.TB, ch channel.Channel, reason incident.Reason, thread string) channel.Result {
	tb.Helper()
	n := channeltest.Notification(reason)
	n.Thread = thread
	return ch.Send(tb.Context(), n)
}

const oldKey = "OLD3456789abcdefghijklmnopqrstuv"

func TestTriggersKeyAcknowledgesAndResolves(t *testing.T) {
	api, thread, ch := changed(t)
	for _, step := range []struct {
		reason incident.Reason
		want   pagerdutytest.Status
	}{{incident.WasAcknowledged, pagerdutytest.Acknowledged}, {incident.WasResolved, pagerdutytest.Resolved}} {
		require.Equal(t, channel.Result{Outcome: channel.Delivered, Code: http.StatusAccepted}, follow(t, ch, step.reason, thread))
		require.Equal(t, step.want, api.Alerts()[0].Status)
	}
	require.Len(t, api.Alerts(), 1)
}

func TestAlertsOfBothKeysAreResolved(t *testing.T) {
	api, thread, ch := changed(t)
	require.Equal(t, channel.Delivered, follow(t, ch, incident.SeverityRaised, thread).Outcome)
	require.Len(t, api.Alerts(), 2, "a trigger pages by the key that is configured")
	require.Equal(t, channel.Delivered, follow(t, ch, incident.WasResolved, thread).Outcome)
	for _, alert := range api.Alerts() {
		assert.Equal(t, pagerdutytest.Resolved, alert.Status, alert.RoutingKey)
	}
}

func TestConfiguredKeyResolvesWithoutThread(t *testing.T) {
	for _, thread := range []string{"", "1714561.000200", routingKey} {
		api, ch := service(t)
		tell(t, ch, incident.Opened)
		require.Equal(t, channel.Delivered, follow(t, ch, incident.WasResolved, thread).Outcome)
		assert.Equal(t, []string{"trigger", "resolve"}, actions(api.Alerts()[0]))
		assert.Empty(t, api.Dropped())
	}
}

func TestOldKeyIsHidden(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event pagerdutytest.Event
		if assert.NoError(t, json.NewDecoder(r.Body).Decode(&event)) {
			asked = append(asked, event.RoutingKey)
		}
		if event.RoutingKey == oldKey {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"status":"invalid event","message":"no such key: ` + oldKey + `"}`))
			return
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"status":"success"}`))
	}))
	t.Cleanup(server.Close)
	ch := newChannel(t, server.URL)
	t.Cleanup(func() { require.NoError(t, ch.Close()) })
	require.Equal(t, channel.Result{
		Outcome: channel.Permanent, Code: http.StatusBadRequest, Error: "answered 400 Bad Request: no such key: <secret>",
	}, follow(t, ch, incident.WasResolved, oldKey))
	assert.Equal(t, []string{oldKey, routingKey}, asked, "the alert of later triggers is resolved all the same")
}

func TestTestHasItsOwnAlert(t *testing.T) {
	api, ch := service(t)
	tell(t, ch, incident.Opened, incident.Test)
	alerts := api.Alerts()
	require.Len(t, alerts, 2)
	assert.Equal(t, pagerdutytest.Triggered, alerts[0].Status, "a test touches an incident")
	assert.Equal(t, []string{"trigger", "resolve"}, actions(alerts[1]))
	assert.Equal(t, pagerdutytest.Resolved, alerts[1].Status)
	assert.Equal(t, "info", alerts[1].History[0].Payload.Severity)
	assert.True(t, strings.HasPrefix(alerts[1].History[0].Payload.Summary, "[TEST] "))
}

func TestUnresolvedTestHasFailed(t *testing.T) {
	api := pagerdutytest.New(routingKey)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api.ServeHTTP(w, r)
		api.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "30"})
	}))
	t.Cleanup(server.Close)
	ch := newChannel(t, server.URL)
	result := ch.Send(t.Context(), channeltest.Notification(incident.Test))
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.Equal(t, 30*time.Second, result.RetryAfter)
	api.SetTrouble(standin.Trouble{})
	require.NoError(t, ch.Close())
}

func TestTriggerHasDetails(t *testing.T) {
	api, ch := service(t)
	tell(t, ch, incident.Updated)
	event := api.Alerts()[0].History[0]
	details := event.Payload.Details
	event.Payload.Details = nil
	assert.Equal(t, pagerdutytest.Event{
		RoutingKey: routingKey, Action: "trigger", DedupKey: channeltest.IncidentID, Client: "alertd",
		ClientURL: "https://alerts.example.com/incidents/" + channeltest.IncidentID,
		Links:     []pagerdutytest.Link{{Href: "https://alerts.example.com/incidents/" + channeltest.IncidentID, Text: "Incident 12 in alertd"}},
		Payload: &pagerdutytest.Payload{
			Summary: "[CRITICAL] var_gate: VaR limit breached: 0.0512 > 0.0300", Source: "var_gate", Severity: "critical",
			Timestamp: "2025-12-27T10:48:00.123456Z", Component: "var_gate", Group: "risk_limit", Class: "risk_limit",
		},
	}, event)
	assert.Equal(t, "Incident 12: 39 more events, still open", details["what"])
	assert.Equal(t, channeltest.Notification(incident.Updated).Key, details["delivery_id"])
	assert.InDelta(t, 41, details["events"], 0)
	context, ok := details["context"].(map[string]any)
	require.True(t, ok)
	assert.Equal(t, "EQ-LS-1", context["portfolio"])
	assert.NotContains(t, details, "context_truncated")
}

func TestEveryTextIsPlain(t *testing.T) {
	api, ch := service(t)
	const context = "{\"a\u202e\": [\"\\u001b[31m\", 1.50, {\"\u200b\": true}]}"
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Opened(alerting.SeverityError, "gate\u202e", "\x1b[31mred", context)).Outcome)
	payload := api.Alerts()[0].History[0].Payload
	assert.Equal(t, `gate\u202e`, payload.Source)
	assert.Equal(t, `\x1b[31mred`, payload.Details["message"])
	assert.Equal(t, map[string]any{`a\u202e`: []any{`\x1b[31m`, 1.5, map[string]any{`\u200b`: true}}}, payload.Details["context"])
}

func TestLinkNeedsPublicURL(t *testing.T) {
	api, ch := service(t)
	n := channeltest.Notification(incident.Opened)
	n.URL = ""
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
	event := api.Alerts()[0].History[0]
	assert.Empty(t, event.Links)
	assert.Empty(t, event.ClientURL)
}

func TestSeverityWords(t *testing.T) {
	api, ch := service(t)
	for severity, want := range map[alerting.Severity]string{
		alerting.SeverityDebug: "info", alerting.SeverityInfo: "info", alerting.SeverityWarning: "warning",
		alerting.SeverityError: "error", alerting.SeverityCritical: "critical",
	} {
		n := channeltest.Opened(severity, "var_gate", "breached", "{}")
		require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
		alert, _ := api.Alert(n.Notice.Incident.ID.String())
		assert.Equal(t, want, alert.History[0].Payload.Severity)
	}
}

func TestLongMessageIsWholeInDetails(t *testing.T) {
	api, ch := service(t)
	long := strings.Repeat("é", 8192)
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Opened(alerting.SeverityError, "var_gate", long, "{}")).Outcome)
	payload := api.Alerts()[0].History[0].Payload
	assert.Equal(t, 1024, utf8.RuneCountInString(payload.Summary))
	assert.True(t, strings.HasSuffix(payload.Summary, "…"))
	assert.Equal(t, long, payload.Details["message"])
}

func TestTooLargeEventLosesContextFirst(t *testing.T) {
	api, ch := service(t)
	n := channeltest.Notification(incident.Opened)
	value, err := json.Marshal(strings.Repeat("x", 600<<10))
	require.NoError(t, err)
	n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: "dump", Value: value})
	result := ch.Send(t.Context(), n)
	require.Equal(t, channel.Delivered, result.Outcome, result.Error)
	details := api.Alerts()[0].History[0].Payload.Details
	assert.NotContains(t, details, "context")
	assert.Equal(t, true, details["context_truncated"])
	assert.Equal(t, "VaR limit breached: 0.0512 > 0.0300", details["message"])

	n.Notice.Note = strings.Repeat("note ", 200<<10)
	result = ch.Send(t.Context(), n)
	require.Equal(t, channel.Delivered, result.Outcome, result.Error)
	history := api.Alerts()[0].History
	note, ok := history[1].Payload.Details["note"].(string)
	require.True(t, ok)
	assert.True(t, strings.HasSuffix(note, "…"))
	assert.Empty(t, api.Refused())
}

func TestRefusalQuotesReasons(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		want   channel.Result
	}{
		"an event that is invalid": {
			400, `{"status":"invalid event","message":"Event object is invalid","errors":["'payload.summary' is missing","key ` + routingKey + ` is odd"]}`,
			channel.Result{Outcome: channel.Permanent, Code: 400, Error: "answered 400 Bad Request: Event object is invalid; 'payload.summary' is missing; key <secret> is odd"},
		},
		"a key that is wrong": {
			403, `{"status":"forbidden"}`,
			channel.Result{Outcome: channel.Permanent, Code: 403, Error: `answered 403 Forbidden, the routing key is not valid: {"status":"forbidden"}`},
		},
		"no key at all": {401, ``, channel.Result{Outcome: channel.Permanent, Code: 401, Error: "answered 401 Unauthorized, the routing key is not valid"}},
		"something else": {
			404, `<html>nothing here</html>`,
			channel.Result{Outcome: channel.Permanent, Code: 404, Error: "answered 404 Not Found: <html>nothing here</html>"},
		},
		"a page that is not PagerDuty's": {
			200, `<html>Please log in</html>`,
			channel.Result{Outcome: channel.Transient, Code: 200, Error: "answered 200 OK, but not that the event was taken: <html>Please log in</html>"},
		},
		"accepted, and yet not": {
			202, `{"status":"invalid event"}`,
			channel.Result{Outcome: channel.Transient, Code: 202, Error: `answered 202 Accepted, but not that the event was taken: {"status":"invalid event"}`},
		},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body)) // the channel reads it, or the test fails
		}))
		ch := newChannel(t, server.URL)
		assert.Equal(t, c.want, ch.Send(t.Context(), channeltest.Notification(incident.Opened)), name)
		require.NoError(t, ch.Close())
		server.Close()
	}
}

func TestTroubleIsTransient(t *testing.T) {
	api, ch := service(t)
	n := channeltest.Notification(incident.Opened)
	api.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "45"})
	result := ch.Send(t.Context(), n)
	assert.Equal(t, channel.Transient, result.Outcome)
	assert.Equal(t, 45*time.Second, result.RetryAfter)
	assert.Contains(t, result.Error, "answered 429 Too Many Requests: Requests for this service are arriving too quickly.")
	api.SetTrouble(standin.Trouble{Status: http.StatusInternalServerError})
	assert.Equal(t, channel.Transient, ch.Send(t.Context(), n).Outcome)
	api.SetTrouble(standin.Trouble{Down: true})
	assert.Equal(t, channel.Transient, ch.Send(t.Context(), n).Outcome)
	assert.Empty(t, api.Alerts())
	api.SetTrouble(standin.Trouble{})
	assert.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
}

func TestInvalidConfigNamesKeysWithoutSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		config pagerduty.Config
		fields []string
	}{
		"nothing":                 {pagerduty.Config{}, []string{"routing_key"}},
		"a key that is short":     {pagerduty.Config{RoutingKey: routingKey[1:]}, []string{"routing_key"}},
		"a key with a line break": {pagerduty.Config{RoutingKey: routingKey + "\n"}, []string{"routing_key"}},
		"a key with a dash":       {pagerduty.Config{RoutingKey: "-" + routingKey[1:]}, []string{"routing_key"}},
		"everything": {
			pagerduty.Config{RoutingKey: "topsecret", APIURL: "topsecret", Outbound: outbound.Config{Proxy: "x"}},
			[]string{"routing_key", "api_url", "proxy"},
		},
	} {
		_, err := pagerduty.New(c.config)
		invalid, ok := errors.AsType[*alerting.Error](err)
		require.True(t, ok, "%s: %v", name, err)
		var fields []string
		for _, f := range invalid.Fields {
			fields = append(fields, f.Field)
			assert.NotContains(t, f.Message, "topsecret")
		}
		assert.Equal(t, c.fields, fields, name)
		assert.Equal(t, err, c.config.Validate())
	}
	require.NoError(t, pagerduty.Config{RoutingKey: routingKey}.Validate())
}

func TestAllDigestsOfAChannelAreOneAlert(t *testing.T) {
	api, ch := service(t)
	n := channeltest.Notification(incident.Digested)
	n.Thread = strings.Repeat("b", 32) // a routing key of before is not for it
	for range 2 {
		result := ch.Send(t.Context(), n)
		require.Equal(t, channel.Result{Outcome: channel.Delivered, Code: http.StatusAccepted}, result)
	}
	alert, ok := api.Alert("alertd digest " + channeltest.Channel)
	require.True(t, ok)
	assert.Equal(t, []string{"trigger", "trigger"}, actions(alert))
	assert.Len(t, api.Alerts(), 1)

	shown, err := pagerduty.Config{}.Preview(n)
	require.NoError(t, err)
	var event struct {
		Payload struct {
			Summary, Source, Severity, Timestamp string
			Details                              struct {
				Why        string
				BySeverity []incident.Tally `json:"by_severity"`
				Worst      []string
			} `json:"custom_details"`
		}
		Links []struct{ Href string }
	}
	require.NoError(t, json.Unmarshal(shown, &event))
	assert.Equal(t, "[DIGEST] 17 incidents held back: 1 critical, 6 error, 10 warning", event.Payload.Summary)
	assert.Equal(t, []string{"alertd", "critical", "2025-12-27T12:33:00.000000Z"}, []string{event.Payload.Source, event.Payload.Severity, event.Payload.Timestamp})
	assert.Equal(t, "channel ops takes 30 messages an hour", event.Payload.Details.Why)
	assert.Equal(t, []incident.Tally{{Name: "critical", Count: 1}, {Name: "error", Count: 6}, {Name: "warning", Count: 10}}, event.Payload.Details.BySeverity)
	assert.Equal(t, "Incident 12: CRITICAL var_gate: VaR limit breached: 0.0512 > 0.0300 (resolved)", event.Payload.Details.Worst[0])
	assert.Equal(t, "https://alerts.example.com/incidents/"+channeltest.IncidentID, event.Links[0].Href)
}

func TestTemplatesWordTheMessage(t *testing.T) {
	worded, err := pagerduty.Config{}.Preview(channeltest.Worded())
	require.NoError(t, err)
	assert.Contains(t, string(worded), `"summary":"[ERROR] `+channeltest.Title+`"`)
	assert.Contains(t, string(worded), `"message":"Limit 0.0300\nVaR 0.0512"`)
	failed, err := pagerduty.Config{}.Preview(channeltest.Unworded())
	require.NoError(t, err)
	assert.Contains(t, string(failed), `"template_error":"`+channeltest.TemplateError+`"`)
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, reason := range []incident.Reason{incident.Opened, incident.WasAcknowledged, incident.WasResolved, incident.Digested} {
		n := channeltest.Notification(reason)
		sent := channeltest.Requests(t, func(address string) channel.Channel { return newChannel(t, address) }, n)
		shown, err := pagerduty.Config{RoutingKey: routingKey}.Preview(n)
		require.NoError(t, err)
		require.NotContains(t, string(shown), routingKey)
		require.Len(t, sent, 1)
		assert.Equal(t, strings.ReplaceAll(string(shown), channel.Hidden, routingKey), sent[0], reason)
	}
	test, err := pagerduty.Config{}.Preview(channeltest.Notification(incident.Test))
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(test), "\n"), "a test is two events")
}
