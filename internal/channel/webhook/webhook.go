package webhook

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends to one receiver. Safe for concurrent use.
type Channel struct {
	url     string
	headers http.Header
	signers []*standardwebhooks.Webhook
	client  *outbound.Client
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel. The error is that of [Config.Validate].
func New(c Config) (*Channel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	ch := &Channel{url: c.URL, headers: http.Header{"User-Agent": {"alertd"}, "Content-Type": {"application/json"}}}
	if c.APIURL != "" {
		ch.url = c.APIURL
	}
	hidden := append(channel.URLSecrets(c.URL), channel.URLSecrets(c.APIURL)...)
	for _, secret := range c.secrets() {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
		ch.signers = append(ch.signers, signer)
		hidden = append(hidden, secret, strings.TrimPrefix(secret, secretPrefix))
	}
	for name, value := range c.Headers {
		ch.headers.Set(name, value)
		hidden = append(hidden, value)
		if _, credentials, ok := strings.Cut(value, " "); ok { // such as Bearer
			hidden = append(hidden, credentials)
		}
	}
	var err error
	ch.client, err = outbound.New(c.Outbound, channel.NewSecrets(hidden...))
	return ch, err
}

// Send implements [channel.Channel]. Any answer of 2xx means delivered, and 410 that the
// receiver wants no more.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	request, err := c.request(ctx, n, time.Now())
	if err != nil {
		return c.client.Unsent(err)
	}
	answer, result := c.client.Do(request)
	if answer.Status == http.StatusGone {
		result.Outcome = channel.Permanent
		result.Error = c.client.Says(answer, "the receiver is gone for good: remove the channel, or give it another url", string(answer.Body))
	}
	return result
}

// request makes the request of an attempt at now.
func (c *Channel) request(ctx context.Context, n channel.Notification, now time.Time) (*http.Request, error) {
	body, err := encode(n)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header = c.headers.Clone()
	id := "msg_" + n.Key
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	signatures := make([]string, 0, len(c.signers))
	for _, signer := range c.signers {
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	if len(signatures) > 0 {
		request.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	}
	return request, nil
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.client.Close() }
