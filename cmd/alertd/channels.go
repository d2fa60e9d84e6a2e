package main

import (
	"fmt"
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
	"alertd/internal/config"
	"alertd/internal/engine"
)

// engineSettings returns what the engine is to go by. out is where channels of kind
// console write.
func engineSettings(loaded config.Config, out io.Writer) engine.Settings {
	settings := engine.Settings{
		Enabled: loaded.Alerting.Enabled, RepeatInterval: loaded.RepeatInterval, IdentifyBy: loaded.IdentifyBy, PublicURL: loaded.Server.PublicURL,
	}
	for _, c := range loaded.Channels {
		settings.Channels = append(settings.Channels, engine.Channel{
			Policy: c.Policy, Config: c.Settings, Open: func() (channel.Channel, error) { return openChannel(c.Settings, out) },
		})
	}
	return settings
}

// openChannel makes a channel of the settings of its kind. Here is the one list of all
// kinds.
func openChannel(settings config.Settings, out io.Writer) (channel.Channel, error) {
	switch s := settings.(type) {
	case slack.Config:
		return opened(slack.New(s))
	case email.Config:
		return opened(email.New(s))
	case pagerduty.Config:
		return opened(pagerduty.New(s))
	case webhook.Config:
		return opened(webhook.New(s))
	case logfile.Config:
		return opened(logfile.New(s))
	case telegram.Config:
		return opened(telegram.New(s))
	case console.Config:
		return console.New(s, out, console.Colors(out, os.Getenv)), nil
	default:
		return nil, fmt.Errorf("settings of type %T belong to no kind of channel", settings)
	}
}

// opened is a channel, or nil and an error: never a nil pointer in a channel.
func opened[C channel.Channel](c C, err error) (channel.Channel, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}
