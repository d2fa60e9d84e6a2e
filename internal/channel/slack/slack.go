package slack

import (
	"context"
	"encoding/json"
	"strings"

	api "github.com/slack-go/slack"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel posts in one channel of Slack. Safe for concurrent use.
type Channel struct {
	webhook string // "" with a bot token
	token   string
	api     string
	channel string
	mention string
	client  *outbound.Client
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel. The error is that of [Config.Validate].
func New(c Config) (*Channel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	webhook, err := c.webhook()
	if err != nil {
		return nil, err
	}
	hidden := append(channel.URLSecrets(c.WebhookURL), channel.URLSecrets(c.APIURL)...)
	client, err := outbound.New(c.Outbound, channel.NewSecrets(append(hidden, c.BotToken)...))
	if err != nil {
		return nil, err
	}
	return &Channel{webhook: webhook, token: c.BotToken, api: c.api(), channel: c.Channel, mention: c.mentions(), client: client}, nil
}

// mentions returns the marks of all that are mentioned, each with a space.
func (c Config) mentions() string {
	var mentions strings.Builder
	for _, who := range c.Mention {
		mentions.WriteString(mention(who) + " ")
	}
	return mentions.String()
}

// Send implements [channel.Channel].
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	if c.webhook != "" {
		return c.sendWebhook(ctx, c.whole(n))
	}
	if n.Notice.Digest != nil { // it is about other incidents, too
		result := c.open(ctx, n)
		result.Thread = ""
		return result
	}
	if root, ok := c.thread(n.Thread); ok {
		return c.follow(ctx, root, n)
	}
	return c.open(ctx, n)
}

// sendWebhook posts by the incoming webhook. Only the payload is made by Slack's library,
// which would lose the text of a refusal.
func (c *Channel) sendWebhook(ctx context.Context, m message) channel.Result {
	body, err := m.payload()
	if err != nil {
		return c.client.Unsent(err)
	}
	answer, result := c.client.Post(ctx, c.webhook, body)
	switch {
	case result.Outcome == channel.Delivered && strings.TrimSpace(string(answer.Body)) != "ok":
		return c.client.Unclear(answer, "message")
	case result.Outcome == channel.Permanent:
		result.Error += advice(strings.TrimSpace(string(answer.Body)))
	}
	return result
}

// payload returns the body for an incoming webhook.
func (m message) payload() ([]byte, error) {
	off := false
	return json.Marshal(api.WebhookMessage{
		Text: m.text, Blocks: &api.Blocks{BlockSet: m.blocks}, Attachments: m.attachments, UnfurlLinks: &off, UnfurlMedia: &off,
	})
}

// Preview returns what an incoming webhook is sent. A bot sends the same text, blocks and
// attachments.
func (c Config) Preview(n channel.Notification) ([]byte, error) {
	return (&Channel{mention: c.mentions()}).whole(n).payload()
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.client.Close() }
