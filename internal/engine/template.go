package engine

import (
	"fmt"

	"alertd/internal/channel"
	"alertd/internal/template"
)

// wording is the templates of channels and routes, by name.
type wording struct{ channels, routes map[string]*template.Template }

// newWording parses the templates of the settings.
func newWording(s Settings) (w wording, err error) {
	w = wording{map[string]*template.Template{}, map[string]*template.Template{}}
	for _, c := range s.Channels {
		if w.channels[c.Policy.Name], err = template.New(c.Template); err != nil {
			return w, fmt.Errorf("template of channel %s: %w", c.Policy.Name, err)
		}
	}
	for name, spec := range s.RouteTemplates {
		if w.routes[name], err = template.New(spec); err != nil {
			return w, fmt.Errorf("template of route %s: %w", name, err)
		}
	}
	return w, nil
}

// words returns a message in the words of the templates of its route and, for what that
// has none for, of its channel.
func (w wording) words(n channel.Notification) channel.Notification {
	t := w.channels[n.Channel]
	if route := w.routes[n.Notice.Route]; route != nil {
		t = route.Over(t)
	}
	if t == nil { // the channel has gone
		return n
	}
	return t.Apply(n)
}

// noteTemplate counts and logs that a message has the built-in words because a template
// has failed.
func (e *Engine) noteTemplate(n channel.Notification) {
	if n.TemplateError != "" {
		e.meter.TemplateFailed(n.Channel)
		e.log.Warn("template failed, the message has the built-in words", "channel", n.Channel, "route", n.Notice.Route, "delivery_id", n.Key,
			"error", n.TemplateError)
	}
}
