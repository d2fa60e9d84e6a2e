package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/config"
)

// marker is a secret that is easy to find.
const marker = "Hunter2Marker"

// secretEnvironment is an environment in which everything is set to a secret.
func secretEnvironment(string) (string, bool) { return marker, true }

func marshal(tb require.TestingT, value any) string {
	text, err := json.Marshal(value)
	require.NoError(tb, err)
	return string(text)
}

func requireNoMarker(tb require.TestingT, text string) {
	require.NotContains(tb, strings.ToLower(text), strings.ToLower(marker))
}

// requireShown returns the redacted configuration as JSON makes it.
func requireShown(tb require.TestingT, c config.Config) map[string]any {
	var shown map[string]any
	require.NoError(tb, json.Unmarshal([]byte(marshal(tb, c.Redacted())), &shown))
	require.Contains(tb, shown, "server")
	return shown
}

// openKey reports whether a problem with this key may show the value of a variable, as the
// key is not for secrets.
func openKey(key string) bool {
	for _, open := range []string{"server.", "alerting.enabled", "alerting.min_severity", "alerting.buffer_size"} {
		if strings.HasPrefix(key, open) {
			return true
		}
	}
	return false
}

func TestRedactedHoldsNoSecret(t *testing.T) {
	c := requireGood(t, `
[server]
listen = "${HOST}:80"
allow_anonymous = true
idle_timeout = "90s"
max_body = "2048KiB"
[alerting]
min_severity = "ERROR"
identify_by = ["book", "${HOST}"]
heartbeats = [{ name = "${HOST}", every = "1m" }, { name = "feed", every = "60m", grace = "0", severity = "ERROR", category = "data_quality" }]
watchdog = { url = "https://hc.example.com/written", every = "2m", proxy = "http://user:written@proxy.example.com" }
[alerting.channels.slack]
webhook_url = "https://hooks.slack.example/written"
channel = "#risk"
[alerting.channels.email]
smtp_host = "${SMTP_HOST:-smtp.example.com}"
smtp_port = "${SMTP_PORT}"
smtp_password = ""
to = ["${TO}", "fixed@example.com"]
[alerting.channels.webhook]
url = "https://example.com/hook"
headers = { X-Any = "any" }
retry = { initial = "1s" }
[alerting.channels.secret-desk]
kind = "console"
[alerting.custom]
api_key = "written"
desk = "rates"
from_env = "${TO}"
tokens = ["written", { x = 5 }]
nothing = [nan, inf, -inf, 0.5]
`, env{"HOST": "10.0.0.1", "SMTP_PORT": "25", "TO": "someone@example.com"})
	require.JSONEq(t, `{
		"server": {
			"listen": "10.0.0.1:80", "public_url": "", "access_log": "errors", "slow_request": "1s", "read_header_timeout": "5s", "read_timeout": "30s", "write_timeout": "30s", "idle_timeout": "90s",
			"shutdown_timeout": "30s", "max_body": "2MiB", "max_streams": 256, "stream_heartbeat": "15s",
			"max_searches": 4, "search_timeout": "10s", "allow_anonymous": true, "tokens": [], "allowed_origins": [], "trusted_proxies": [],
			"admin_listen": "", "socket_mode": "0660", "max_streams_per_client": 32, "max_connections": 16384, "max_connections_per_address": 1024,
			"rate": "50000/s", "address_rate": "100/s", "login_failure_rate": "10/min",
			"tls": {"cert_file": "", "key_file": "", "client_ca_file": ""},
			"session": {"idle_timeout": "8h", "absolute_timeout": "7d"},
			"oidc": {
				"issuer": "", "client_id": "", "client_secret": "", "scopes": ["openid", "profile", "email"], "claim": "groups", "name_claim": "email",
				"roles": {}, "ca_file": ""
			}
		},
		"storage": {
			"driver": "sqlite", "path": "data/alertd.db", "dsn": "", "retention": "90d", "retention_events": 0, "audit_retention": "0",
			"max_connections": 10, "queue_size": "64MiB", "timeout": "10s"
		},
		"alerting": {
			"enabled": false, "min_severity": "error", "repeat_interval": "1h", "buffer_size": 1000, "buffer_bytes": "64MiB", "identify_by": ["book", "<secret>"],
			"heartbeats": [
				{"name": "<secret>", "every": "1m", "grace": "30s", "severity": "critical", "category": "system_health"},
				{"name": "feed", "every": "1h", "grace": "0", "severity": "error", "category": "data_quality"}
			],
			"watchdog": {"url": "<secret>", "every": "2m", "proxy": "<secret>", "ca_file": ""}, "default_channels": [],
			"routes": [], "promotions": [], "inhibitions": [], "calendars": [], "windows": [],
			"storm": {"threshold": "", "pass": "critical", "digest_every": "5m"}, "flapping": {"count": 0, "within": "10m"},
			"channels": {
				"slack": {"webhook_url": "<secret>", "channel": "#risk"},
				"email": {"smtp_host": "<secret>", "smtp_port": "<secret>", "smtp_password": "", "to": ["<secret>", "fixed@example.com"]},
				"webhook": {"url": "<secret>", "headers": {"X-Any": "<secret>"}, "retry": {"initial": "1s"}},
				"secret-desk": {"kind": "console"}
			},
			"custom": {"api_key": "<secret>", "desk": "rates", "from_env": "<secret>", "tokens": ["<secret>", {"x": "<secret>"}], "nothing": ["nan", "+inf", "-inf", 0.5]}
		}
	}`, marshal(t, c.Redacted()))
	require.Equal(t, "https://hooks.slack.example/written", raw(c, "slack")["webhook_url"], "a sender gets it")
}

func TestRedactedStorageHoldsNoSecret(t *testing.T) {
	c := requireGood(t, "[storage]\ndriver = 'postgres'\npath = '${DIR}/x'\ndsn = 'postgres://u:p@db/alertd'\nretention = '7d'", env{"DIR": "/home/trader"})
	for key, want := range map[string]string{"driver": "postgres", "path": "<secret>", "dsn": "<secret>", "retention": "7d"} {
		require.Equal(t, want, redactedText(c, "storage", key), key)
	}
}

func TestRedactedShowsDefaults(t *testing.T) {
	require.JSONEq(t, `{"enabled": false, "min_severity": "warning", "buffer_size": 1000, "buffer_bytes": "64MiB", "repeat_interval": "1h", "channels": {},
		"heartbeats": [], "watchdog": {"url": "", "every": "1m", "proxy": "", "ca_file": ""}, "default_channels": [],
		"routes": [], "promotions": [], "inhibitions": [], "calendars": [], "windows": [],
		"storm": {"threshold": "", "pass": "critical", "digest_every": "5m"}, "flapping": {"count": 0, "within": "10m"},
		"identify_by": ["position", "symbol", "instrument", "isin", "ticker", "account", "portfolio", "strategy", "venue", "exchange", "desk", "host", "instance"]}`,
		marshal(t, redactedValue(requireGood(t, "", nil), "alerting")))
}

func TestProblemsHideEnvironment(t *testing.T) {
	const hidden = "the value (not shown)"
	const notText = hidden + " is not allowed, must be a string"
	content := `
[storage]
driver = "${S}"
retention = "${S}"
[alerting.channels.a]
kind = "${S}"
[alerting.channels.email]
tls = "x${S}"
smtp_port = "${S}"
enabled = "${S}"
min_severity = "${S}"
timeout = "${S}"
concurrency = "${S}"
resolved = "${S}"
categories = ["other", "${S}"]
to = ["risk@example.com", "${S}", 5]
from = ["${S}", { x = "${S}" }]
smtp_host = { x = "${S}" }
retry = { initial = "${S}", jitter = "${S}" }
[alerting.channels.webhook]
headers = { A = ["${S}"] }
url = ["https://example.com/${S}"]
`
	c, err := config.Parse([]byte(content), config.Options{LookupEnv: secretEnvironment})
	require.Zero(t, c)
	const notDuration = " is not allowed, must be a duration from 1ms to 366d such as 500ms, 30s, 15m, 8h or 90d"
	requireProblemsIn(t, err,
		"alerting.channels.a.kind: "+hidden+" is not allowed, must be one of console, email, logfile, pagerduty, slack, telegram, webhook",
		"alerting.channels.email.categories[1]: "+hidden+" is not one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other",
		"alerting.channels.email.concurrency: "+hidden+" is not allowed, must be a whole number from 1 to 1000",
		"alerting.channels.email.enabled: "+hidden+" is not allowed, must be true or false",
		`alerting.channels.email.from: [`+hidden+`, a table] is not allowed, must be a string`,
		"alerting.channels.email.min_severity: "+hidden+" is not one of debug, info, warning, error, critical",
		"alerting.channels.email.resolved: "+hidden+" is not allowed, must be true or false",
		"alerting.channels.email.retry.initial: "+hidden+notDuration,
		"alerting.channels.email.retry.jitter: "+hidden+" is not allowed, must be true or false",
		"alerting.channels.email.smtp_host: a table is not allowed, must be a string",
		"alerting.channels.email.smtp_port: "+hidden+" is not allowed, must be a whole number from 1 to 65535",
		"alerting.channels.email.timeout: "+hidden+" is not allowed, must be a duration from 1ms to 10m such as 500ms, 30s, 15m, 8h or 90d",
		"alerting.channels.email.tls: "+hidden+" is not allowed, must be one of starttls, tls, none",
		`alerting.channels.email.to: ["risk@example.com", `+hidden+`, 5] is not allowed, must be a list of strings`,
		"alerting.channels.webhook.headers.A: must be a string",
		"alerting.channels.webhook.url: "+notText,
		"storage.driver: "+hidden+" is not allowed, must be sqlite or postgres",
		"storage.retention: "+hidden+" is not allowed, must be a duration from 0 to 65535d such as 500ms, 30s, 15m, 8h or 90d",
	)
}

// secretFile draws files with the secret in every possible place: a reference to it anywhere,
// the secret itself only under keys for secrets. A good file has values of the right type;
// other files nearly always fail.
type secretFile struct {
	t       *rapid.T
	good    bool
	content strings.Builder
}

// text has keys with text values, and whether they are for secrets.
var text = map[string]bool{
	"webhook_url": true, "bot_token": true, "smtp_password": true, "routing_key": true, "url": true, "secret": true, "api_url": true, "dsn": true,
	"channel": false, "smtp_host": false, "smtp_user": false, "from": false, "chat_id": false, "path": false, "fallback": false, "proxy": true, "ca_file": false, "hello": false,
}

func (f *secretFile) draw(key string, choices ...string) string {
	return rapid.SampledFrom(choices).Draw(f.t, key)
}

// value draws the value of a key.
func (f *secretFile) value(key, harmless string) string {
	texts := []string{`"${S}"`, `"${S:-x}"`, `"a${S}b"`, `"${UNSET:-` + marker + `}"`, `"${S}${S}"`}
	secret, isText := text[key]
	if secret || key == "headers" {
		texts = append(texts, `"`+marker+`"`)
	}
	one := f.draw(key, texts...)
	list, table := `["x", `+one+`]`, `{ x = `+one+` }`
	switch {
	case !f.good:
		nested := `{ x = [{ y = ` + one + ` }] }`
		retry := `{ initial = ` + one + `, jitter = ` + list + ` }`
		return f.draw(key, one, list, table, retry, `[1, [`+one+`]]`, nested, harmless, `5`, `true`, `[]`, `{}`, `""`, `nan`)
	case isText:
		return one
	case key == "to", key == "sources":
		return list
	case key == "headers":
		return table
	}
	return harmless
}

// table adds a table with some of the keys, which have a harmless value.
func (f *secretFile) table(name string, keys map[string]string) {
	fmt.Fprintf(&f.content, "[%s]\n", name)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if rapid.Bool().Draw(f.t, name+" with "+key) {
			fmt.Fprintf(&f.content, "%s = %s\n", key, f.value(key, keys[key]))
		}
	}
}

func (f *secretFile) String() string {
	f.table("storage", map[string]string{"driver": `"sqlite"`, "path": `"x"`, "dsn": `"x"`, "retention": `"1d"`})
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		keys := maps.Clone(kinds[kind])
		maps.Copy(keys, common)
		keys["enabled"] = "false"
		f.table("alerting.channels."+kind, keys)
	}
	if !f.good {
		f.table("alerting.channels.unknown", map[string]string{"kind": `"console"`, "surprise": `"x"`})
	}
	fmt.Fprintf(&f.content, "[alerting.custom]\napi_token = \"%[1]s\"\nDB_PASSWORD = [\"%[1]s\"]\nhook-url = { x = \"%[1]s\" }\n", marker)
	fmt.Fprintf(&f.content, "any = %s\n", f.draw("any", `"${S}"`, `["${S}"]`, `[1, ["a${S}"]]`, `{ "a.b" = "$${", a = { b = "${S}" } }`, `[{ y = "${UNSET:-${S}}" }]`, `nan`))
	if !f.good {
		f.content.WriteString(f.draw("end", `x = "${lower}"`, `x = "${UNSET}"`, `x = ${S}`, `x = "`+marker, `x = `+marker, `x = "\`+marker+`"`))
	}
	return f.content.String()
}

func TestNoSecretIsShownOrReported(t *testing.T) {
	for name, good := range map[string]bool{"in a good file": true, "in a bad file": false} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				content := (&secretFile{t: t, good: good}).String()
				c, err := config.Parse([]byte(content), config.Options{LookupEnv: env{"S": marker}.lookup})
				if err != nil {
					requireNoMarker(t, err.Error())
					var problems config.Problems
					require.ErrorAs(t, err, &problems)
					requireNoMarker(t, fmt.Sprint(problems.FieldErrors()))
					return
				}
				requireNoMarker(t, strings.Join(c.Warnings, "\n"))
				requireNoMarker(t, fmt.Sprint(c.Redacted()))
				requireNoMarker(t, marshal(t, requireShown(t, c)))
			})
		})
	}
}

func TestGeneratedFilesHoldTheSecret(t *testing.T) {
	good := rapid.Custom(func(t *rapid.T) string { return (&secretFile{t: t, good: true}).String() })
	shown := 0
	for seed := range 20 {
		content := good.Example(seed)
		c, err := config.Parse([]byte(content), config.Options{LookupEnv: env{"S": marker}.lookup})
		if err == nil && strings.Contains(fmt.Sprint(c.Raw), marker) {
			shown++
		}
	}
	require.Greater(t, shown, 10, "most good files are good, and hold the secret")
}
