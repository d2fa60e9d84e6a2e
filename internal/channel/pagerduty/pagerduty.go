package pagerduty

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"

	api "github.com/PagerDuty/go-pagerduty"
	"github.com/go-json-experiment/json"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends to one integration. Safe for concurrent use.
//
// It talks HTTP itself and takes only the types from PagerDuty's library, whose
// client loses the Retry-After of an answer.
type Channel struct {
	url        string
	routingKey string
	client     *outbound.Client
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel, or what [Config.Validate] does.
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

// Send implements [channel.Channel].
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	var result channel.Result
	for _, event := range events(n, c.routingKey) {
		if result = c.send(ctx, event); result.Outcome != channel.Delivered {
			break // to be sent again from the first on, which PagerDuty knows by its key
		}
	}
	return result
}

func (c *Channel) send(ctx context.Context, event api.V2Event) channel.Result {
	body, err := encode(event)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: c.client.Quote([]byte(err.Error()))}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: c.client.Quote([]byte(err.Error()))}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "alertd")
	answer, result := c.client.Do(request)
	if answer.Status == 0 {
		return result
	}
	var said api.V2EventResponse
	readable := json.Unmarshal(answer.Body, &said) == nil
	switch {
	case result.Outcome == channel.Delivered && said.Status == "success":
	case result.Outcome == channel.Delivered:
		// It is no answer of PagerDuty's, but for example of a proxy. To send it again
		// does no harm.
		result.Outcome, result.Error = channel.Transient, c.says(answer.Status, "but not that the event was taken", string(answer.Body))
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		result.Error = c.says(answer.Status, "the routing key is not valid", string(answer.Body))
	case readable && (said.Message != "" || len(said.Errors) > 0):
		result.Error = c.says(answer.Status, "", strings.Join(append([]string{said.Message}, said.Errors...), "; "))
	}
	return result
}

// says puts into words what was answered, what that means, and what the other side
// has to say.
func (c *Channel) says(status int, means, quote string) string {
	text := "answered " + strconv.Itoa(status) + " " + http.StatusText(status)
	if means != "" {
		text += ", " + means
	}
	if quote = c.client.Quote([]byte(quote)); quote != "" {
		text += ": " + quote
	}
	return text
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.client.Close() }
