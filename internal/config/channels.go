package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"alertd/internal/alerting"
)

// kind says which keys a kind of channel takes.
type kind struct {
	keys     map[string]func(*table, string)
	required []string
}

// channelKinds returns the kinds of channel by name.
func channelKinds() map[string]kind {
	return map[string]kind{
		"slack": {keys: map[string]func(*table, string){
			"webhook_url": text, "bot_token": text, "channel": text, "api_url": text,
		}},
		"email": {required: []string{"smtp_host", "from", "to"}, keys: map[string]func(*table, string){
			"smtp_host": text, "smtp_port": port, "smtp_user": text, "smtp_password": text, "from": text, "to": list,
			"tls": func(t *table, name string) { t.oneOf(name, "starttls", "tls", "none") },
		}},
		"pagerduty": {required: []string{"routing_key"}, keys: map[string]func(*table, string){"routing_key": text, "api_url": text}},
		"webhook":   {required: []string{"url"}, keys: map[string]func(*table, string){"url": text, "secret": text, "headers": textTable, "api_url": text}},
		"logfile": {required: []string{"path"}, keys: map[string]func(*table, string){
			"path": text, "max_size": size, "max_age": duration, "max_backups": count,
		}},
		"console":  {},
		"telegram": {required: []string{"bot_token", "chat_id"}, keys: map[string]func(*table, string){"bot_token": text, "chat_id": text, "api_url": text}},
	}
}

// readChannel checks one channel's table and reports whether it is enabled.
func readChannel(t *table, name string) bool {
	var enabled, resolved bool
	t.bool("enabled", &enabled)
	var severity alerting.Severity
	t.severity("min_severity", &severity)
	categories(t, "categories")
	list(t, "sources")
	duration(t, "timeout")
	count(t, "concurrency")
	text(t, "rate_limit")
	text(t, "fallback")
	t.bool("resolved", &resolved)
	retry := t.table("retry")
	for _, name := range []string{"initial", "max", "give_up_after"} {
		duration(retry, name)
	}
	var jitter bool
	retry.bool("jitter", &jitter)
	retry.done()
	kindName, k, ok := t.kind(name)
	if !ok {
		return false // which other keys are known depends on the kind
	}
	for _, name := range slices.Sorted(maps.Keys(k.keys)) {
		k.keys[name](t, name)
	}
	t.done()
	if enabled {
		t.require(kindName, k.required)
	}
	return enabled
}

// kind reads which kind of channel this is: unless it says so, its name does.
func (t *table) kind(channel string) (string, kind, bool) {
	kinds := channelKinds()
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

// require reports the keys that an enabled channel lacks.
func (t *table) require(kindName string, required []string) {
	if kindName == "slack" && t.empty("webhook_url") && (t.empty("bot_token") || t.empty("channel")) {
		t.r.problem(join(t.key, "webhook_url"), "is missing or empty, an enabled channel of kind slack needs webhook_url, or bot_token and channel")
	}
	for _, name := range required {
		if t.empty(name) {
			t.r.problem(join(t.key, name), "is missing or empty, an enabled channel of kind %s needs it", kindName)
		}
	}
}

func (t *table) empty(name string) bool { return empty(t.values[name]) }

// empty reports whether a value says nothing: blank text, or a list of only that,
// which a reference with an empty default makes.
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

func (t *table) oneOf(name string, allowed ...string) {
	value := allowed[0]
	if t.string(name, &value); !slices.Contains(allowed, value) {
		t.problem(name, value, "one of "+strings.Join(allowed, ", "))
	}
}

func text(t *table, name string) {
	var value string
	t.string(name, &value)
}

func list(t *table, name string) {
	var values []string
	t.strings(name, &values)
}

func categories(t *table, name string) {
	var names []string
	t.strings(name, &names)
	var known []string
	for _, category := range alerting.Categories() {
		known = append(known, category.String())
	}
	for i, category := range names {
		if _, err := alerting.ParseCategory(category); err != nil {
			key := element(join(t.key, name), i)
			t.r.problem(key, "%s is not one of %s", t.show(key, category), strings.Join(known, ", "))
		}
	}
}

func port(t *table, name string) {
	var n int
	t.int(name, 65535, &n)
}

func count(t *table, name string) {
	var n int
	t.int(name, 1000, &n)
}

func size(t *table, name string) {
	var n int64
	t.size(name, 1, 1<<40, &n)
}

func duration(t *table, name string) {
	var d time.Duration
	t.duration(name, time.Millisecond, 366*day, &d)
}

func textTable(t *table, name string) {
	values := t.table(name)
	for _, header := range slices.Sorted(maps.Keys(values.values)) {
		if _, ok := values.values[header].(string); !ok {
			t.r.problem(join(values.key, header), "must be a string")
		}
	}
}
