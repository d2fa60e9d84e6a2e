package main

import (
	"alertd/internal/channel"
	"alertd/internal/config"
	"alertd/internal/engine"
)

// engineSettings returns the settings of the engine. Its channels share shared.
func engineSettings(loaded config.Config, shared config.Shared) engine.Settings {
	settings := engine.Settings{
		Enabled: loaded.Alerting.Enabled, RepeatInterval: loaded.RepeatInterval, IdentifyBy: loaded.IdentifyBy, PublicURL: loaded.Server.PublicURL,
		Patience: loaded.Server.ShutdownTimeout, Heartbeats: loaded.Heartbeats, Routing: loaded.Noise, RouteTemplates: loaded.RouteTemplates,
	}
	for _, c := range loaded.Channels {
		settings.Channels = append(settings.Channels, engine.Channel{
			Policy: c.Policy, Config: c.Settings, Template: c.Template, Open: func() (channel.Channel, error) { return c.Open(shared) },
		})
	}
	return settings
}
