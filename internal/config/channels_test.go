package config_test

import (
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/telegram"
	"alertd/internal/config"
	"alertd/internal/delivery"
)

// notEnabled is the warning about enabled channels while alerting is off.
const notEnabled = "alerting.channels: channels are enabled and alerting is not: nobody is told of anything"

// kinds has the documented keys of each kind of channel, with valid values.
var kinds = map[string]map[string]string{
	"slack": {
		"webhook_url": `"https://hooks.slack.example/x"`, "bot_token": `"xoxb-1234567890-abcdefghij"`, "channel": `"#risk"`, "api_url": `"http://127.0.0.1:1"`,
		"mention": `["here"]`, "proxy": `"http://127.0.0.1:3128"`, "ca_file": `""`,
	},
	"email": {
		"smtp_host": `"smtp.example.com"`, "smtp_port": `587`, "smtp_user": `"risk"`, "smtp_password": `"p"`, "tls": `"tls"`,
		"from": `"alertd@example.com"`, "to": `["risk@example.com", "desk@example.com"]`, "auth": `"plain"`, "hello": `"alertd.example.com"`,
		"proxy": `""`, "ca_file": `""`,
	},
	"pagerduty": {
		"routing_key": `"0123456789abcdef0123456789abcdef"`, "api_url": `"http://127.0.0.1:1"`, "proxy": `"socks5://127.0.0.1:1080"`, "ca_file": `""`,
	},
	"webhook": {
		"url": `"https://example.com/hook"`, "secret": `"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`, "headers": `{ Authorization = "Bearer x", X-Any = "" }`,
		"api_url": `"http://127.0.0.1:1"`, "proxy": `""`, "ca_file": `""`,
	},
	"logfile": {"path": `"alerts.log"`, "max_size": `"64MiB"`, "rotate_every": `"1d"`, "max_age": `"30d"`, "max_backups": `7`},
	"console": {},
	"telegram": {
		"bot_token": `"123456789:AAEabcdefghijklmnopqrstuvwxyz012345"`, "chat_id": `"-100"`, "api_url": `"http://127.0.0.1:1"`, "proxy": `""`, "ca_file": `""`,
	},
}

// common are the keys that every kind of channel takes.
var common = map[string]string{
	"min_severity": `"error"`, "categories": `["risk_limit", "OTHER"]`, "sources": `["var_gate"]`, "timeout": `"5s"`,
	"concurrency": `4`, "rate_limit": `"10/1m"`, "rate_limit_critical": `true`, "fallback": `"other"`, "resolved": `true`,
	"retry": `{ initial = "1s", max = "5m", give_up_after = "1d", jitter = false }`,
}

// required are the keys that an enabled channel without any keys lacks.
var required = map[string]map[string]string{
	"slack":     {"webhook_url": "is missing or empty, an enabled channel of kind slack needs webhook_url, or bot_token and channel"},
	"email":     {"smtp_host": "", "from": "", "to": ""},
	"pagerduty": {"routing_key": ""},
	"webhook":   {"url": ""},
	"logfile":   {"path": ""},
	"console":   {},
	"telegram":  {"bot_token": "", "chat_id": ""},
}

// lacks returns the problems of an enabled channel without these keys.
func lacks(kind string, keys ...string) []string {
	slices.Sort(keys)
	var lines []string
	for _, key := range keys {
		message := required[kind][key]
		if message == "" {
			message = "is missing or empty, an enabled channel of kind " + kind + " needs it"
		}
		lines = append(lines, "alerting.channels."+kind+"."+key+": "+message)
	}
	return lines
}

// channel returns a file with one channel.
func channel(name string, keys ...map[string]string) string {
	content := "[alerting.channels." + name + "]\n"
	for _, table := range keys {
		for _, key := range slices.Sorted(maps.Keys(table)) {
			content += key + " = " + table[key] + "\n"
		}
	}
	return content
}

func TestEveryKeyIsAllowed(t *testing.T) {
	for kind, keys := range kinds {
		t.Run(kind, func(t *testing.T) {
			c := requireGood(t, channel(kind, map[string]string{"enabled": "true"}, common, keys)+
				channel("other", map[string]string{"kind": `"console"`, "enabled": "true"}), nil)
			require.True(t, c.ChannelEnabled(kind))
			require.Equal(t, []string{notEnabled}, c.Warnings)
			settings := raw(c, kind)
			require.Len(t, settings, 1+len(common)+len(keys), "every key is handed on")
			require.Equal(t, "other", settings["fallback"])
		})
	}
}

func TestKindRefusesKeysOfOthers(t *testing.T) {
	for kind, own := range kinds {
		for _, others := range kinds {
			for key, value := range others {
				if _, isOwn := own[key]; isOwn {
					continue
				}
				_, err := parse(channel(kind, map[string]string{key: value}), nil)
				require.ErrorContains(t, err, "alerting.channels."+kind+"."+key+": is not a known key", "%s", kind)
			}
		}
	}
}

func TestKindDefaultsToName(t *testing.T) {
	for kind := range kinds {
		requireGood(t, channel(kind), nil)
		c := requireGood(t, channel(kind+"-risk", map[string]string{"kind": `"` + kind + `"`}, kinds[kind]), nil)
		require.Contains(t, names(c), kind+"-risk")
	}
	c := requireGood(t, channel("slack", map[string]string{"kind": `"email"`, "from": `"a@example.com"`}), nil)
	require.Equal(t, "a@example.com", raw(c, "slack")["from"], "the kind counts, not the name")

	const allowed = "must be one of console, email, logfile, pagerduty, slack, telegram, webhook"
	for value, want := range map[string]string{
		`"pager"`: `"pager" is not allowed, ` + allowed,
		`"Slack"`: `"Slack" is not allowed, ` + allowed,
		`""`:      `"" is not allowed, ` + allowed,
		`5`:       `5 is not allowed, ` + allowed,
	} {
		for _, name := range []string{"slack", "slack-risk"} {
			requireProblems(t, channel(name, map[string]string{"kind": value}), nil, "alerting.channels."+name+".kind: "+want)
		}
	}
	requireProblems(t, channel("slack-risk", map[string]string{"enabled": "true", "webhook_url": `"x"`}), nil,
		`alerting.channels.slack-risk.kind: is missing, and the channel's name "slack-risk" is not a kind, `+allowed)
}

func TestUnknownKindChecksCommonKeys(t *testing.T) {
	requireProblems(t, channel("x", map[string]string{"timeout": `"soon"`, "retry": `{ first = "1s" }`, "anything": "1"}), nil,
		`alerting.channels.x.kind: is missing, and the channel's name "x" is not a kind, must be one of console, email, logfile, pagerduty, slack, telegram, webhook`,
		`alerting.channels.x.retry.first: is not a known key, must be one of give_up_after, initial, jitter, max`,
		`alerting.channels.x.timeout: "soon" is not allowed, must be a duration from 1ms to 10m such as 500ms, 30s, 15m, 8h or 90d`,
	)
}

func TestChannelIsOffByDefault(t *testing.T) {
	for kind := range kinds {
		for _, keys := range []map[string]string{{}, {"enabled": "false"}} {
			c := requireGood(t, channel(kind, keys), nil)
			require.Contains(t, names(c), kind)
			require.False(t, c.ChannelEnabled(kind))
			require.Empty(t, c.Warnings)
		}
	}
	c := requireGood(t, channel("console", map[string]string{"enabled": `"${ON}"`}), env{"ON": "true"})
	require.True(t, c.ChannelEnabled("console"))
	require.Equal(t, []string{notEnabled}, c.Warnings)
}

func TestEnabledChannelNeedsRequiredKeys(t *testing.T) {
	on := map[string]string{"enabled": "true"}
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			keys := slices.Collect(maps.Keys(required[kind]))
			if len(keys) == 0 {
				requireGood(t, channel(kind, on), nil)
				return
			}
			requireProblems(t, channel(kind, on), nil, lacks(kind, keys...)...)
			for _, empty := range []string{`""`, `"  "`, `"${UNSET:-}"`, `"${EMPTY}"`} {
				values := map[string]string{}
				for _, key := range keys {
					values[key] = empty
					if key == "to" {
						values[key] = "[" + empty + "]"
					}
				}
				requireProblems(t, channel(kind, on, values), env{"EMPTY": ""}, lacks(kind, keys...)...)
				requireGood(t, channel(kind, values), env{"EMPTY": ""})
			}
			for _, key := range keys {
				if kind == "slack" {
					continue // has two ways, see below
				}
				values := maps.Clone(kinds[kind])
				delete(values, key)
				requireProblems(t, channel(kind, on, values), nil, lacks(kind, key)...)
			}
		})
	}
}

func TestEmailNeedsRecipients(t *testing.T) {
	for to, good := range map[string]bool{`[]`: false, `[""]`: false, `["", " "]`: false, `["", "risk@example.com"]`: true} {
		keys := maps.Clone(kinds["email"])
		keys["enabled"], keys["to"] = "true", to
		if good {
			requireGood(t, channel("email", keys), nil)
			continue
		}
		requireProblems(t, channel("email", keys), nil, lacks("email", "to")...)
	}
}

func TestSlackTakesWebhookOrBot(t *testing.T) {
	for name, row := range map[string]struct {
		keys map[string]string
		good bool
	}{
		"a webhook":                           {map[string]string{"webhook_url": `"https://x"`}, true},
		"a bot and its channel":               {map[string]string{"bot_token": `"xoxb-1234567890-abcdefghij"`, "channel": `"#risk"`}, true},
		"both":                                {kinds["slack"], true},
		"a webhook and a bot without channel": {map[string]string{"webhook_url": `"https://x"`, "bot_token": `"xoxb-1234567890-abcdefghij"`}, true},
		"a bot without channel":               {map[string]string{"bot_token": `"x"`}, false},
		"a channel without bot":               {map[string]string{"channel": `"#risk"`}, false},
		"an empty webhook":                    {map[string]string{"webhook_url": `""`}, false},
	} {
		t.Run(name, func(t *testing.T) {
			content := channel("slack", map[string]string{"enabled": "true"}, row.keys)
			if row.good {
				requireGood(t, content, nil)
				return
			}
			requireProblems(t, content, nil, lacks("slack", "webhook_url")...)
		})
	}
}

func TestInvalidChannelValueIsReported(t *testing.T) {
	const (
		notText     = " is not allowed, must be a string"
		notList     = " is not allowed, must be a list of strings"
		notDuration = " is not allowed, must be a duration from 1ms to 366d such as 500ms, 30s, 15m, 8h or 90d"
		notTimeout  = " is not allowed, must be a duration from 1ms to 10m such as 500ms, 30s, 15m, 8h or 90d"
		notCount    = " is not allowed, must be a whole number from 1 to 1000"
		notRate     = " is not allowed, must be a number and a time, such as 60/min, 1/s, 1000/h or 10/30s"
		notBoolean  = " is not allowed, must be true or false"
		hidden      = "the value (not shown)"
		categories  = " is not one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other"
	)
	type row struct{ key, value, problem string }
	everyKind := []row{
		{"enabled", `"true"`, `enabled: "true"` + notBoolean},
		{"min_severity", `"loud"`, `min_severity: "loud" is not one of debug, info, warning, error, critical`},
		{"min_severity", `1`, `min_severity: 1` + notText},
		{"categories", `"risk_limit"`, `categories: "risk_limit"` + notList},
		{"categories", `["risk_limit", "loud"]`, `categories[1]: "loud"` + categories},
		{"categories", `["loud", 5]`, `categories: ["loud", 5]` + notList},
		{"sources", `"var_gate"`, `sources: "var_gate"` + notList},
		{"sources", `[1, ["x"], {}]`, `sources: [1, ["x"], a table]` + notList},
		{"timeout", `"0"`, `timeout: "0"` + notTimeout},
		{"timeout", `"11m"`, `timeout: "11m"` + notTimeout},
		{"concurrency", `0`, `concurrency: 0` + notCount},
		{"concurrency", `1001`, `concurrency: 1001` + notCount},
		{"rate_limit", `10`, `rate_limit: 10` + notText},
		{"rate_limit", `"10"`, `rate_limit: "10"` + notRate},
		{"rate_limit", `"0/s"`, `rate_limit: "0/s"` + notRate},
		{"rate_limit", `"1/year"`, `rate_limit: "1/year"` + notRate},
		{"rate_limit", `"1/-1s"`, `rate_limit: "1/-1s"` + notRate},
		{"fallback", `["other"]`, `fallback: ["other"]` + notText},
		{"resolved", `"yes"`, `resolved: "yes"` + notBoolean},
		{"retry", `"1s"`, `retry: is a string, must be a table`},
		{"retry", `[]`, `retry: is a list, must be a table`},
		{"retry", `{ initial = 5 }`, `retry.initial: 5` + notDuration},
		{"retry", `{ max = "soon" }`, `retry.max: "soon"` + notDuration},
		{"retry", `{ give_up_after = "-1s" }`, `retry.give_up_after: "-1s"` + notDuration},
		{"retry", `{ initial = "1m", max = "30s" }`, `retry.max: 30s is not allowed, must be at least initial, which is 1m`},
		{"retry", `{ jitter = 0.5 }`, `retry.jitter: 0.5` + notBoolean},
	}
	for kind, rows := range map[string][]row{
		"slack": {
			{"webhook_url", `1`, `webhook_url: ` + hidden + notText},
			{"bot_token", `["x"]`, `bot_token: ` + hidden + notText},
			{"channel", `1`, `channel: 1` + notText},
			{"mention", `"here"`, `mention: "here"` + notList},
			{"api_url", `1`, `api_url: ` + hidden + notText},
			{"proxy", `1`, `proxy: ` + hidden + notText},
			{"ca_file", `1`, `ca_file: 1` + notText},
		},
		"email": {
			{"smtp_host", `1`, `smtp_host: 1` + notText},
			{"smtp_port", `0`, `smtp_port: 0 is not allowed, must be a whole number from 1 to 65535`},
			{"smtp_port", `65536`, `smtp_port: 65536 is not allowed, must be a whole number from 1 to 65535`},
			{"smtp_port", `"587"`, `smtp_port: "587" is not allowed, must be a whole number from 1 to 65535`},
			{"smtp_user", `1`, `smtp_user: 1` + notText},
			{"smtp_password", `1`, `smtp_password: ` + hidden + notText},
			{"tls", `"ssl"`, `tls: "ssl" is not allowed, must be one of starttls, tls, none`},
			{"tls", `true`, `tls: true` + notText},
			{"auth", `"ntlm"`, `auth: "ntlm" is not allowed, must be one of plain, login, cram-md5, xoauth2`},
			{"hello", `1`, `hello: 1` + notText},
			{"proxy", `1`, `proxy: ` + hidden + notText},
			{"ca_file", `1`, `ca_file: 1` + notText},
			{"from", `["a@example.com"]`, `from: ["a@example.com"]` + notText},
			{"to", `"risk@example.com"`, `to: "risk@example.com"` + notList},
		},
		"pagerduty": {
			{"routing_key", `1`, `routing_key: ` + hidden + notText},
			{"api_url", `1`, `api_url: ` + hidden + notText},
			{"proxy", `1`, `proxy: ` + hidden + notText},
			{"ca_file", `1`, `ca_file: 1` + notText},
		},
		"webhook": {
			{"url", `1`, `url: ` + hidden + notText},
			{"secret", `{ s = "x" }`, `secret: ` + hidden + notText},
			{"headers", `"A: b"`, `headers: is a string, must be a table`},
			{"headers", `{ A = "b", C = 1 }`, `headers.C: must be a string`},
			{"api_url", `1`, `api_url: ` + hidden + notText},
			{"proxy", `1`, `proxy: ` + hidden + notText},
			{"ca_file", `1`, `ca_file: 1` + notText},
		},
		"logfile": {
			{"path", `1`, `path: 1` + notText},
			{"max_size", `"0"`, `max_size: "0" is not allowed, must be a size from 1B to 1024GiB such as 64KiB or 8MiB`},
			{"max_size", `"1025GiB"`, `max_size: "1025GiB" is not allowed, must be a size from 1B to 1024GiB such as 64KiB or 8MiB`},
			{"max_size", `1`, `max_size: 1 is not allowed, must be a size from 1B to 1024GiB such as 64KiB or 8MiB`},
			{"max_age", `"1 month"`, `max_age: "1 month" is not allowed, must be a duration from 0 to 3660d such as 500ms, 30s, 15m, 8h or 90d`},
			{"rotate_every", `"-1s"`, `rotate_every: "-1s" is not allowed, must be a duration from 0 to 366d such as 500ms, 30s, 15m, 8h or 90d`},
			{"max_backups", `-1`, `max_backups: -1 is not allowed, must be a whole number from 0 to 100000`},
		},
		"console": {},
		"telegram": {
			{"bot_token", `1`, `bot_token: ` + hidden + notText},
			{"chat_id", `1.5`, `chat_id: 1.5` + notText},
			{"api_url", `1`, `api_url: ` + hidden + notText},
			{"proxy", `1`, `proxy: ` + hidden + notText},
			{"ca_file", `1`, `ca_file: 1` + notText},
		},
	} {
		t.Run(kind, func(t *testing.T) {
			missing := maps.Clone(kinds[kind])
			for _, row := range slices.Concat(everyKind, rows) {
				requireProblems(t, channel(kind, map[string]string{row.key: row.value}), nil, "alerting.channels."+kind+"."+row.problem)
				delete(missing, row.key)
			}
			require.Empty(t, missing, "keys without a bad value")
		})
	}
}

func TestTLSChoices(t *testing.T) {
	for _, mode := range []string{"starttls", "tls", "none"} {
		requireGood(t, channel("email", map[string]string{"tls": `"` + mode + `"`}), nil)
	}
}

func TestChannelMustBeATable(t *testing.T) {
	requireProblems(t, "[alerting.channels]\nslack = 'https://hooks.slack.example/x'\nemail = true\n[[alerting.channels.webhook]]\nurl = 'https://x'", nil,
		"alerting.channels.email: is a boolean, must be a table",
		"alerting.channels.slack: is a string, must be a table",
		"alerting.channels.webhook: is a list, must be a table",
	)
}

func TestHalfEnabledMakesWarning(t *testing.T) {
	on := map[string]string{"enabled": "true"}
	for content, want := range map[string][]string{
		channel("zeta", map[string]string{"kind": `"console"`}, on) + channel("console", on): {notEnabled},
		"[alerting]\nenabled = true\n" + channel("console"):                                  {"alerting is enabled and no channel is: incidents are opened, and nobody is told of them"},
		"[alerting]\nenabled = true\n" + channel("console", on):                              nil,
		channel("console"): nil,
	} {
		require.Equal(t, want, requireGood(t, content, nil).Warnings, content)
	}
}

func TestFallbackMustBeEnabled(t *testing.T) {
	console := func(name, enabled, fallback string) string {
		return channel(name, map[string]string{"kind": `"console"`, "enabled": enabled, "fallback": `"` + fallback + `"`})
	}
	requireGood(t, console("a", "true", "b")+console("b", "true", "c")+console("c", "true", ""), nil)
	requireGood(t, console("a", "false", "nobody"), nil)
	requireProblems(t, console("main", "true", "mian2"), nil,
		`alerting.channels.main.fallback: "mian2" is not a channel, did you mean main?`)
	requireProblems(t, console("a", "true", "b")+console("b", "false", ""), nil,
		`alerting.channels.a.fallback: channel b is off, must be one with enabled = true`)
	requireProblems(t, console("a", "true", "a"), nil,
		`alerting.channels.a.fallback: a -> a: a chain of fallbacks must have an end`)
	requireProblems(t, console("a", "true", "b")+console("b", "true", "c")+console("c", "true", "b"), nil,
		`alerting.channels.b.fallback: b -> c -> b: a chain of fallbacks must have an end`,
		`alerting.channels.c.fallback: c -> b -> c: a chain of fallbacks must have an end`)
}

func TestChannelPolicy(t *testing.T) {
	c := requireGood(t, channel("webhook", map[string]string{"enabled": "true"}, common, kinds["webhook"])+
		channel("other", map[string]string{"kind": `"console"`, "enabled": "true"}), nil)
	require.Equal(t, delivery.Policy{
		Name: "webhook", Kind: "webhook", Enabled: true, MinSeverity: alerting.SeverityError, Resolved: true,
		Categories: []alerting.Category{alerting.CategoryRiskLimit, alerting.CategoryOther}, Sources: []string{"var_gate"},
		Timeout: 5 * time.Second, Concurrency: 4, RateLimit: delivery.Rate{Count: 10, Per: time.Minute}, RateLimitCritical: true, Fallback: "other",
		Retry: delivery.Retry{Initial: time.Second, Max: 5 * time.Minute, GiveUpAfter: 24 * time.Hour},
	}, c.Channels[1].Policy)
	require.Equal(t, "other", c.Channels[0].Policy.Name, "by name")
	plain := delivery.DefaultPolicy()
	plain.Name, plain.Kind, plain.Enabled = "other", "console", true
	require.Equal(t, plain, c.Channels[0].Policy)
}

func TestEmailRecipientsAreSplit(t *testing.T) {
	mail := maps.Clone(kinds["email"])
	mail["to"] = `["Ada <ada@example.com>", "grace@example.com", "ada@example.com"]`
	c := requireGood(t, channel("email", mail)+channel("logfile", kinds["logfile"]), nil)
	require.Equal(t, []string{"ada@example.com", "grace@example.com"}, c.Channels[0].Policy.Targets)
	require.Empty(t, c.Channels[1].Policy.Targets, "a file is told as a whole")
}

func TestChannelsAreFoundByName(t *testing.T) {
	c := requireGood(t, channel("slack", map[string]string{"enabled": "true", "webhook_url": `"https://hooks.example.com/x"`})+
		channel("risk", map[string]string{"kind": `"console"`}), nil)
	found, ok := c.Channel("slack")
	require.True(t, ok)
	require.Equal(t, "slack", found.Policy.Kind)
	require.Equal(t, "https://hooks.example.com/x", found.Raw["webhook_url"])
	require.True(t, c.ChannelEnabled("slack"))
	_, ok = c.Channel("risk")
	require.True(t, ok)
	require.False(t, c.ChannelEnabled("risk"))
	_, ok = c.Channel("none")
	require.False(t, ok)
	require.False(t, c.ChannelEnabled("none"))
}

func TestChannelsOpenBySettings(t *testing.T) {
	c := requireGood(t, channel("console", map[string]string{"enabled": "true"})+
		channel("webhook"), nil)
	console, _ := c.Channel("console")
	opened, err := console.Open(config.NewShared(io.Discard))
	require.NoError(t, err)
	require.NoError(t, opened.Close())
	webhook, _ := c.Channel("webhook") // off, so that its settings may be incomplete
	opened, err = webhook.Open(config.NewShared(io.Discard))
	require.ErrorContains(t, err, "url")
	require.Nil(t, opened)
}

func TestChatIDMayBeANumber(t *testing.T) {
	for written, want := range map[string]string{"-1001234567890": "-1001234567890", "42": "42", `"@alerts"`: "@alerts"} {
		chat := maps.Clone(kinds["telegram"])
		chat["enabled"], chat["chat_id"] = "true", written
		c := requireGood(t, channel("telegram", chat)+"[alerting]\nenabled = true\n", nil)
		require.Equal(t, want, c.Channels[0].Settings.(telegram.Config).ChatID) //nolint:forcetypeassert // it is of that kind
	}
}
