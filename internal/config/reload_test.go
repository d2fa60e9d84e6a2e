package config_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

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
