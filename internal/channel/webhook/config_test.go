package webhook_test

import (
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/outbound"
	"alertd/internal/channel/webhook"
)

func key(size int) string { return base64.StdEncoding.EncodeToString(make([]byte, size)) }

func TestValidConfigIsTaken(t *testing.T) {
	for name, c := range map[string]webhook.Config{
		"a URL alone":                  {URL: "https://example.com/hook"},
		"on this machine":              {URL: "http://127.0.0.1:9000"},
		"on a private address":         {URL: "http://10.1.2.3/hook"},
		"with a query":                 {URL: "https://example.com/hook?token=abc"},
		"the shortest secret":          {URL: "https://example.com", Secret: key(24)},
		"the longest secret":           {URL: "https://example.com", Secret: "whsec_" + key(64)},
		"two secrets":                  {URL: "https://example.com", Secret: secret + " " + next},
		"headers":                      {URL: "https://example.com", Headers: map[string]string{"Authorization": "Bearer a.b", "x-team": ""}},
		"a stand-in":                   {URL: "https://example.com", APIURL: "http://127.0.0.1:9000/hook"},
		"a proxy":                      {URL: "https://example.com", Outbound: outbound.Config{Proxy: "socks5://127.0.0.1:1080"}},
		"a header with a word of ours": {URL: "https://example.com", Headers: map[string]string{"X-Webhook-Id": "1"}},
	} {
		assert.NoError(t, c.Validate(), name)
	}
}

func TestInvalidConfigNamesKeysWithoutValues(t *testing.T) {
	for name, wrong := range map[string]struct {
		config webhook.Config
		fields []string
	}{
		"nothing":               {webhook.Config{}, []string{"url"}},
		"no host":               {webhook.Config{URL: "https:///topsecret"}, []string{"url"}},
		"another scheme":        {webhook.Config{URL: "ftp://example.com/topsecret"}, []string{"url"}},
		"no URL at all":         {webhook.Config{URL: "topsecret"}, []string{"url"}},
		"a short secret":        {webhook.Config{URL: "https://example.com", Secret: key(23)}, []string{"secret"}},
		"a long secret":         {webhook.Config{URL: "https://example.com", Secret: key(65)}, []string{"secret"}},
		"a secret of words":     {webhook.Config{URL: "https://example.com", Secret: "topsecret topsecret"}, []string{"secret"}},
		"a public key":          {webhook.Config{URL: "https://example.com", Secret: "whpk_" + key(32)}, []string{"secret"}},
		"one of two is wrong":   {webhook.Config{URL: "https://example.com", Secret: secret + " whsec_topsecret"}, []string{"secret"}},
		"a blank secret":        {webhook.Config{URL: "https://example.com", Secret: " "}, []string{"secret"}},
		"a stand-in of words":   {webhook.Config{URL: "https://example.com", APIURL: "topsecret"}, []string{"api_url"}},
		"a proxy of words":      {webhook.Config{URL: "https://example.com", Outbound: outbound.Config{Proxy: "topsecret"}}, []string{"proxy"}},
		"a file that is absent": {webhook.Config{URL: "https://example.com", Outbound: outbound.Config{CAFile: "testdata/absent.pem"}}, []string{"ca_file"}},
		"headers": {webhook.Config{URL: "https://example.com", Headers: map[string]string{
			"webhook-id": "topsecret", "Webhook-Signature": "topsecret", "content-type": "topsecret", "Content-Length": "1", "host": "topsecret",
			"Transfer-Encoding": "chunked", "a b": "topsecret", "": "topsecret", "X-A": "topsecret\r\nX-B: topsecret", "X-C": "topsecret\x00",
			"X-D": "1", "x-d": "2", "Fine": "topsecret",
		}}, []string{
			"headers.", "headers.Content-Length", "headers.Transfer-Encoding", "headers.Webhook-Signature", "headers.X-A", "headers.X-C", "headers.a b",
			"headers.content-type", "headers.host", "headers.webhook-id", "headers.x-d",
		}},
		"everything at once": {webhook.Config{URL: "topsecret", Secret: "topsecret", APIURL: "topsecret"}, []string{"api_url", "secret", "url"}},
	} {
		err := wrong.config.Validate()
		invalid, ok := errors.AsType[*alerting.Error](err)
		require.True(t, ok, "%s: %v", name, err)
		fields := map[string]string{}
		for _, f := range invalid.Fields {
			fields[f.Field] = f.Message
			assert.Contains(t, f.Message, mustBe(f.Message), name)
			assert.NotContains(t, f.Message, "topsecret", name)
		}
		assert.Equal(t, wrong.fields, slices.Sorted(maps.Keys(fields)), name)
		_, err = webhook.New(wrong.config)
		require.Equal(t, invalid, err, "New is no stricter or laxer than Validate: %s", name)
	}
}

// mustBe is what a message has that says what is allowed, or what is missing.
func mustBe(message string) string {
	for _, words := range []string{"must be", "missing", "twice", "cannot be read"} {
		if strings.Contains(message, words) {
			return words
		}
	}
	return "a message that says what is allowed"
}
