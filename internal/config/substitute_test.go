package config_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/config"
)

func TestReferencesAreReplaced(t *testing.T) {
	environment := env{
		"HOST": "risk", "PORT": "25", "EMPTY": "", "_UNDER_1": "scored", "TRICKY": "${HOST} $${HOST} \n \\ \"", "TOML": "\"\nx = 1",
		"LINE": "secret\n", "CRLF": "secret\r\n", "LINES": "secret\n\n", "CR": "secret\r",
	}
	for name, row := range map[string]struct{ text, want string }{
		"one":                                       {`${HOST}`, "risk"},
		"one between other text":                    {`smtp.${HOST}.example`, "smtp.risk.example"},
		"several in one string":                     {`${HOST}:${PORT}/${HOST}`, "risk:25/risk"},
		"several side by side":                      {`${HOST}${PORT}`, "risk25"},
		"a name with underscores and digits":        {`${_UNDER_1}`, "scored"},
		"a default where it is not set":             {`${UNSET:-elsewhere}`, "elsewhere"},
		"no default where it is set":                {`${HOST:-elsewhere}`, "risk"},
		"a default between other text":              {`a${UNSET:-b}c`, "abc"},
		"a default with a colon, a dash and a $":    {`${UNSET:-a:-b$c}`, "a:-b$c"},
		"an empty default":                          {`${UNSET:-}`, ""},
		"an empty default between other text":       {`a${UNSET:-}c`, "ac"},
		"set but empty is a value":                  {`${EMPTY}`, ""},
		"set but empty is a value before a default": {`${EMPTY:-elsewhere}`, ""},
		"the escape":                                {`$${HOST}`, "${HOST}"},
		"the escape beside a reference":             {`$${HOST}=${HOST}`, "${HOST}=risk"},
		"a value is not looked into again":          {`${TRICKY}`, "${HOST} $${HOST} \n \\ \""},
		"a line break at its end is left out":       {`${LINE}`, "secret"},
		"one of Windows, too":                       {`Bearer ${CRLF};`, "Bearer secret;"},
		"only one is left out":                      {`${LINES}`, "secret\n"},
		"a carriage return alone is none":           {`${CR}`, "secret\r"},
		"a value cannot add to the file":            {`${TOML}`, "\"\nx = 1"},
		"dollars and braces of their own stay":      {`$HOST $ {HOST} } $$ {}`, `$HOST $ {HOST} } $$ {}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := requireGood(t, "[alerting.custom]\nx = '"+row.text+"'", environment)
			require.Equal(t, map[string]any{"x": row.want}, c.Raw["custom"])
		})
	}
}

func TestReferencesAreReplacedAtEveryDepth(t *testing.T) {
	c := requireGood(t, `
[server]
listen = "${A}:80"
allow_anonymous = true
[alerting.channels.webhook]
url = "https://${A}/"
headers = { X-From = "${A}", "X.Dotted" = "${B}" }
[alerting.channels.email]
to = ["${A}@example.com", "fixed@example.com", "${B}@example.com"]
[alerting.custom]
deep = { deeper = [ { deepest = ["${A}", ["${B}"]] } ] }
number = 7
[[alerting.custom.table]]
x = "${A}"
[[alerting.custom.table]]
x = "${B}"
`, env{"A": "one", "B": "two"})
	require.Equal(t, "one:80", c.Server.Listen)
	require.Equal(t, map[string]any{
		"url": "https://one/", "headers": map[string]any{"X-From": "one", "X.Dotted": "two"},
	}, raw(c, "webhook"))
	require.Equal(t, []any{"one@example.com", "fixed@example.com", "two@example.com"}, raw(c, "email")["to"])
	require.Equal(t, map[string]any{
		"deep":   map[string]any{"deeper": []any{map[string]any{"deepest": []any{"one", []any{"two"}}}}},
		"number": int64(7),
		"table":  []any{map[string]any{"x": "one"}, map[string]any{"x": "two"}},
	}, c.Raw["custom"])
}

func TestAllUnsetVariablesAreNamed(t *testing.T) {
	requireProblems(t, `
[server]
listen = "${NO_LISTEN}"
[alerting.channels.slack]
enabled = true
webhook_url = "${SLACK_WEBHOOK_URL}"
[alerting.channels.webhook]
url = "${NO_HOST}/${NO_PATH}/${SET}/${NO_QUERY:-}"
headers = { X-Token = "${NO_TOKEN}" }
[alerting.channels.email]
to = ["${SET}", "${NO_TO}"]
[alerting.custom]
"my.key" = [ { x = "${NO_CUSTOM}" } ]
`, env{"SET": "x"},
		`alerting.channels.email.to[1]: environment variable NO_TO is not set`,
		`alerting.channels.slack.webhook_url: environment variable SLACK_WEBHOOK_URL is not set`,
		`alerting.channels.webhook.headers.X-Token: environment variable NO_TOKEN is not set`,
		`alerting.channels.webhook.url: environment variable NO_HOST is not set`,
		`alerting.channels.webhook.url: environment variable NO_PATH is not set`,
		`alerting.custom."my.key"[0].x: environment variable NO_CUSTOM is not set`,
		`server.listen: environment variable NO_LISTEN is not set`,
	)
}

func TestUnsetVariableIsTheOnlyProblemOfItsKey(t *testing.T) {
	requireProblems(t, `
[server]
listen = "${U}"
read_timeout = "${U}"
max_body = "${U}"
max_streams = "${U}"
[alerting]
enabled = "${U}"
min_severity = "${U}"
buffer_size = "${U}"
[alerting.channels.email]
enabled = true
smtp_host = "${U}"
smtp_port = "${U}"
from = "${U}"
to = ["${U}"]
tls = "${U}"
categories = ["${U}"]
[alerting.channels.other]
kind = "${U}"
`, nil,
		`alerting.buffer_size: environment variable U is not set`,
		`alerting.channels.email.categories[0]: environment variable U is not set`,
		`alerting.channels.email.from: environment variable U is not set`,
		`alerting.channels.email.smtp_host: environment variable U is not set`,
		`alerting.channels.email.smtp_port: environment variable U is not set`,
		`alerting.channels.email.tls: environment variable U is not set`,
		`alerting.channels.email.to[0]: environment variable U is not set`,
		`alerting.channels.other.kind: environment variable U is not set`,
		`alerting.enabled: environment variable U is not set`,
		`alerting.min_severity: environment variable U is not set`,
		`server.listen: environment variable U is not set`,
		`server.max_body: environment variable U is not set`,
		`server.max_streams: environment variable U is not set`,
		`server.read_timeout: environment variable U is not set`,
	)
}

func TestMalformedReferenceIsAProblem(t *testing.T) {
	const malformed = "alerting.custom.x: has a ${ that begins no reference, must be ${VAR} or ${VAR:-default} with upper case letters, digits and _, or $${ for the characters themselves"
	const nested = "alerting.custom.x: has a ${ in the default of A, must be a default without references"
	for name, row := range map[string]struct{ text, want string }{
		"lower case":               {`${home}`, malformed},
		"mixed case":               {`${Home}`, malformed},
		"a digit first":            {`${1A}`, malformed},
		"no name":                  {`${}`, malformed},
		"a default without a name": {`${:-x}`, malformed},
		"a space":                  {`${A }`, malformed},
		"a dash for the default":   {`${A-x}`, malformed},
		"no end":                   {`a${A`, malformed},
		"no end after a default":   {`${A:-x`, malformed},
		"a letter beyond ASCII":    {`${Ä}`, malformed},
		"a reference in a default": {`${A:-${B}}`, nested},
		"an escape in a default":   {`${A:-$${B}`, nested},
	} {
		t.Run(name, func(t *testing.T) {
			content := "[alerting.custom]\nx = '" + row.text + "'"
			requireProblems(t, content, env{}, row.want)
			requireProblems(t, content, env{"A": "set", "B": "set", "Ä": "set", "home": "set"}, row.want)
		})
	}
}

func TestNumberMayBeOneReference(t *testing.T) {
	content := func(number, boolean string) string {
		return "[server]\nmax_streams = '" + number + "'\n[alerting]\nenabled = '" + boolean + "'\nbuffer_size = '" + number + "'\n" +
			"[alerting.channels.email]\nenabled = '${FALSE}'\nsmtp_port = '" + number + "'\nconcurrency = '" + number + "'\n" +
			"resolved = '" + boolean + "'\nretry = { jitter = '" + boolean + "' }"
	}
	environment := env{"NUMBER": "42", "TRUE": "true", "FALSE": "false", "FOUR": "4", "TWO": "2", "TR": "tr", "UE": "ue", "EMPTY": ""}
	for name, row := range map[string]struct{ number, boolean string }{
		"a reference":                      {`${NUMBER}`, `${TRUE}`},
		"a reference with a default":       {`${NUMBER:-7}`, `${TRUE:-false}`},
		"the default, where it is not set": {`${UNSET:-42}`, `${UNSET:-true}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := requireGood(t, content(row.number, row.boolean), environment)
			require.Equal(t, 42, c.Server.MaxStreams)
			require.Equal(t, 42, c.Alerting.BufferSize)
			require.True(t, c.Alerting.Enabled)
			require.Equal(t, map[string]any{
				"enabled": false, "smtp_port": int64(42), "concurrency": int64(42), "resolved": true,
				"retry": map[string]any{"jitter": true},
			}, raw(c, "email"), "the channel gets numbers and booleans")
			require.False(t, c.ChannelEnabled("email"))
		})
	}
	for name, row := range map[string]struct{ number, boolean, shown, shownBoolean string }{
		"two references":                  {`${FOUR}${TWO}`, `${TR}${UE}`, `"42"`, `"true"`},
		"a reference and a digit":         {`${FOUR}2`, `${TR}ue`, `"42"`, `"true"`},
		"a reference and an empty one":    {`${NUMBER}${EMPTY}`, `${EMPTY}${TRUE}`, `"42"`, `"true"`},
		"an empty reference":              {`${EMPTY}`, `${EMPTY}`, `""`, `""`},
		"a string without references":     {`42`, `true`, `"42"`, `"true"`},
		"a reference to another spelling": {`${TRUE}`, `${NUMBER}`, `"true"`, `"42"`},
	} {
		t.Run(name+" is neither", func(t *testing.T) {
			const notBoolean, notNumber = " is not allowed, must be true or false", " is not allowed, must be a whole number from 1 to "
			_, err := parse(content(row.number, row.boolean), environment)
			require.Error(t, err)
			var problems config.Problems
			require.ErrorAs(t, err, &problems)
			require.Len(t, problems, 7)
			require.Contains(t, problems, config.Problem{Key: "server.max_streams", Message: row.shown + notNumber + "100000"})
			require.Contains(t, problems, config.Problem{Key: "alerting.buffer_size", Message: row.shown + notNumber + "10000000"})
			require.Contains(t, problems, config.Problem{Key: "alerting.enabled", Message: row.shownBoolean + notBoolean})
			for _, key := range []string{"smtp_port", "concurrency", "resolved", "retry.jitter"} {
				require.Contains(t, err.Error(), "alerting.channels.email."+key+": ")
			}
		})
	}
}

// Durations and sizes are strings, so any of their parts may be a reference.
func TestDurationMayHoldReferences(t *testing.T) {
	c := requireGood(t, `
[server]
read_timeout = "${READ}"
idle_timeout = "${SECONDS}s"
max_body = "${N}${UNIT:-MiB}"
[storage]
retention = "${DAYS:-30}d"
`, env{"READ": "1m", "SECONDS": "7", "N": "4"})
	require.Equal(t, "1m0s", c.Server.ReadTimeout.String())
	require.Equal(t, "7s", c.Server.IdleTimeout.String())
	require.Equal(t, int64(4<<20), c.Server.MaxBody)
	require.Equal(t, "720h0m0s", c.Storage.Retention.String())
}

func TestDefaultLookupIsTheProcessEnvironment(t *testing.T) {
	t.Setenv("ALERTD_CONFIG_TEST", "from the process")
	c, err := config.Parse([]byte("[alerting.custom]\nx = \"${ALERTD_CONFIG_TEST}\""), config.Options{})
	require.NoError(t, err)
	require.Equal(t, map[string]any{"x": "from the process"}, c.Raw["custom"])
}

func TestReferenceTakesAnyValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		noBreak := func(value string) bool { return !strings.HasSuffix(value, "\n") }
		value, before, after := rapid.String().Filter(noBreak).Draw(t, "value"), rapid.StringMatching(`[a-z$}:-]*`).Draw(t, "before"), rapid.StringMatching(`[a-z$}:-]*`).Draw(t, "after")
		if len(before) > 0 && before[len(before)-1] == '$' {
			before += " " // or it would be an escape
		}
		c, err := parse("[alerting.custom]\nx = '"+before+"${A}"+after+"'", env{"A": value})
		if err != nil {
			t.Fatal(err)
		}
		custom, _ := c.Raw["custom"].(map[string]any)
		if custom["x"] != before+value+after {
			t.Fatalf("%q", custom["x"])
		}
	})
}

func TestProblemSaysWhatSurroundsASecret(t *testing.T) {
	const secret = "e93facc04764012d7bfb002500d5d1a6"
	file := channel("pagerduty", map[string]string{"enabled": "true", "routing_key": `"${KEY}"`})
	requireGood(t, file, env{"KEY": secret + "\n"})
	for value, around := range map[string]string{
		" " + secret:         "white space",
		secret + "\t":        "white space",
		secret + "\n\n":      "white space",
		`"` + secret + `"`:   "quotation marks",
		"'" + secret + "'":   "quotation marks",
		secret + `"`:         "quotation marks",
		` "` + secret + `" `: "white space",
	} {
		_, err := parse(file, env{"KEY": value})
		require.ErrorContains(t, err, "alerting.channels.pagerduty.routing_key: ", "%q", value)
		require.ErrorContains(t, err, "; the value has "+around+" around it", "%q", value)
		require.NotContains(t, err.Error(), secret)
	}
	_, err := parse(file, env{"KEY": "short"})
	require.ErrorContains(t, err, "routing_key")
	require.NotContains(t, err.Error(), "around it")
	requireProblems(t, "[server]\nmax_streams = \"${N}\"\n", env{"N": " 5"},
		`server.max_streams: " 5" is not allowed, must be a whole number from 1 to 100000; the value has white space around it`)
}
