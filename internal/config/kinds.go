package config

import (
	"io"
	"os"

	"alertd/internal/channel"
	"alertd/internal/channel/console"
	"alertd/internal/channel/email"
	"alertd/internal/channel/logfile"
	"alertd/internal/channel/pagerduty"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/telegram"
	"alertd/internal/channel/webhook"
)

// kind is a kind of channel: how its settings are read and opened, and which of its keys
// a channel that is on needs.
type kind struct {
	read     func(t *table) (Settings, opener)
	required []string
}

// opener makes a channel; see [Channel.Open].
type opener = func(console io.Writer) (channel.Channel, error)

// kinds returns the kinds of channel by name. This is the one list of them.
func kinds() map[string]kind {
	return map[string]kind{
		"slack":     newKind(readSlack, slack.New),
		"email":     newKind(readEmail, email.New, "smtp_host", "from", "to"),
		"pagerduty": newKind(readPagerDuty, pagerduty.New, "routing_key"),
		"webhook":   newKind(readWebhook, webhook.New, "url"),
		"logfile":   newKind(readLogfile, logfile.New, "path"),
		"console":   {read: readConsole},
		"telegram":  newKind(readTelegram, telegram.New, "bot_token", "chat_id"),
	}
}

// newKind returns a kind whose channels need nothing but their settings.
func newKind[S Settings, C channel.Channel](read func(*table) S, open func(S) (C, error), required ...string) kind {
	return kind{required: required, read: func(t *table) (Settings, opener) {
		settings := read(t)
		return settings, func(io.Writer) (channel.Channel, error) {
			c, err := open(settings)
			if err != nil {
				return nil, err // and never a nil pointer in a channel
			}
			return c, nil
		}
	}}
}

func readConsole(*table) (Settings, opener) {
	return console.Config{}, func(out io.Writer) (channel.Channel, error) {
		return console.New(console.Config{}, out, console.Colors(out, os.Getenv)), nil
	}
}
