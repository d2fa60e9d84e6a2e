package config

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/console"
	"alertd/internal/channel/email"
	"alertd/internal/channel/logfile"
	"alertd/internal/channel/outbound"
	"alertd/internal/channel/pagerduty"
	"alertd/internal/channel/slack"
	"alertd/internal/channel/telegram"
	"alertd/internal/channel/webhook"
	"alertd/internal/delivery"
	"alertd/internal/template"
)

// Channel is one channel's settings.
type Channel struct {
	Policy delivery.Policy
	// Settings are those of its kind: a slack.Config, email.Config and so on. If the
	// channel is off they may be incomplete.
	Settings Settings
	// Open makes the channel of its settings. The error is that of its kind's New.
	Open func(Shared) (channel.Channel, error)
	// Template is how its messages are worded; it is valid.
	Template template.Spec
	// Raw is the channel's table as it was read, after substitution. It may hold secrets.
	Raw map[string]any
}

// Settings are those of a kind of channel.
type Settings interface {
	// Validate returns nil or an [*alerting.Error] that names each key which is wrong.
	Validate() error
	// Preview returns what a channel sends for a message: JSON, a mail, or lines. A secret
	// in it is [channel.Hidden]. The settings may be incomplete; the error says what is
	// missing.
	Preview(n channel.Notification) ([]byte, error)
}

// Channel returns the channel of this name, on or off.
func (c *Config) Channel(name string) (Channel, bool) {
	for _, channel := range c.Channels {
		if channel.Policy.Name == name {
			return channel, true
		}
	}
	return Channel{}, false
}

// ChannelEnabled reports whether the channel of this name is on. A channel that does not
// exist is off, and so is one without enabled = true.
func (c *Config) ChannelEnabled(name string) bool {
	channel, _ := c.Channel(name)
	return channel.Policy.Enabled
}

func readSlack(t *table) slack.Config {
	c := slack.Config{Mention: []string{"channel"}}
	t.string("webhook_url", &c.WebhookURL)
	t.string("bot_token", &c.BotToken)
	t.string("channel", &c.Channel)
	t.string("api_url", &c.APIURL)
	t.strings("mention", &c.Mention)
	c.Outbound = readOutbound(t)
	switch bot := !empty(c.BotToken) && !empty(c.Channel); { // the bot is preferred, as it can do more
	case bot:
		c.WebhookURL = ""
	case !empty(c.WebhookURL):
		c.BotToken, c.Channel = "", ""
	}
	return c
}

func readEmail(t *table) email.Config {
	var c email.Config
	t.string("smtp_host", &c.Host)
	t.int("smtp_port", 65535, &c.Port)
	t.string("smtp_user", &c.User)
	t.string("smtp_password", &c.Password)
	c.TLS = t.oneOf("tls", "starttls", "tls", "none")
	c.Auth = t.oneOf("auth", "", "plain", "login", "cram-md5", "xoauth2")
	t.string("from", &c.From)
	t.strings("to", &c.To)
	c.To = slices.DeleteFunc(c.To, func(to string) bool { return strings.TrimSpace(to) == "" }) // a reference with an empty default
	t.string("hello", &c.Hello)
	t.string("ca_file", &c.CAFile)
	t.string("proxy", &c.Proxy)
	return c
}

func readPagerDuty(t *table) pagerduty.Config {
	var c pagerduty.Config
	t.string("routing_key", &c.RoutingKey)
	t.string("api_url", &c.APIURL)
	c.Outbound = readOutbound(t)
	return c
}

func readWebhook(t *table) webhook.Config {
	c := webhook.Config{Headers: readTexts(t, "headers")}
	t.string("url", &c.URL)
	t.string("secret", &c.Secret)
	t.string("api_url", &c.APIURL)
	c.Outbound = readOutbound(t)
	return c
}

func readLogfile(t *table) logfile.Config {
	var c logfile.Config
	t.string("path", &c.Path)
	t.size("max_size", 1, 1<<40, &c.MaxSize)
	t.duration("rotate_every", 0, 366*day, &c.RotateEvery)
	t.duration("max_age", 0, 10*366*day, &c.MaxAge)
	t.intFrom("max_backups", 0, 100_000, &c.MaxBackups)
	return c
}

func readConsole(*table) console.Config { return console.Config{} }

func readTelegram(t *table) telegram.Config {
	var c telegram.Config
	t.string("bot_token", &c.BotToken)
	if number, ok := t.values["chat_id"].(int64); ok {
		t.values["chat_id"] = strconv.FormatInt(number, 10)
	}
	t.string("chat_id", &c.ChatID)
	t.string("api_url", &c.APIURL)
	c.Outbound = readOutbound(t)
	return c
}

// readOutbound reads the settings of outbound connections.
func readOutbound(t *table) outbound.Config {
	var c outbound.Config
	t.string("proxy", &c.Proxy)
	t.string("ca_file", &c.CAFile)
	return c
}

// readChannel reads one channel's table.
func readChannel(t *table, name string) Channel {
	c := Channel{Policy: readPolicy(t, name), Raw: t.values}
	kindName, k, ok := t.readKind(name)
	if !ok {
		return c // the kind decides which other keys are known
	}
	c.Policy.Kind = kindName
	c.Settings, c.Open = k.read(t)
	c.Template = readChannelTemplate(t, kindName)
	if targeted, ok := c.Settings.(channel.Targeted); ok {
		c.Policy.Targets = targeted.Targets()
	}
	t.done()
	if c.Policy.Enabled {
		if t.require(kindName, k.required) {
			t.validate(c.Settings)
		}
	}
	return c
}

// readKind reads the kind of a channel, which defaults to the channel's name.
func (t *table) readKind(channel string) (string, kind, bool) {
	kinds := kinds()
	allowed := "one of " + strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
	value, given := t.take("kind")
	name, isText := value.(string)
	if !given {
		name = channel
	}
	k, ok := kinds[name]
	switch {
	case ok:
	case given && !isText:
		t.problem("kind", value, allowed)
	case given:
		t.problem("kind", name, allowed)
	default:
		t.r.problem(join(t.key, "kind"), "is missing, and the channel's name %q is not a kind, must be %s", channel, allowed)
	}
	return name, k, ok
}

// require reports the required keys that an enabled channel lacks. It returns whether the
// channel has all of them.
func (t *table) require(kindName string, required []string) bool {
	before := len(t.r.problems)
	if kindName == "slack" && t.empty("webhook_url") && (t.empty("bot_token") || t.empty("channel")) {
		t.r.problem(join(t.key, "webhook_url"), "is missing or empty, an enabled channel of kind slack needs webhook_url, or bot_token and channel")
	}
	for _, name := range required {
		if t.empty(name) {
			t.r.problem(join(t.key, name), "is missing or empty, an enabled channel of kind %s needs it", kindName)
		}
	}
	return len(t.r.problems) == before
}

// validate reports what the kind finds wrong, except for keys with a problem that is
// already reported. The key of a nested table has a dot, such as headers.X-Token.
func (t *table) validate(settings interface{ Validate() error }) {
	invalid, ok := errors.AsType[*alerting.Error](settings.Validate())
	if !ok {
		return
	}
	for _, field := range invalid.Fields {
		first, rest, nested := strings.Cut(field.Field, ".")
		key := join(t.key, first)
		if nested {
			key = join(key, rest)
		}
		if !t.r.reported(key) {
			t.r.problem(key, "%s", t.r.withoutEnvironment(key, t.values[first], field.Message))
		}
	}
}

// withoutEnvironment removes from a message about a key the part of its value that came
// from the environment, which may be a secret.
func (r *reader) withoutEnvironment(key string, value any, message string) string {
	switch value := value.(type) {
	case string:
		if r.origins[key].env && value != "" {
			message = strings.ReplaceAll(strings.ReplaceAll(message, strconv.Quote(value), notShown), value, notShown)
		}
	case []any:
		for i, inner := range value {
			message = r.withoutEnvironment(element(key, i), inner, message)
		}
	}
	return message
}

// reported reports whether there is a problem with a key, or with a part of its value.
func (r *reader) reported(key string) bool {
	if r.origins[key].broken {
		return true
	}
	return slices.ContainsFunc(r.problems, func(p Problem) bool {
		return p.Key == key || strings.HasPrefix(p.Key, key+"[") || strings.HasPrefix(p.Key, key+".")
	})
}

func (t *table) empty(name string) bool { return empty(t.values[name]) }

// empty reports whether a value is absent, blank text, or a list of blank texts. A
// reference with an empty default makes such texts.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(value) == ""
	case []any:
		return !slices.ContainsFunc(value, func(inner any) bool { return !empty(inner) })
	default:
		return false
	}
}

// oneOf reads one of the allowed texts. The first is the default.
func (t *table) oneOf(name string, allowed ...string) string {
	value := allowed[0]
	if t.string(name, &value); !slices.Contains(allowed, value) {
		t.problem(name, value, "one of "+strings.Join(slices.DeleteFunc(slices.Clone(allowed), func(s string) bool { return s == "" }), ", "))
	}
	return value
}

// readTexts reads a table whose values are texts.
func readTexts(t *table, name string) map[string]string {
	values := t.inner(name)
	texts := make(map[string]string, len(values.values))
	for _, header := range slices.Sorted(maps.Keys(values.values)) {
		text, ok := values.values[header].(string)
		if !ok {
			t.r.problem(join(values.key, header), "must be a string")
			continue
		}
		texts[header] = text
	}
	return texts
}
