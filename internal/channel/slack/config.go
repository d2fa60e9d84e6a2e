package slack

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Config is the settings of a channel of this kind. It has either WebhookURL, or BotToken
// and Channel.
type Config struct {
	// WebhookURL is that of an incoming webhook. It is a secret.
	WebhookURL string
	// BotToken is that of an app with the scope chat:write (xoxb-…). It is a secret.
	BotToken string
	// Channel is where the bot posts: an id such as C0123456789, or a name.
	Channel string
	// APIURL replaces https://slack.com and the scheme and host of WebhookURL. It has no
	// path. "": Slack itself.
	APIURL string
	// Mention lists who is mentioned when an incident is opened as critical or becomes
	// critical: here, channel, everyone, ids of users (U0123456) and of user groups
	// (S0123456). Empty: nobody.
	Mention []string
	// Outbound says how to get out.
	Outbound outbound.Config
}

// defaultAPI is where Slack's Web API is.
const defaultAPI = "https://slack.com"

const (
	mostMentions    = 20
	mostChannelName = 81 // characters: 80 and a #
)

var mentioned = regexp.MustCompile(`^(?:here|channel|everyone|[UWS][A-Z0-9]{6,})$`)

// Validate returns nil, or an error that names each key with a value that is not
// allowed. It shows no secret.
func (c Config) Validate() error {
	var problems []channel.Problem
	problem := func(wrong bool, key, format string, values ...any) {
		if wrong {
			problems = append(problems, channel.Problem{Field: key, Message: fmt.Sprintf(format, values...)})
		}
	}
	problem(c.WebhookURL == "" && c.BotToken == "", "webhook_url", "is missing or empty: there must be webhook_url, or bot_token and channel")
	problem(c.WebhookURL != "" && c.BotToken != "", "webhook_url", "must not be there beside bot_token: messages go either way, not both")
	problems = append(problems, channel.CheckURL("webhook_url", c.WebhookURL)...)
	if c.BotToken != "" {
		problem(!isToken(c.BotToken), "bot_token", "the value (not shown) is not allowed, must be a bot token such as xoxb-…")
		problem(c.Channel == "", "channel", "is missing or empty: bot_token needs it")
		problem(c.Channel != "" && !isChannel(c.Channel), "channel",
			"%q is not allowed, must be the id or the name of a channel, such as C0123456789 or #alerts", channel.Shorten(c.Channel, mostChannelName))
	} else {
		problem(c.Channel != "", "channel", "needs bot_token: a webhook always posts in the channel that it was made for")
	}
	problems = append(problems, channel.CheckURL("api_url", c.APIURL)...)
	problem(len(c.Mention) > mostMentions, "mention", "%d are too many, must be at most %d", len(c.Mention), mostMentions)
	for _, who := range c.Mention {
		problem(!mentioned.MatchString(who), "mention",
			"%q is not allowed, must be here, channel, everyone, or the id of a user or a user group, such as U0123456 or S0123456", channel.Shorten(who, mostChannelName))
	}
	if invalid, ok := errors.AsType[*alerting.Error](c.Outbound.Validate()); ok {
		problems = append(problems, invalid.Fields...)
	}
	return channel.Invalid(problems...)
}

func isToken(text string) bool {
	return strings.HasPrefix(text, "xox") && len(text) >= 12 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isChannel(text string) bool {
	return utf8.RuneCountInString(text) <= mostChannelName &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}

// api returns the address of the Web API, with a slash at its end.
func (c Config) api() string {
	base := c.APIURL
	if base == "" {
		base = defaultAPI
	}
	return strings.TrimSuffix(base, "/") + "/api/"
}

// webhook returns the address for messages by webhook.
func (c Config) webhook() (string, error) {
	if c.APIURL == "" || c.WebhookURL == "" {
		return c.WebhookURL, nil
	}
	u, err := url.Parse(c.WebhookURL)
	if err != nil {
		return "", errors.New("webhook_url is no URL") // it was checked; the error would show it
	}
	return strings.TrimSuffix(c.APIURL, "/") + u.RequestURI(), nil
}
