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
type opener = func(Shared) (channel.Channel, error)

// Shared is what the channels of one alertd have in common, also across reloads. Make
// one with [NewShared].
type Shared struct {
	console *console.Output
	files   *logfile.Files
}

// NewShared returns what channels share. Those of kind console write to out.
func NewShared(out io.Writer) Shared {
	return Shared{console: console.NewOutput(out, console.Colors(out, os.Getenv)), files: &logfile.Files{}}
}

// kinds returns the kinds of channel by name. This is the one list of them.
func kinds() map[string]kind {
	return map[string]kind{
		"slack":     newKind(readSlack, alone(slack.New)),
		"email":     newKind(readEmail, alone(email.New), "smtp_host", "from", "to"),
		"pagerduty": newKind(readPagerDuty, alone(pagerduty.New), "routing_key"),
		"webhook":   newKind(readWebhook, alone(webhook.New), "url"),
		"logfile":   newKind(readLogfile, openLogfile, "path"),
		"console":   newKind(readConsole, openConsole),
		"telegram":  newKind(readTelegram, alone(telegram.New), "bot_token", "chat_id"),
	}
}

// newKind returns a kind whose channels are read and opened by these functions.
func newKind[S Settings, C channel.Channel](read func(*table) S, open func(S, Shared) (C, error), required ...string) kind {
	return kind{required: required, read: func(t *table) (Settings, opener) {
		settings := read(t)
		return settings, func(shared Shared) (channel.Channel, error) {
			c, err := open(settings, shared)
			if err != nil {
				return nil, err // and never a nil pointer in a channel
			}
			return c, nil
		}
	}}
}

// alone opens channels that share nothing.
func alone[S Settings, C channel.Channel](open func(S) (C, error)) func(S, Shared) (C, error) {
	return func(settings S, _ Shared) (C, error) { return open(settings) }
}

func openLogfile(settings logfile.Config, shared Shared) (*logfile.Channel, error) {
	return logfile.New(settings, shared.files)
}

func openConsole(settings console.Config, shared Shared) (*console.Channel, error) {
	return console.New(settings, shared.console), nil
}
