package config_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/config"
	"alertd/internal/delivery"
	"alertd/internal/listen"
)

func TestAbsentSectionHasDefaults(t *testing.T) {
	for _, content := range []string{"", "# nothing\n", "[server]\n[alerting]\n"} {
		c := requireGood(t, content, nil)
		require.Equal(t, config.Server{
			Listen: "127.0.0.1:8080", AccessLog: "errors", SlowRequest: time.Second, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
			WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, ShutdownTimeout: 30 * time.Second,
			MaxBody: 8 << 20, MaxStreams: 256, StreamHeartbeat: 15 * time.Second,
			MaxSearches: 4, SearchTimeout: 10 * time.Second,
			SocketMode: 0o660, MaxStreamsPerClient: 32, MaxConnections: 16384, MaxConnectionsPerAddress: 1024,
			Rate: delivery.Rate{Count: 50_000, Per: time.Second}, AddressRate: delivery.Rate{Count: 100, Per: time.Second},
			LoginFailureRate: delivery.Rate{Count: 10, Per: time.Minute},
			Session:          config.Session{Idle: 8 * time.Hour, Absolute: 7 * day},
			OIDC:             config.OIDC{Scopes: []string{"openid", "profile", "email"}, Claim: "groups", NameClaim: "email"},
		}, c.Server)
		require.Equal(t, "sqlite", c.Storage.Driver)
		require.Equal(t, "data/alertd.db", c.Storage.Path)
		require.Empty(t, c.Storage.DSN)
		require.Equal(t, 90*day, c.Storage.Retention)
		require.Zero(t, c.Storage.AuditRetention)
		require.False(t, c.Alerting.Enabled)
		require.Equal(t, alerting.SeverityWarning, c.Alerting.MinSeverity)
		require.Equal(t, 1000, c.Alerting.BufferSize)
		require.Empty(t, c.Channels)
		require.True(t, c.Found)
	}
}

func TestEveryKeyIsRead(t *testing.T) {
	c := requireGood(t, `
[server]
listen = "[::1]:0"
read_header_timeout = "1s"
read_timeout = "2s"
write_timeout = "3s"
public_url = "https://alertd.example.com/desk/"
idle_timeout = "4s"
shutdown_timeout = "5s"
max_body = "64KiB"
max_streams = 7
stream_heartbeat = "6s"
access_log = "all"
slow_request = "250ms"
max_searches = 9
search_timeout = "1500ms"
admin_listen = "unix:/admin.sock"
socket_mode = "0600"
allowed_origins = ["https://desk.example.com", "http://10.0.0.1:3000", "*"]
trusted_proxies = ["10.0.0.7", "10.1.2.3/8", "::ffff:10.0.0.9", "::ffff:10.2.0.0/112", "2001:db8::/32", "unix"]
max_streams_per_client = 10
max_connections = 11
max_connections_per_address = 12
rate = "13/s"
address_rate = "14/min"
login_failure_rate = "15/10s"
[[server.tokens]]
name = "gate"
role = "ingest"
hash = "${GATE_HASH}"
sources = ["var_*", "x"]
expires = 2027-01-01T00:00:00+01:00
[[server.tokens]]
name = "ada@laptop"
role = "admin"
subject = "CN=ada,O=Desk"
expires = "${UNTIL}"
[server.tls]
cert_file = "cert.pem"
key_file = "key.pem"
client_ca_file = "ca.pem"
[server.session]
idle_timeout = "16m"
absolute_timeout = "17h"
[server.oidc]
issuer = "https://login.example.com"
client_id = "alertd"
client_secret = "quiet"
scopes = ["openid"]
claim = "desks"
name_claim = "name"
roles = { "risk desk" = "operator", "it" = "admin" }
ca_file = "login.pem"
[storage]
driver = "postgres"
path = "elsewhere.db"
dsn = "postgres://db/alertd"
retention = "1d"
retention_events = 1000
audit_retention = "2d"
max_connections = 4
queue_size = "2MiB"
timeout = "1s"
[alerting]
enabled = true
min_severity = "ERROR"
buffer_size = 8
repeat_interval = "30m"
identify_by = ["book", "größe"]
[alerting.channels.console]
enabled = true
[alerting.custom]
x = 9
`, env{"GATE_HASH": hashes[0], "UNTIL": "2027-02-01T00:00:00Z"})
	require.Equal(t, config.Server{
		Listen: "[::1]:0", PublicURL: "https://alertd.example.com/desk", AccessLog: "all", SlowRequest: 250 * time.Millisecond, ReadHeaderTimeout: time.Second, ReadTimeout: 2 * time.Second, WriteTimeout: 3 * time.Second,
		IdleTimeout: 4 * time.Second, ShutdownTimeout: 5 * time.Second, MaxBody: 64 << 10, MaxStreams: 7, StreamHeartbeat: 6 * time.Second,
		MaxSearches: 9, SearchTimeout: 1500 * time.Millisecond,
		AdminListen: "unix:/admin.sock", SocketMode: 0o600, TLS: config.TLS{CertFile: "cert.pem", KeyFile: "key.pem", ClientCAFile: "ca.pem"},
		AllowedOrigins: []string{"https://desk.example.com", "http://10.0.0.1:3000", "*"},
		TrustedProxies: config.Proxies{Unix: true, Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.7/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("10.0.0.9/32"), netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("2001:db8::/32"),
		}},
		MaxStreamsPerClient: 10, MaxConnections: 11, MaxConnectionsPerAddress: 12,
		Rate: delivery.Rate{Count: 13, Per: time.Second}, AddressRate: delivery.Rate{Count: 14, Per: time.Minute}, LoginFailureRate: delivery.Rate{Count: 15, Per: 10 * time.Second},
		Tokens: []access.Entry{
			{Name: "gate", Role: access.RoleIngest, Hash: hashOf(t, hashes[0]), Sources: []string{"var_*", "x"}, Expires: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)},
			{Name: "ada@laptop", Role: access.RoleAdmin, Subject: "CN=ada,O=Desk", Expires: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)},
		},
		Session: config.Session{Idle: 16 * time.Minute, Absolute: 17 * time.Hour},
		OIDC: config.OIDC{
			Issuer: "https://login.example.com", ClientID: "alertd", ClientSecret: "quiet", Scopes: []string{"openid"}, Claim: "desks", NameClaim: "name",
			Roles: map[string]access.Role{"risk desk": access.RoleOperator, "it": access.RoleAdmin}, CAFile: "login.pem",
		},
	}, c.Server)
	require.JSONEq(t, `[{"name": "gate", "role": "ingest", "hash": "<secret>", "sources": ["var_*", "x"], "expires": "2026-12-31T23:00:00Z"},
		{"name": "ada@laptop", "role": "admin", "subject": "CN=ada,O=Desk", "expires": "2027-02-01T00:00:00Z"}]`, marshal(t, redactedValue(c, "server", "tokens")))
	require.JSONEq(t, `{"issuer": "https://login.example.com", "client_id": "alertd", "client_secret": "<secret>", "scopes": ["openid"], "claim": "desks",
		"name_claim": "name", "roles": {"risk desk": "operator", "it": "admin"}, "ca_file": "login.pem"}`, marshal(t, redactedValue(c, "server", "oidc")))
	require.Equal(t, "15/10s", redactedText(c, "server", "login_failure_rate"))
	require.Equal(t, "14/min", redactedText(c, "server", "address_rate"))
	require.Equal(t, []any{"10.0.0.7/32", "10.0.0.0/8", "10.0.0.9/32", "10.2.0.0/16", "2001:db8::/32", "unix"}, redactedValue(c, "server", "trusted_proxies"))
	require.Equal(t, config.Storage{
		Driver: "postgres", Path: "elsewhere.db", DSN: "postgres://db/alertd", Retention: day,
		RetentionEvents: 1000, AuditRetention: 2 * day, MaxConnections: 4, QueueSize: 2 << 20, Timeout: time.Second,
	}, c.Storage)
	require.True(t, c.Alerting.Enabled)
	require.Equal(t, alerting.SeverityError, c.Alerting.MinSeverity)
	require.Equal(t, 8, c.Alerting.BufferSize)
	require.Equal(t, 30*time.Minute, c.RepeatInterval)
	require.Equal(t, []string{"book", "größe"}, c.IdentifyBy)
	require.Equal(t, map[string]any{"x": int64(9)}, c.Raw["custom"])
	require.Empty(t, c.Warnings)
}

func TestBoundsAreAllowed(t *testing.T) {
	for _, content := range []string{
		"[server]\nlisten = '[::1]:0'", "[server]\nlisten = 'localhost:65535'", "[server]\nlisten = '127.9.9.9:80'",
		"[server]\nread_timeout = '10ms'", "[server]\nread_timeout = '1h'", "[server]\nread_timeout = '60m'",
		"[server]\nmax_body = '1KiB'", "[server]\nmax_body = '1GiB'",
		"[server]\nmax_streams = 1", "[server]\nmax_streams = 100000", "[server]\nmax_streams = 0x10",
		"[storage]\nretention = '0'", "[storage]\nretention = '65535d'", "[storage]\nretention = '1ns'",
		"[storage]\ndriver = 'postgres'\ndsn = 'x'\npath = ''", "[storage]\ndriver = 'sqlite'\ndsn = 'x'",
		"[storage]\nretention_events = 0", "[storage]\nmax_connections = 1000", "[storage]\nqueue_size = '1MiB'", "[storage]\ntimeout = '10m'",
		"[alerting]\nbuffer_size = 1", "[alerting]\nbuffer_size = 10000000", "[alerting]\nbuffer_size = 10_000_000",
		"[alerting]\nbuffer_bytes = '1MiB'", "[alerting]\nbuffer_bytes = '64GiB'",
		"[alerting]\nmin_severity = 'debug'", "[alerting]\nmin_severity = 'Critical'",
	} {
		requireGood(t, content, nil)
	}
}

func TestSearchTimeoutIsBelowWriteTimeout(t *testing.T) {
	c := requireGood(t, "[server]\nwrite_timeout = \"6s\"\n", nil)
	require.Equal(t, 3*time.Second, c.Server.SearchTimeout)
	c = requireGood(t, "[server]\nwrite_timeout = \"12s\"\n", nil)
	require.Equal(t, 10*time.Second, c.Server.SearchTimeout)
}

func TestInvalidValueIsReported(t *testing.T) {
	const (
		timeout   = " is not allowed, must be a duration from 10ms to 1h such as 500ms, 30s, 15m, 8h or 90d"
		body      = " is not allowed, must be a size from 1KiB to 1GiB such as 64KiB or 8MiB"
		streams   = " is not allowed, must be a whole number from 1 to 100000"
		retention = " is not allowed, must be a duration from 0 to 65535d such as 500ms, 30s, 15m, 8h or 90d"
		buffer    = " is not allowed, must be a whole number from 1 to 10000000"
		severity  = " is not one of debug, info, warning, error, critical"
	)
	listen := " is not allowed, " + listen.ErrAddress.Error()
	for _, row := range []struct{ section, key, value, want string }{
		{"server", "admin_listen", `"8080"`, `"8080"` + listen},
		{"server", "listen", `""`, `""` + listen},
		{"server", "listen", `"8080"`, `"8080"` + listen},
		{"server", "listen", `"127.0.0.1"`, `"127.0.0.1"` + listen},
		{"server", "listen", `"127.0.0.1:"`, `"127.0.0.1:"` + listen},
		{"server", "listen", `"127.0.0.1:http"`, `"127.0.0.1:http"` + listen},
		{"server", "listen", `"127.0.0.1:65536"`, `"127.0.0.1:65536"` + listen},
		{"server", "listen", `"127.0.0.1:-1"`, `"127.0.0.1:-1"` + listen},
		{"server", "listen", `"::1:80"`, `"::1:80"` + listen},
		{"server", "listen", `8080`, `8080 is not allowed, must be a string`},
		{"server", "listen", `["127.0.0.1:80", 5, [true]]`, `["127.0.0.1:80", 5, [true]] is not allowed, must be a string`},
		{"server", "read_header_timeout", `"9ms"`, `"9ms"` + timeout},
		{"server", "read_timeout", `"61m"`, `"61m"` + timeout},
		{"server", "read_timeout", `"0"`, `"0"` + timeout},
		{"server", "write_timeout", `"-5s"`, `"-5s"` + timeout},
		{"server", "idle_timeout", `"1d"`, `"1d"` + timeout},
		{"server", "shutdown_timeout", `30`, `30` + timeout},
		{"server", "stream_heartbeat", `true`, `true` + timeout},
		{"server", "max_searches", `0`, `0 is not allowed, must be a whole number from 1 to 1000`},
		{"server", "search_timeout", `"0"`, `"0"` + timeout},
		{"server", "search_timeout", `"30s"`, `30s is not allowed, must be shorter than write_timeout, which is 30s`},
		{"server", "slow_request", `"0"`, `"0"` + timeout},
		{"server", "access_log", `"errror"`, `"errror" is not allowed, must be errors, all or off`},
		{"server", "access_log", `true`, `true is not allowed, must be a string`},
		{"server", "stream_heartbeat", `{ s = 1 }`, `a table` + timeout},
		{"server", "max_body", `"1023B"`, `"1023B"` + body},
		{"server", "max_body", `"1025MiB"`, `"1025MiB"` + body},
		{"server", "max_body", `8388608`, `8388608` + body},
		{"server", "max_streams", `0`, `0` + streams},
		{"server", "max_streams", `-1`, `-1` + streams},
		{"server", "max_streams", `100001`, `100001` + streams},
		{"server", "max_streams", `2.0`, `2` + streams},
		{"server", "max_streams", `"7"`, `"7"` + streams},
		{"storage", "driver", `"mysql"`, `"mysql" is not allowed, must be sqlite or postgres`},
		{"storage", "driver", `""`, `"" is not allowed, must be sqlite or postgres`},
		{"storage", "driver", `1`, `1 is not allowed, must be a string`},
		{"storage", "driver", `"postgres"`, ``}, // needs a dsn, see below
		{"storage", "path", `""`, `"" is not allowed, must be the file of the database`},
		{"storage", "path", `1`, `1 is not allowed, must be a string`},
		{"storage", "dsn", `1`, `the value (not shown) is not allowed, must be a string`},
		{"storage", "retention", `"-1d"`, `"-1d"` + retention},
		{"storage", "retention", `"65536d"`, `"65536d"` + retention},
		{"storage", "retention", `0`, `0` + retention},
		{"alerting", "enabled", `"true"`, `"true" is not allowed, must be true or false`},
		{"alerting", "enabled", `1`, `1 is not allowed, must be true or false`},
		{"alerting", "min_severity", `"loud"`, `"loud"` + severity},
		{"alerting", "min_severity", `""`, `""` + severity},
		{"alerting", "min_severity", `" error"`, `" error"` + severity},
		{"alerting", "min_severity", `3`, `3 is not allowed, must be a string`},
		{"alerting", "buffer_size", `0`, `0` + buffer},
		{"alerting", "buffer_size", `10000001`, `10000001` + buffer},
		{"alerting", "buffer_size", `"many"`, `"many"` + buffer},
		{"alerting", "buffer_size", `1979-05-27`, `1979-05-27` + buffer},
		{"alerting", "custom", `"mine"`, `is a string, must be a table`},
		{"alerting", "custom", `5`, `is a single value, must be a table`},
		{"alerting", "channels", `true`, `is a boolean, must be a table`},
		{"alerting", "channels", `["slack"]`, `is a list, must be a table`},
	} {
		t.Run(row.section+"."+row.key+" = "+row.value, func(t *testing.T) {
			key := row.section + "." + row.key
			if row.want == "" {
				key, row.want = "storage.dsn", "is missing or empty, the driver postgres needs it"
			}
			requireProblems(t, "["+row.section+"]\n"+row.key+" = "+row.value, nil, key+": "+row.want)
		})
	}
}

func TestSectionMustBeATable(t *testing.T) {
	requireProblems(t, "server = 'x'\nalerting = [1]\nstorage = 1979-05-27", nil,
		`alerting: is a list, must be a table`,
		`server: is a string, must be a table`,
		`storage: is a single value, must be a table`,
	)
}

func TestUnknownKeySuggestsNearest(t *testing.T) {
	requireProblems(t, `
servers = 1
"Alerting" = 1
zzzzzzzzzzzzzz = 1
"" = 1
[server]
liste = ":80"
max_stream = 1
[storage]
driver = "sqlite"
retentoin = "1d"
[alerting]
min_sevrity = "error"
chanels = 1
[alerting.channels.slack]
webhok_url = "x"
smtp_host = "a key of another kind"
[alerting.channels."a b".retry]
jiter = true
zzzzzzzzzzzzzz = true
[alerting.channels."a b"]
kind = "email"
smtp_hots = "x"
`, nil,
		`"": is not a known key, must be one of alerting, server, storage`,
		`Alerting: is not a known key, did you mean alerting?`,
		`alerting.chanels: is not a known key, did you mean channels?`,
		`alerting.channels."a b".retry.jiter: is not a known key, did you mean jitter?`,
		`alerting.channels."a b".retry.zzzzzzzzzzzzzz: is not a known key, must be one of give_up_after, initial, jitter, max`,
		`alerting.channels."a b".smtp_hots: is not a known key, did you mean smtp_host?`,
		`alerting.channels.slack.smtp_host: is not a known key, must be one of api_url, bot_token, ca_file, categories, channel, concurrency, enabled, fallback, kind, mention, min_severity, proxy, rate_limit, rate_limit_critical, resolved, retry, sources, template, timeout, webhook_url`,
		`alerting.channels.slack.webhok_url: is not a known key, did you mean webhook_url?`,
		`alerting.min_sevrity: is not a known key, did you mean min_severity?`,
		`server.liste: is not a known key, did you mean listen?`,
		`server.max_stream: is not a known key, did you mean max_streams?`,
		`servers: is not a known key, did you mean server?`,
		`storage.retentoin: is not a known key, did you mean retention?`,
		`zzzzzzzzzzzzzz: is not a known key, must be one of alerting, server, storage`,
	)
}

func TestCustomSettingsAreKeptRaw(t *testing.T) {
	c := requireGood(t, `
[alerting.custom]
enabled = "perhaps"
desk = "${DESK}"
limits = { var = 0.03, names = ["BTC-EUR", 5] }
[alerting.custom.channels.slack]
kind = "none of ours"
`, env{"DESK": "rates"})
	require.Equal(t, map[string]any{
		"enabled":  "perhaps",
		"desk":     "rates",
		"limits":   map[string]any{"var": 0.03, "names": []any{"BTC-EUR", int64(5)}},
		"channels": map[string]any{"slack": map[string]any{"kind": "none of ours"}},
	}, c.Raw["custom"])
	require.Empty(t, c.Channels)
}

// parseSection reads content with another alerting section.
func parseSection(content, section string) (config.Config, error) {
	return config.Parse([]byte(content), config.Options{Section: section, LookupEnv: env{}.lookup})
}

func TestAlertingSectionMayHaveAnotherName(t *testing.T) {
	const content = `
[custom_alerts]
enabled = true
min_severity = "error"
buffer_size = 7
[custom_alerts.channels.console]
[custom_alerts.custom]
x = 1
[alerting]
min_severity = "${ONLY_SET_IN_PRODUCTION}"
unknown = true
`
	c, err := parseSection(content, "custom_alerts")
	require.NoError(t, err)
	require.True(t, c.Alerting.Enabled)
	require.Equal(t, alerting.SeverityError, c.Alerting.MinSeverity)
	require.Equal(t, 7, c.Alerting.BufferSize)
	require.Contains(t, names(c), "console")
	require.Equal(t, true, redactedValue(c, "custom_alerts", "enabled"))
	require.Nil(t, redactedValue(c, "alerting"), "it is not in force")

	c, err = parseSection("['my alerts']\nbuffer_size = 8", "my alerts")
	require.NoError(t, err)
	require.Equal(t, 8, c.Alerting.BufferSize)
}

func TestNamedSectionMustExist(t *testing.T) {
	for name, row := range map[string]struct {
		content, section string
		want             []string
	}{
		"near to one":         {"[custom_alerts]\n[server]", "custom_alert", []string{`custom_alert: is not a section of the file, did you mean custom_alerts?`}},
		"near to the default": {"[alerting]", "alertin", []string{`alertin: is not a section of the file, did you mean alerting?`}},
		"near to none":        {"[one]\n[two]\n[server]\n[storage]", "prod/alerts", []string{`"prod/alerts": is not a section of the file, must be one of one, two`}},
		"in an empty file":    {"", "prod", []string{`prod: is not a section of the file`}},
		"taken by the server": {"[server]", "server", []string{`server: cannot be the alerting section, its name is taken`}},
		"taken by storage":    {"", "storage", []string{`storage: cannot be the alerting section, its name is taken`}},
		"in its own words": {"[prod]\nmin_severity = 'loud'\nbufer_size = 1", "prod", []string{
			`prod.bufer_size: is not a known key, did you mean buffer_size?`,
			`prod.min_severity: "loud" is not one of debug, info, warning, error, critical`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseSection(row.content, row.section)
			requireProblemsIn(t, err, row.want...)
		})
	}
}

// The file may belong to a larger application.
func TestForeignTablesAreLeftAlone(t *testing.T) {
	c := requireGood(t, `
[portfolio]
initial_capital = "${ONLY_THE_APPLICATION_HAS_IT}"
[[universe]]
symbol = "BTC-EUR"
[risk.limits]
max_var = 0.03
[alerting]
min_severity = "error"
`, nil)
	require.Equal(t, []string{"tables that are not alertd's are left alone: portfolio, risk, universe"}, c.Warnings)
	require.Equal(t, alerting.SeverityError, c.Alerting.MinSeverity)
	for _, name := range []string{"portfolio", "universe", "risk"} {
		require.Nil(t, redactedValue(c, name))
	}
}

func TestNearMissOfATableIsAnError(t *testing.T) {
	for name, want := range map[string]string{
		"servr": "server", "serve": "server", "Server": "server", "sever5": "server", "store": "storage", "stock": "", "storages": "storage", "storaeg": "storage",
		"alertin": "alerting", "alerter": "", "alerti": "alerting", "alert": "", "alerts": "", "Alerting": "alerting",
	} {
		c, err := parse("[alerting]\n["+name+"]\nx = 1\n", nil)
		if want == "" {
			require.NoError(t, err, name)
			require.Len(t, c.Warnings, 1)
			continue
		}
		requireProblemsIn(t, err, name+": is not a known key, did you mean "+want+"?")
	}
	_, err := parseSection("[desk]\n[desks]\n[alertin]\n", "desk")
	requireProblemsIn(t, err, "alertin: is not a known key, did you mean alerting?", "desks: is not a known key, did you mean desk?")
}

func TestFileMayBeginWithAByteOrderMark(t *testing.T) {
	c := requireGood(t, "\ufeff[alerting]\nbuffer_size = 7\n", nil)
	require.Equal(t, 7, c.Alerting.BufferSize)
	_, err := parse("\ufeff\ufeff[alerting]\n", nil)
	require.ErrorContains(t, err, "line 1")
}
