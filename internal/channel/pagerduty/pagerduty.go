package pagerduty

import (
	"bytes"
	"context"
	"net/http"
	"strings"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/go-json-experiment/json"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends to one integration. Safe for concurrent use.
//
// It uses the types of PagerDuty's library but not its client, which loses the
// Retry-After of an answer.
type Channel struct {
	url        string
	routingKey string
	client     *outbound.Client
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel. The error is that of [Config.Validate].
func New(c Config) (*Channel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	base := c.APIURL
	if base == "" {
		base = defaultAPI
	}
	hidden := append(channel.URLSecrets(c.APIURL), c.RoutingKey)
	client, err := outbound.New(c.Outbound, channel.NewSecrets(hidden...))
	if err != nil {
		return nil, err
	}
	return &Channel{url: strings.TrimSuffix(base, "/") + enqueue, routingKey: c.RoutingKey, client: client}, nil
}

// Send implements [channel.Channel]. Acknowledge and resolve go to the routing key that
// triggered the alert, which [channel.Result.Thread] keeps, and to the configured one if
// that is another: later triggers may have used it. PagerDuty drops what it has no alert
// for. An event that may be taken later ends the attempt; the next one sends all events
// again, which PagerDuty recognises by their dedup_key.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	keys, client := []string{c.routingKey}, c.client
	if isRoutingKey(n.Thread) && n.Thread != c.routingKey && follows(n.Notice.Reason) {
		keys, client = []string{n.Thread, c.routingKey}, c.client.Hiding(n.Thread)
	}
	var worst channel.Result
	for _, key := range keys {
		for _, event := range events(n, key) {
			result := c.send(ctx, client, event)
			if result.Outcome == channel.Transient {
				return result
			}
			if worst.Outcome != channel.Permanent {
				worst = result
			}
		}
	}
	if worst.Outcome == channel.Delivered && triggers(n.Notice.Reason) {
		worst.Thread = c.routingKey
	}
	return worst
}

func (c *Channel) send(ctx context.Context, client *outbound.Client, event api.V2Event) channel.Result {
	body, err := encode(event)
	if err != nil {
		return client.Unsent(err)
	}
	answer, result := client.Post(ctx, c.url, body)
	if answer.Status == 0 {
		return result
	}
	var said api.V2EventResponse
	readable := json.Unmarshal(answer.Body, &said) == nil
	switch {
	case result.Outcome == channel.Delivered && said.Status == "success":
	case result.Outcome == channel.Delivered:
		return client.Unclear(answer, "event") // sending it again does no harm
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		result.Error = client.Says(answer, "the routing key is not valid", string(answer.Body))
	case readable && (said.Message != "" || len(said.Errors) > 0):
		result.Error = client.Says(answer, "", strings.Join(append([]string{said.Message}, said.Errors...), "; "))
	}
	return result
}

// Preview returns the events, one a line, without the routing key.
func (Config) Preview(n channel.Notification) ([]byte, error) {
	var all [][]byte
	for _, event := range events(n, channel.Hidden) {
		body, err := encode(event)
		if err != nil {
			return nil, err
		}
		all = append(all, body)
	}
	return bytes.Join(all, []byte("\n")), nil
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.client.Close() }
