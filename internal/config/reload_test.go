package config_test

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/config"
)

const (
	loggingOn  = "[alerting.channels.logfile]\nenabled = true\npath = \"alerts.log\"\n"
	loggingOff = "[alerting.channels.logfile]\nenabled = false\npath = \"alerts.log\"\n"
	consoleOn  = "[alerting.channels.console]\nenabled = true\n"
	consoleOff = "[alerting.channels.console]\nenabled = false\n"
	telling    = "[alerting]\nenabled = true\n" + loggingOn
)

func TestReloadDoesNotSilentlyTurnAlertingOff(t *testing.T) {
	const (
		noTable   = "alerting: is missing; to turn alerting off while alertd runs, the file must have this table, with enabled = false"
		noEnabled = "alerting.enabled: is missing, and alerting is on; to turn it off while alertd runs, the file must say enabled = false"
		noChannel = "alerting.channels: has no enabled channel any more; to turn the last ones off while alertd runs, the file must say enabled = false in alerting.channels.logfile, or in alerting"
	)
	for name, test := range map[string]struct{ before, after, want string }{
		"an empty file":                              {telling, "", noTable},
		"a file that was cut before alerting":        {telling, "[server]\nlisten = \"127.0.0.1:0\"\n", noTable},
		"a file without alerting, and none before":   {"[server]\n", "", noTable},
		"a file that was cut within alerting":        {telling, "[alerting]\n", noEnabled},
		"a file that was cut before its channels":    {telling, "[alerting]\nenabled = true\n", noChannel},
		"no channels, and alerting is off as before": {loggingOn, "[alerting]\n", noChannel},
		"the last channel without a word":            {telling, "[alerting]\nenabled = true\n[alerting.channels.logfile]\n", noChannel},
		"one of two channels is said to be off":      {telling + consoleOn, "[alerting]\nenabled = true\n" + consoleOff, noChannel},
		"alerting is said to be off":                 {telling, "[alerting]\nenabled = false\n", ""},
		"alerting is said to be off by a variable":   {telling, "[alerting]\nenabled = \"${ON}\"\n", ""},
		"each channel is said to be off":             {telling + consoleOn, "[alerting]\nenabled = true\n" + loggingOff + consoleOff, ""},
		"another channel is on":                      {telling, "[alerting]\nenabled = true\n" + consoleOn, ""},
		"one channel of two is left":                 {telling + consoleOn, telling, ""},
		"nothing was on":                             {"[alerting]\n", "[alerting]\nmin_severity = \"error\"\n", ""},
		"nothing changes":                            {telling, telling, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := requireGood(t, test.before, nil)
			after := requireGood(t, test.after, env{"ON": "false"})
			err := before.CheckReload(after)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			requireProblemsIn(t, err, test.want)
		})
	}
}

func TestReloadNamesTheSectionOfTheCommandLine(t *testing.T) {
	options := config.Options{Path: "alertd.toml", Section: "desk"}
	before, err := config.Parse([]byte("[desk]\nenabled = true\n"), options)
	require.NoError(t, err)
	after, err := config.Parse([]byte("[desk]\n"), options)
	require.NoError(t, err)
	require.ErrorContains(t, before.CheckReload(after), "desk.enabled: is missing")
}

func TestReloadWithoutAFile(t *testing.T) {
	none, err := config.Load(config.Options{Path: filepath.Join(t.TempDir(), "none.toml")})
	require.NoError(t, err)
	require.NoError(t, none.CheckReload(none), "there was none before")
	before := requireGood(t, "[alerting]\n", nil)
	require.ErrorContains(t, before.CheckReload(none), "none.toml is gone")
	require.NoError(t, none.CheckReload(before))
}

func TestFileWithoutAlertingMakesWarning(t *testing.T) {
	c := requireGood(t, "[server]\n", nil)
	require.Equal(t, []string{"alerting is missing: nobody is told of anything, and a reload of this file is refused"}, c.Warnings)
}

// atOnce are the keys of [server] that a reload takes over.
var atOnce = []string{
	"server.access_log", "server.address_rate", "server.allow_anonymous", "server.allowed_origins", "server.login_failure_rate",
	"server.max_streams_per_client", "server.oidc.roles", "server.public_url", "server.rate", "server.slow_request", "server.tokens",
	"server.trusted_proxies",
}

// fields calls changed with the name of each field of a struct, and of the structs in it,
// while that field has another value.
func fields(tb testing.TB, part reflect.Value, changed func(name string)) {
	tb.Helper()
	for i := range part.NumField() {
		field := part.Field(i)
		before := reflect.ValueOf(field.Interface())
		switch {
		case field.CanInt():
			field.SetInt(field.Int() + 1)
		case field.CanUint():
			field.SetUint(field.Uint() + 1)
		case field.Kind() == reflect.String:
			field.SetString(field.String() + "x")
		case field.Kind() == reflect.Bool:
			field.SetBool(!field.Bool())
		case field.Kind() == reflect.Slice:
			field.Set(reflect.Append(field, reflect.Zero(field.Type().Elem())))
		case field.Kind() == reflect.Map:
			field.Set(reflect.ValueOf(map[string]access.Role{"x": access.RoleRead}))
		case field.Kind() == reflect.Struct:
			fields(tb, field, changed)
			continue
		default:
			require.Fail(tb, "cannot change a field of kind "+field.Kind().String())
		}
		changed(part.Type().Field(i).Name)
		field.Set(before)
	}
}

// leaves returns the dotted keys of what is shown of a section. A list of tables, and a
// table from names of the user's own, is one key.
func leaves(path string, shown any) []string {
	table, isTable := shown.(map[string]any)
	if !isTable || path == "server.oidc.roles" {
		return []string{path}
	}
	var keys []string
	for name, value := range table {
		keys = append(keys, leaves(path+"."+name, value)...)
	}
	return keys
}

func TestChangesAreNamed(t *testing.T) {
	before := requireGood(t, "", nil)
	require.Empty(t, before.Changed(before))
	var named []string
	for _, section := range []func(*config.Config) any{
		func(c *config.Config) any { return &c.Server },
		func(c *config.Config) any { return &c.Storage },
	} {
		after := requireGood(t, "", nil)
		fields(t, reflect.ValueOf(section(&after)).Elem(), func(field string) {
			keys := before.Changed(after)
			require.Len(t, keys, 1, field)
			require.Equal(t, keys, after.Changed(before), field)
			if slices.Contains(atOnce, keys[0]) {
				require.Empty(t, before.RestartRequired(after), keys[0])
			} else {
				require.Equal(t, keys, before.RestartRequired(after))
			}
			named = append(named, keys[0])
		})
	}
	slices.Sort(named)
	want := slices.Concat(leaves("server", redactedValue(before, "server")), leaves("storage", redactedValue(before, "storage")))
	require.ElementsMatch(t, want, slices.Compact(named), "every key that is shown is compared")
	require.Subset(t, want, atOnce)
}

func TestChangedNamesKeysInOrder(t *testing.T) {
	before := requireGood(t, "[alerting.channels.console]\n[alerting.channels.logfile]\npath = 'x'\n[alerting.custom]\nx = 1", nil)
	after := requireGood(t, `
[server]
rate = "1/s"
idle_timeout = "1m"
[storage]
path = "x"
[alerting]
min_severity = "debug"
[alerting.channels.logfile]
path = "y"
[alerting.channels."my console"]
kind = "console"
`, nil)
	require.Equal(t, []string{
		`alerting.channels."my console"`, "alerting.channels.console", "alerting.channels.logfile", "alerting.custom", "alerting.min_severity",
		"server.idle_timeout", "server.rate", "storage.path",
	}, before.Changed(after))
	require.Equal(t, []string{"server.idle_timeout", "storage.path"}, before.RestartRequired(after))
}

func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	started := requireGood(t, "[server]\nmax_body = \"2KiB\"\n[storage]\npath = \"first.db\"\n[alerting]\nbuffer_size = 7\n", nil)
	next := requireGood(t, `
[server]
max_body = "4KiB"
public_url = "https://alertd.example.com"
access_log = "all"
slow_request = "2s"
[storage]
path = "second.db"
[alerting]
buffer_size = 8
`, nil)
	inForce := started.Reload(next)
	want := started.Server
	want.PublicURL, want.AccessLog, want.SlowRequest = "https://alertd.example.com", "all", 2*time.Second
	require.Equal(t, want, inForce.Server)
	require.Equal(t, started.Storage, inForce.Storage)
	require.Equal(t, next.Alerting, inForce.Alerting)

	shown := inForce.Redacted()
	require.Equal(t, started.Redacted()["storage"], shown["storage"])
	require.Equal(t, next.Redacted()["alerting"], shown["alerting"])
	server, isTable := shown["server"].(map[string]any)
	require.True(t, isTable)
	require.Equal(t, "2KiB", server["max_body"])
	require.Equal(t, "https://alertd.example.com", server["public_url"])
	require.Equal(t, "all", server["access_log"])
	require.Equal(t, "2s", server["slow_request"])
	require.NotEqual(t, shown["server"], started.Redacted()["server"], "the configuration of the start is not changed")
}

func TestAlertingNeedsNoRestart(t *testing.T) {
	before := requireGood(t, "", nil)
	after := requireGood(t, `
[alerting]
enabled = true
min_severity = "debug"
buffer_size = 7
[alerting.channels.console]
[alerting.custom]
x = 1
`, nil)
	require.Empty(t, before.RestartRequired(after))
}
