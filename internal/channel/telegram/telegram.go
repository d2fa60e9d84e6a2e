package telegram

import (
	"context"
	"regexp"
	"strconv"

	"github.com/go-json-experiment/json"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Channel sends to one chat. Safe for concurrent use.
type Channel struct {
	url    string
	chat   string
	client *outbound.Client
}

var _ channel.Channel = (*Channel)(nil)

// New returns a channel. The error is that of [Config.Validate].
func New(c Config) (*Channel, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, err := outbound.New(c.Outbound, c.secrets())
	if err != nil {
		return nil, err
	}
	return &Channel{url: c.sendMessage(), chat: c.ChatID, client: client}, nil
}

// Send implements [channel.Channel].
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	result, moved := c.send(ctx, c.chat, n, "")
	if moved == "" {
		return result
	}
	result, _ = c.send(ctx, moved, n, moved)
	if result.Outcome != channel.Delivered {
		result.Error = "the group has become the supergroup " + moved + ", which chat_id should be, and there: " + result.Error
	}
	return result
}

// request is what sendMessage takes.
type request struct {
	ChatID    string  `json:"chat_id"`
	Text      string  `json:"text"`
	ParseMode string  `json:"parse_mode"`
	Preview   preview `json:"link_preview_options"`
	Silent    bool    `json:"disable_notification,omitzero"`
	Reply     *reply  `json:"reply_parameters,omitzero"`
}

type preview struct {
	Disabled bool `json:"is_disabled"`
}

type reply struct {
	MessageID int64 `json:"message_id"`
	OrWithout bool  `json:"allow_sending_without_reply"`
}

// thread matches the ids of a chat and of the first message there.
var thread = regexp.MustCompile(`^(-?\d{1,19})/(\d{1,18})$`)

// replyTo returns the message to reply to; nil if there is none in this chat.
func replyTo(text, chat string) *reply {
	parts := thread.FindStringSubmatch(text)
	if parts == nil || isNumber.MatchString(chat) && chat != parts[1] {
		return nil
	}
	id, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return nil
	}
	return &reply{MessageID: id, OrWithout: true}
}

// send sends a message to a chat, once. moved is the chat's new id if Telegram has refused
// the old one.
func (c *Channel) send(ctx context.Context, chat string, n channel.Notification, note string) (result channel.Result, moved string) {
	body, err := encode(chat, n, note)
	if err != nil {
		return c.client.Unsent(err), ""
	}
	answer, result := c.client.Post(ctx, c.url, body)
	if answer.Status == 0 {
		return result, ""
	}
	result, moved = c.judge(answer, result)
	if n.Notice.Digest != nil {
		result.Thread = ""
	}
	return result, moved
}

// encode returns the body of a request. A digest is no reply.
func encode(chat string, n channel.Notification, note string) ([]byte, error) {
	r := request{ChatID: chat, Text: compose(n, note), ParseMode: "HTML", Preview: preview{Disabled: true}, Silent: silent(n.Notice.Reason)}
	if n.Notice.Digest == nil {
		r.Reply = replyTo(n.Thread, chat)
	}
	return json.Marshal(r)
}

// Preview returns the body of the request.
func (c Config) Preview(n channel.Notification) ([]byte, error) { return encode(c.ChatID, n, "") }

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.client.Close() }
