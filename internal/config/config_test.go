package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/config"
	"alertd/internal/listen"
)

// repositoryFile is the documented example, which is also the default.
var repositoryFile = filepath.Join("..", "..", "config", "config.toml")

// write makes a file and returns its path.
func write(tb testing.TB, content string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "alertd.toml")
	require.NoError(tb, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestMissingFileMeansSafeDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	for name, options := range map[string]config.Options{
		"as it is":                      {Path: path},
		"with a section of its own":     {Path: path, Section: "custom_alerts"},
		"in a folder that is not there": {Path: filepath.Join(path, "..", "no", "none.toml")},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(options)
			require.NoError(t, err)
			require.False(t, c.Found)
			require.Equal(t, options.Path, c.Path)
			require.Equal(t, []string{options.Path + " does not exist: safe defaults are in force (alerting is disabled, min_severity warning, no channels)"}, c.Warnings)
			require.False(t, c.Alerting.Enabled)
			require.Equal(t, alerting.SeverityWarning, c.Alerting.MinSeverity)
			require.Equal(t, 1000, c.Alerting.BufferSize)
			require.Empty(t, c.Channels)
			require.Equal(t, "127.0.0.1:8080", c.Server.Listen)
			require.NoError(t, c.Alerting.Validate())
		})
	}
}

func TestMissingFileTakesListenFlag(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	c, err := config.Load(config.Options{Path: path, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:0", c.Server.Listen)
	_, err = config.Load(config.Options{Path: path, Listen: "nowhere"})
	requireProblemsIn(t, err, `server.listen: "nowhere" is not allowed, `+listen.ErrAddress.Error())
}

func TestDefaultPath(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := config.Load(config.Options{})
	require.NoError(t, err)
	require.False(t, c.Found)
	require.Equal(t, "config/config.toml", c.Path)

	require.NoError(t, os.Mkdir("config", 0o700))
	require.NoError(t, os.WriteFile(config.DefaultPath, []byte("[alerting]\nbuffer_size = 5"), 0o600))
	c, err = config.Load(config.Options{})
	require.NoError(t, err)
	require.True(t, c.Found)
	require.Equal(t, "config/config.toml", c.Path)
	require.Equal(t, 5, c.Alerting.BufferSize)

	c, err = config.Load(config.Options{Path: write(t, "[alerting]\nbuffer_size = 6")})
	require.NoError(t, err)
	require.True(t, c.Found)
	require.Equal(t, 6, c.Alerting.BufferSize)
}

func TestExampleStartsWithoutEnvironment(t *testing.T) {
	c, err := config.Load(config.Options{Path: repositoryFile, LookupEnv: env{}.lookup})
	require.NoError(t, err)
	require.True(t, c.Found)
	require.Empty(t, c.Warnings)
	require.Contains(t, names(c), "slack", "it shows how a channel is written")
	for _, name := range names(c) {
		require.False(t, c.ChannelEnabled(name), name)
	}
}

// The example shows every key with its default in the code, so that readers know the
// defaults.
func TestExampleSaysTheDefaults(t *testing.T) {
	data, err := os.ReadFile(repositoryFile)
	require.NoError(t, err)
	example := requireGood(t, string(data), nil)
	defaults := requireGood(t, "", nil)
	require.Equal(t, defaults.Server, example.Server)
	require.Equal(t, defaults.Storage, example.Storage)
	require.Equal(t, defaults.Alerting.Enabled, example.Alerting.Enabled)
	require.Equal(t, defaults.Alerting.MinSeverity, example.Alerting.MinSeverity)
	require.Equal(t, defaults.Alerting.BufferSize, example.Alerting.BufferSize)
	require.Equal(t, defaults.Watchdog, example.Watchdog)
	require.Equal(t, defaults.Noise, example.Noise)

	var written map[string]any
	require.NoError(t, toml.Unmarshal(data, &written))
	shown := defaults.Redacted()
	for section, absent := range map[string][]string{"server": {"tokens"}, "storage": {"dsn"}, "alerting": {"heartbeats", "default_channels", "routes", "promotions", "inhibitions", "calendars", "windows"}} {
		requireSameKeys(t, section, written[section], shown[section], absent...)
	}
}

// requireSameKeys wants the keys of one table in another, except those that are in
// comments alone.
func requireSameKeys(tb testing.TB, path string, written, shown any, absent ...string) {
	tb.Helper()
	inside, _ := written.(map[string]any)
	table, isTable := shown.(map[string]any)
	if !isTable {
		return
	}
	for key, value := range table {
		if slices.Contains(absent, key) {
			continue
		}
		require.Contains(tb, inside, key, "[%s] of the example lacks a key", path)
		requireSameKeys(tb, path+"."+key, inside[key], value)
	}
}

func TestSyntaxErrorHasLineAndColumn(t *testing.T) {
	for name, row := range map[string]struct{ content, want string }{
		"a value without quotes":       {"[alerting]\nmin_severity = warning", "alertd.toml: line 2, column 16: unexpected character U+0077 'w' at start of value"},
		"no value":                     {"[server]\n\nlisten =\n", "alertd.toml: line 3, column 9: unexpected character U+000A at start of value"},
		"a string without an end":      {"[server]\nlisten = \"127.0.0.1:80\n", ""},
		"a key twice":                  {"[server]\nlisten = \"a:1\"\nlisten = \"a:2\"", "alertd.toml: line 3, column 1: key listen is already defined"},
		"a table twice":                {"[server]\n[alerting]\n[server]", "alertd.toml: line 3, column 2: table server already exists"},
		"bytes that are no UTF-8":      {"[alerting.custom]\nx = \"\xff\"", ""},
		"a routing key without quotes": {"[alerting.channels.pagerduty]\nrouting_key = 11112222333344445555e66667777888899", "alertd.toml: line 2, column 15: unable to parse float"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(row.content, nil)
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 1)
			require.Empty(t, problems[0].Key)
			if row.want == "" {
				require.Regexp(t, `^alertd\.toml: line 2, column \d+: .`, err.Error())
				return
			}
			require.EqualError(t, err, row.want)
		})
	}
}

func TestUnreadableFileIsAProblem(t *testing.T) {
	folder := t.TempDir()
	tooLarge := write(t, "#"+strings.Repeat("x", 1<<20))
	for path, want := range map[string]string{
		folder:                                 "read configuration: read " + folder + ": is a directory",
		tooLarge:                               "read configuration: " + tooLarge + " is larger than 1048576 bytes",
		filepath.Join(tooLarge, "alertd.toml"): "read configuration: open " + filepath.Join(tooLarge, "alertd.toml") + ": not a directory",
	} {
		c, err := config.Load(config.Options{Path: path})
		requireProblemsIn(t, err, want)
		require.Zero(t, c)
	}
}

func TestLargestFileIsRead(t *testing.T) {
	content := "[alerting]\nbuffer_size = 7\n#"
	path := write(t, content+strings.Repeat("x", 1<<20-len(content)))
	c, err := config.Load(config.Options{Path: path})
	require.NoError(t, err)
	require.Equal(t, 7, c.Alerting.BufferSize)
}

func TestDeepNestingIsAProblem(t *testing.T) {
	for _, depth := range []int{10_000, 200_000} {
		content := "[alerting.custom]\nx = " + strings.Repeat("[", depth) + strings.Repeat("]", depth)
		c, err := parse(content, nil)
		if depth > 10_000 {
			require.ErrorContains(t, err, "alertd.toml: line 2, column ")
			continue
		}
		require.NoError(t, err)
		require.NotNil(t, redactedValue(c, "alerting", "custom", "x"))
	}
}

func TestAllProblemsAreReportedInOrder(t *testing.T) {
	requireProblems(t, `
surprise = 1
[server]
read_timeout = "soon"
listen = 8080
[storage]
driver = "oracle"
[alerting]
min_severity = "loud"
buffer_size = 0
enabeld = true
[alerting.channels.slack]
enabled = true
[alerting.channels.email]
tls = "maybe"
smtp_port = 0
min_severity = "quiet"
password = "${UNSET}"
retry = { first = "1s", initial = "0s" }
[alerting.channels.risk]
kind = "pager"
`, nil,
		`alerting.buffer_size: 0 is not allowed, must be a whole number from 1 to 10000000`,
		`alerting.channels.email.min_severity: "quiet" is not one of debug, info, warning, error, critical`,
		`alerting.channels.email.password: environment variable UNSET is not set`,
		`alerting.channels.email.retry.first: is not a known key, must be one of give_up_after, initial, jitter, max`,
		`alerting.channels.email.retry.initial: "0s" is not allowed, must be a duration from 1ms to 366d such as 500ms, 30s, 15m, 8h or 90d`,
		`alerting.channels.email.smtp_port: 0 is not allowed, must be a whole number from 1 to 65535`,
		`alerting.channels.email.tls: "maybe" is not allowed, must be one of starttls, tls, none`,
		`alerting.channels.risk.kind: "pager" is not allowed, must be one of console, email, logfile, pagerduty, slack, telegram, webhook`,
		`alerting.channels.slack.webhook_url: is missing or empty, an enabled channel of kind slack needs webhook_url, or bot_token and channel`,
		`alerting.enabeld: is not a known key, did you mean enabled?`,
		`alerting.min_severity: "loud" is not one of debug, info, warning, error, critical`,
		`server.listen: 8080 is not allowed, must be a string`,
		`server.read_timeout: "soon" is not allowed, must be a duration from 10ms to 1h such as 500ms, 30s, 15m, 8h or 90d`,
		`storage.driver: "oracle" is not allowed, must be sqlite or postgres`,
		`surprise: is not a known key, did you mean storage?`,
	)
}

func TestProblemsAsFieldErrors(t *testing.T) {
	_, err := parse("[alerting]\nmin_severity = 'loud'\nbuffer_size = 0", nil)
	var problems config.Problems
	require.ErrorAs(t, err, &problems)
	require.Equal(t, []alerting.FieldError{
		{Field: "alerting.buffer_size", Message: "0 is not allowed, must be a whole number from 1 to 10000000"},
		{Field: "alerting.min_severity", Message: `"loud" is not one of debug, info, warning, error, critical`},
	}, problems.FieldErrors())
	require.Equal(t, []alerting.FieldError{}, config.Problems{}.FieldErrors(), "a list, not null")
}

func TestListenFlagOverridesFile(t *testing.T) {
	for name, row := range map[string]struct{ content, listen, want string }{
		"of none":            {"", "127.0.0.1:9000", "127.0.0.1:9000"},
		"of a good one":      {"[server]\nlisten = '127.0.0.1:1'", "[::1]:0", "[::1]:0"},
		"of a bad one":       {"[server]\nlisten = 'nowhere'", "localhost:9000", "localhost:9000"},
		"of another type":    {"[server]\nlisten = 8080", "unix:/alertd.sock", "unix:/alertd.sock"},
		"unless it is empty": {"[server]\nlisten = '127.0.0.1:1'", "", "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := config.Parse([]byte(row.content), config.Options{Listen: row.listen})
			require.NoError(t, err)
			require.Equal(t, row.want, c.Server.Listen)
			require.Equal(t, row.want, redactedText(c, "server", "listen"))
		})
	}
	_, err := config.Parse([]byte("[server]\nlisten = '127.0.0.1:1'"), config.Options{Listen: "9000"})
	require.ErrorContains(t, err, `server.listen: "9000" is not allowed`)
}

// FuzzParse checks for any file: reading it never panics; errors are Problems without a
// secret; and a valid configuration is shown as JSON without a secret.
func FuzzParse(f *testing.F) {
	example, err := os.ReadFile(repositoryFile)
	require.NoError(f, err)
	f.Add(example)
	for _, seed := range fuzzSeeds() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.Contains(bytes.ToLower(data), []byte(strings.ToLower(marker))) || len(data) > 1<<16 {
			return // the file says it itself
		}
		c, err := config.Parse(data, config.Options{Path: "alertd.toml", LookupEnv: secretEnvironment})
		if err != nil {
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems)
			require.NotEmpty(t, err.Error())
			require.True(t, slices.IsSortedFunc(problems, func(a, b config.Problem) int { return strings.Compare(a.Key, b.Key) }))
			for _, problem := range problems {
				require.NotEmpty(t, problem.Message)
				if openKey(problem.Key) {
					continue
				}
				requireNoMarker(t, problem.Key+": "+problem.Message)
			}
			require.Zero(t, c)
			return
		}
		require.NoError(t, c.Alerting.Validate())
		requireNoMarker(t, strings.Join(c.Warnings, "\n"))
		shown := requireShown(t, c)
		delete(shown, "server") // holds no secrets
		requireNoMarker(t, marshal(t, shown))
	})
}

// fuzzSeeds returns files of every kind, good and bad.
func fuzzSeeds() []string {
	return []string{
		"",
		"[server",
		"[server]\nlisten = '${A}:${B:-80}'\nmax_streams = '${N:-7}'\nread_timeout = '5s'",
		"[storage]\ndriver = 'postgres'\ndsn = '${DSN}'\nretention = '0'",
		"[alerting]\nenabled = '${ON}'\nmin_severity = 'loud'\nbuffer_size = '${A}${B}'",
		"[alerting.custom]\nx = [nan, inf, 1979-05-27T07:32:00Z, 07:32:00, { 'a.b' = '${A}' }]\n'' = '$${A}'",
		"[alerting.custom]\nx = '${a'\n'' = '${A:-${B}}'",
		"[alerting.channels.email]\nenabled = true\nto = ['${TO}', 5]\nsmtp_port = 25\nretry = { initial = '${A}' }",
		"[alerting.channels.webhook]\nkind = 'webhook'\nurl = 'https://x'\nheaders = { A = '${A}', B = 5 }\ncategories = ['${A}']",
		"[alerting.channels]\nslack = 5\n[[alerting.channels.x]]\nkind = '${A}'",
		"[alerting.channels.'${A}']\nkind = { kind = '${A}' }\nmin_severity = ['${A}']",
		"x = " + strconv.Itoa(1<<62) + "\ny = 1e400",
	}
}
