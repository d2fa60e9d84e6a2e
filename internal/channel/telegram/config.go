package telegram

import (
	"errors"
	"regexp"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Config is the settings of a channel of this kind.
type Config struct {
	// BotToken is the bot's token from BotFather: digits, a colon, and about 35 more
	// characters. It is a secret.
	BotToken string
	// ChatID is the number of a chat, negative for groups and channels, or the @name of
	// a public channel or supergroup.
	ChatID string
	// APIURL replaces https://api.telegram.org. It has no path. "": the former.
	APIURL string
	// Outbound says how to get out.
	Outbound outbound.Config
}

const defaultAPI = "https://api.telegram.org"

var (
	isToken  = regexp.MustCompile(`^\d{1,20}:[A-Za-z0-9_-]{20,100}$`)
	isNumber = regexp.MustCompile(`^-?[1-9]\d{0,18}$`)
	isName   = regexp.MustCompile(`^@[A-Za-z][A-Za-z0-9_]{3,63}$`)
)

// Validate returns nil, or an error that names each key with a value that is not
// allowed. It shows no secret.
func (c Config) Validate() error {
	var problems []channel.Problem
	switch {
	case c.BotToken == "":
		problems = append(problems, channel.Required("bot_token"))
	case !isToken.MatchString(c.BotToken):
		problems = append(problems, channel.Problem{
			Field: "bot_token", Message: "the value (not shown) is not allowed, must be a bot's token such as 123456789:AAE…",
		})
	}
	switch {
	case c.ChatID == "":
		problems = append(problems, channel.Required("chat_id"))
	case !isNumber.MatchString(c.ChatID) && !isName.MatchString(c.ChatID):
		problems = append(problems, channel.Problem{
			Field: "chat_id", Message: `the value is not allowed, must be the number of a chat, such as "-1001234567890", or the name of a public one, such as "@alerts"`,
		})
	}
	problems = append(problems, channel.CheckURL("api_url", c.APIURL)...)
	if invalid, ok := errors.AsType[*alerting.Error](c.Outbound.Validate()); ok {
		problems = append(problems, invalid.Fields...)
	}
	return channel.Invalid(problems...)
}

// sendMessage returns the address of the method. It holds the token.
func (c Config) sendMessage() string {
	base := c.APIURL
	if base == "" {
		base = defaultAPI
	}
	return strings.TrimSuffix(base, "/") + "/bot" + c.BotToken + "/sendMessage"
}

// secrets returns what must not be shown.
func (c Config) secrets() channel.Secrets {
	_, key, _ := strings.Cut(c.BotToken, ":") // the number before it is the bot's, and public
	return channel.NewSecrets(append(channel.URLSecrets(c.APIURL), c.BotToken, key)...)
}
