package webhook_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/webhook"
	"alertd/internal/incident"
)

func TestStandardLibraryVerifiesSignature(t *testing.T) {
	n := channeltest.Notification(incident.Opened)
	for name, c := range map[string]webhook.Config{
		"with the prefix":    {Secret: secret},
		"without the prefix": {Secret: rawSecret},
	} {
		got, result := send(t, c, n, http.StatusOK)
		require.Equal(t, channel.Result{Outcome: channel.Delivered, Code: http.StatusOK}, result, name)
		verifier := newVerifier(t, secret)
		require.NoError(t, verifier.Verify([]byte(got.body), got.header), name)
		require.Error(t, verifier.Verify([]byte(got.body+" "), got.header), "a changed body is verified")
		changed := got.header.Clone()
		changed.Set("webhook-id", "msg_another")
		require.Error(t, verifier.Verify([]byte(got.body), changed), "a changed id is verified")
		require.Error(t, newVerifier(t, next).Verify([]byte(got.body), got.header), "another secret verifies it")
		assert.Equal(t, "msg_"+n.Key, got.header.Get("webhook-id"))
		assert.Equal(t, "application/json", got.header.Get("Content-Type"))
		assert.Equal(t, "alertd", got.header.Get("User-Agent"))
	}
}

func TestEachSecretSigns(t *testing.T) {
	got, _ := send(t, webhook.Config{Secret: secret + "  " + next}, channeltest.Notification(incident.Opened), http.StatusOK)
	for _, secret := range []string{secret, next} {
		require.NoError(t, newVerifier(t, secret).Verify([]byte(got.body), got.header))
	}
	assert.Len(t, strings.Fields(got.header.Get("webhook-signature")), 2)
}

func TestUnsignedMessageHasIDAndTime(t *testing.T) {
	n := channeltest.Notification(incident.Opened)
	got, _ := send(t, webhook.Config{}, n, http.StatusOK)
	assert.NotContains(t, got.header, "Webhook-Signature")
	assert.Equal(t, "msg_"+n.Key, got.header.Get("webhook-id"))
	at, err := strconv.ParseInt(got.header.Get("webhook-timestamp"), 10, 64)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), time.Unix(at, 0), 5*time.Second)
}

func TestRepeatHasTheSameBody(t *testing.T) {
	n := channeltest.Notification(incident.Updated)
	first, _ := send(t, webhook.Config{Secret: secret}, n, http.StatusBadGateway)
	again, _ := send(t, webhook.Config{Secret: secret}, n, http.StatusOK)
	assert.Equal(t, first.body, again.body)
	assert.Equal(t, first.header.Get("webhook-id"), again.header.Get("webhook-id"))
}

func TestOwnHeadersAreSentAlong(t *testing.T) {
	got, _ := send(t, webhook.Config{Headers: map[string]string{"authorization": "Bearer " + token, "X-Team": "risk", "User-Agent": "ours"}},
		channeltest.Notification(incident.Opened), http.StatusOK)
	assert.Equal(t, []string{"Bearer " + token}, got.header["Authorization"])
	assert.Equal(t, []string{"risk"}, got.header["X-Team"])
	assert.Equal(t, []string{"ours"}, got.header["User-Agent"])
}

func TestAPIURLReplacesURL(t *testing.T) {
	got, result := send(t, webhook.Config{URL: "https://receiver.example.com/hook", Secret: secret}, channeltest.Notification(incident.Opened), http.StatusOK)
	require.Equal(t, channel.Delivered, result.Outcome)
	require.NoError(t, newVerifier(t, secret).Verify([]byte(got.body), got.header))
}

func TestGoneReceiverIsPermanent(t *testing.T) {
	_, result := send(t, webhook.Config{}, channeltest.Notification(incident.Opened), http.StatusGone)
	assert.Equal(t, channel.Result{
		Outcome: channel.Permanent, Code: http.StatusGone,
		Error: "answered 410 Gone, the receiver is gone for good: remove the channel, or give it another url: said the receiver",
	}, result)
}

func TestPayloadIsComplete(t *testing.T) {
	n := channeltest.Notification(incident.WasAcknowledged)
	got, _ := send(t, webhook.Config{}, n, http.StatusOK)
	assert.Equal(t, `{"type":"incident.acknowledged","timestamp":"2025-12-27T10:49:00.123456Z","data":{`+
		`"delivery_id":"019b5f2c-8000-7000-8000-000000000004","reason":"acknowledged","why":"acknowledged by ada","new_events":0,`+
		`"by":"ada","note":"Looking at the hedge","url":"https://alerts.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55",`+
		`"incident":{"incident_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55","number":12,"status":"acknowledged","severity":"critical",`+
		`"category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.0512 > 0.0300","count":41,"generation":2,`+
		`"first_seen":"2025-12-27T10:30:00.123456Z","last_seen":"2025-12-27T10:48:00.123456Z",`+
		`"fingerprint":"`+n.Notice.Incident.Fingerprint.String()+`","grouped_by":"message","pattern":"VaR limit breached: # > #",`+
		`"acknowledged_at":"2025-12-27T10:49:00.123456Z","acknowledged_by":"ada"},`+
		`"event":{"seq":80,"context":{"portfolio":"EQ-LS-1","var":0.0512,"limit":0.0300,"confidence":0.99,"horizon_days":1,`+
		`"blocked":true,"positions":["AAPL","MSFT"],"note":"R&D <desk> said \"hold\""},"context_truncated":false}}}`, got.body)

	test, _ := send(t, webhook.Config{}, channeltest.Notification(incident.Test), http.StatusOK)
	assert.Contains(t, test.body, `{"type":"test",`)
	assert.NotContains(t, test.body, `"url"`)
}

func TestTemplatesWordTheMessage(t *testing.T) {
	n := channeltest.Worded()
	got, _ := send(t, webhook.Config{}, n, http.StatusOK)
	assert.Contains(t, got.body, `"title":"VaR of EQ-LS-1 at 171 %","body":"Limit 0.0300\nVaR 0.0512","incident":`)
	failed, _ := send(t, webhook.Config{}, channeltest.Unworded(), http.StatusOK)
	assert.Contains(t, failed.body, `"template_error":"`+channeltest.TemplateError+`","incident":`)
	assert.NotContains(t, failed.body, `"title"`)
}

func TestADigestHasNoIncident(t *testing.T) {
	got, _ := send(t, webhook.Config{}, channeltest.Notification(incident.Digested), http.StatusOK)
	assert.Contains(t, got.body, `{"type":"digest","timestamp":"2025-12-27T12:33:00.000000Z","data":{"delivery_id":"019b5f2c-8000-7000-8000-000000000007",`+
		`"reason":"digest","why":"channel ops takes 30 messages an hour","new_events":73,"url":"https://alerts.example.com/incidents",`+
		`"digest":{"since":"2025-12-27T12:03:00.000000Z","until":"2025-12-27T12:33:00.000000Z","incidents":17,"events":73,`+
		`"by_severity":[{"name":"critical","count":1},`)
	assert.NotContains(t, got.body, `"incident"`)
	assert.NotContains(t, got.body, `"event"`)
	assert.Contains(t, got.body, `"status":"resolved","url":"https://alerts.example.com/incidents/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"}`)
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		n := channeltest.Notification(reason)
		got, _ := send(t, webhook.Config{Secret: secret}, n, http.StatusOK)
		shown, err := webhook.Config{}.Preview(n)
		require.NoError(t, err)
		assert.Equal(t, got.body, string(shown), reason)
	}
}
