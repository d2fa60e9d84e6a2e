package main

import (
	"io"

	"alertd/internal/channel"
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
			Policy: c.Policy, Config: c.Settings, Open: func() (channel.Channel, error) { return c.Open(out) },
		})
	}
	return settings
}
