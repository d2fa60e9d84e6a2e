package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need not depend on the time zones of the system

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/config"
	"alertd/internal/delivery"
	"alertd/internal/matcher"
	"alertd/internal/routing"
	"alertd/internal/template"
)

// desk is what a trading desk may write.
const desk = `
[alerting]
default_channels = ["console"]
[[alerting.routes]]
name = "risk"
match = { min_severity = "WARN", max_severity = "critical", category = ["risk_limit"], source = ["var_*"], message = "(?i)limit", context = { position = "BTC-*", "order.venue" = "X*" } }
not = { source = ["${TEST}"] }
during = "trading-hours"
channels = ["desk", "console"]
group_by = ["source", "category", "message", "dedup_key", "context.position"]
group_wait = "10s"
group_wait_critical = true
repeat_interval = "2h"
resolve_after = "30m"
rate_limit = "30/h"
rate_limit_critical = true
continue = true
template = { title = "{{.Message}}" }
[[alerting.routes]]
name = "nobody"
outside = "nights"
channels = []
[[alerting.routes]]
name = "rest"
[[alerting.promotions]]
name = "often"
match = { category = ["data_quality"] }
count = 10
within = "15m"
to = "critical"
[[alerting.promotions]]
name = "more"
count = 3
within = "5m"
up = 1
[[alerting.inhibitions]]
name = "halted"
while = { source = ["kill_switch"], min_severity = "critical", not = { context = { demo = "true" } } }
hold = { category = ["execution_error"] }
equal = ["context.venue", "context.order.venue"]
[[alerting.calendars]]
name = "trading-hours"
time_zone = "Europe/Berlin"
weekdays = ["mon", "TUE"]
hours = ["09:00-17:30"]
dates = ["2026-12-28", "2026-12-29"]
holidays = ["2026-12-25"]
half_days = { "2026-12-29" = "09:00-14:00" }
[[alerting.calendars]]
name = "nights"
time_zone = "UTC"
hours = ["22:00-06:00"]
[[alerting.windows]]
name = "nightly-batch"
match = { source = ["batch_*"] }
during = "nights"
allow_critical = true
[alerting.storm]
threshold = "20/s"
pass = "error"
digest_every = "1m"
[alerting.flapping]
count = 3
within = "1h"
[alerting.channels.console]
[alerting.channels.desk]
kind = "console"
`

func TestNoise(t *testing.T) {
	c := requireGood(t, desk, env{"TEST": "var_test"})
	require.Equal(t, []routing.Route{
		{
			Name: "risk",
			Condition: matcher.Condition{
				Match: matcher.Spec{
					MinSeverity: alerting.SeverityWarning, MaxSeverity: alerting.SeverityCritical, Category: []alerting.Category{alerting.CategoryRiskLimit},
					Source: []string{"var_*"}, Message: "(?i)limit", Context: map[string]string{"position": "BTC-*", "order.venue": "X*"},
				},
				Not: matcher.Spec{Source: []string{"var_test"}},
			},
			During: "trading-hours", Channels: []string{"desk", "console"}, GroupBy: []string{"source", "category", "message", "dedup_key", "context.position"},
			GroupWait: 10 * time.Second, GroupWaitCritical: true, RepeatInterval: 2 * time.Hour, ResolveAfter: 30 * time.Minute,
			RateLimit: delivery.Rate{Count: 30, Per: time.Hour}, RateLimitCritical: true, Continue: true,
		},
		{Name: "nobody", Outside: "nights", Channels: []string{}},
		{Name: "rest"},
	}, c.Noise.Routes)
	require.Equal(t, map[string]template.Spec{"risk": {Title: "{{.Message}}"}}, c.RouteTemplates)
	require.Equal(t, []string{"console"}, c.Noise.DefaultChannels)
	require.Equal(t, []routing.Promotion{
		{
			Name: "often", Condition: matcher.Condition{Match: matcher.Spec{Category: []alerting.Category{alerting.CategoryDataQuality}}},
			Count: 10, Within: 15 * time.Minute, To: alerting.SeverityCritical,
		},
		{Name: "more", Count: 3, Within: 5 * time.Minute, Up: 1},
	}, c.Noise.Promotions)
	require.Equal(t, []routing.Inhibition{{
		Name: "halted", Equal: []string{"venue", "order.venue"},
		While: matcher.Condition{
			Match: matcher.Spec{Source: []string{"kill_switch"}, MinSeverity: alerting.SeverityCritical},
			Not:   matcher.Spec{Context: map[string]string{"demo": "true"}},
		},
		Hold: matcher.Condition{Match: matcher.Spec{Category: []alerting.Category{alerting.CategoryExecutionError}}},
	}}, c.Noise.Inhibitions)
	require.Equal(t, []routing.Window{{
		Name: "nightly-batch", Condition: matcher.Condition{Match: matcher.Spec{Source: []string{"batch_*"}}}, During: "nights", AllowCritical: true,
	}}, c.Noise.Windows)
	require.Equal(t, routing.Storm{Threshold: 1200, Pass: alerting.SeverityError, DigestEvery: time.Minute}, c.Noise.Storm)
	require.Equal(t, routing.Flapping{Count: 3, Within: time.Hour}, c.Noise.Flapping)
	require.Len(t, c.Noise.Calendars, 2)
	require.Equal(t, "trading-hours: 09:00-17:30 on mon, tue in Europe/Berlin, 2 dates, 1 holiday, 1 half day", c.Noise.Calendars["trading-hours"].String())
	require.Equal(t, "nights: 22:00-06:00 in UTC", c.Noise.Calendars["nights"].String())
	_, err := routing.Compile(c.Noise, nil, c.RepeatInterval, c.IdentifyBy)
	require.NoError(t, err)
}

func TestWithoutNoiseEveryChannelIsTold(t *testing.T) {
	for _, content := range []string{"", "[alerting]\nroutes = []\n[alerting.storm]\nthreshold = '${NONE:-}'"} {
		require.Equal(t, routing.Settings{
			Calendars: map[string]*calendar.Calendar{}, Storm: routing.DefaultStorm(), Flapping: routing.DefaultFlapping(),
		}, requireGood(t, content, nil).Noise)
	}
	require.Equal(t, []string{}, requireGood(t, "[alerting]\ndefault_channels = []", nil).Noise.DefaultChannels, "nobody")
}

func TestNoiseIsShownWithoutSecrets(t *testing.T) {
	c := requireGood(t, desk, env{"TEST": "var_test"})
	shown := requireShown(t, c)["alerting"]
	require.JSONEq(t, `{
		"default_channels": ["console"],
		"routes": [
			{
				"name": "risk", "match": {
					"min_severity": "warning", "max_severity": "critical", "category": ["risk_limit"], "source": ["var_*"], "message": "(?i)limit",
					"context": {"position": "BTC-*", "order.venue": "X*"}
				},
				"not": {"source": ["<secret>"]}, "during": "trading-hours", "channels": ["desk", "console"],
				"group_by": ["source", "category", "message", "dedup_key", "context.position"], "group_wait": "10s", "group_wait_critical": true,
				"repeat_interval": "2h", "resolve_after": "30m", "rate_limit": "30/h", "rate_limit_critical": true, "continue": true,
				"template": {"title": "{{.Message}}", "body": ""}
			},
			{"name": "nobody", "outside": "nights", "channels": [], "continue": false},
			{"name": "rest", "continue": false}
		],
		"promotions": [
			{"name": "often", "match": {"category": ["data_quality"]}, "count": 10, "within": "15m", "to": "critical"},
			{"name": "more", "count": 3, "within": "5m", "up": 1}
		],
		"inhibitions": [{
			"name": "halted", "while": {"source": ["kill_switch"], "min_severity": "critical", "not": {"context": {"demo": "true"}}},
			"hold": {"category": ["execution_error"]}, "equal": ["context.venue", "context.order.venue"]
		}],
		"calendars": [
			{
				"name": "trading-hours", "time_zone": "Europe/Berlin", "weekdays": ["mon", "tue"], "hours": ["09:00-17:30"],
				"dates": ["2026-12-28", "2026-12-29"], "holidays": ["2026-12-25"], "half_days": {"2026-12-29": "09:00-14:00"}
			},
			{"name": "nights", "time_zone": "UTC", "hours": ["22:00-06:00"]}
		],
		"windows": [{"name": "nightly-batch", "match": {"source": ["batch_*"]}, "during": "nights", "allow_critical": true}],
		"storm": {"threshold": "1200/min", "pass": "error", "digest_every": "1m"},
		"flapping": {"count": 3, "within": "1h"}
	}`, marshal(t, only(t, shown, "default_channels", "routes", "promotions", "inhibitions", "calendars", "windows", "storm", "flapping")))
}

// only returns some members of what is shown.
func only(tb testing.TB, shown any, keys ...string) map[string]any {
	tb.Helper()
	table, isTable := shown.(map[string]any)
	require.True(tb, isTable)
	some := map[string]any{}
	for _, key := range keys {
		some[key] = table[key]
	}
	return some
}

func TestChannelsThatAreOnAreShownAsTheDefault(t *testing.T) {
	c := requireGood(t, consoleOn+loggingOff, nil)
	require.Nil(t, c.Noise.DefaultChannels)
	require.Equal(t, []any{"console"}, redactedValue(c, "alerting", "default_channels"))
}

func TestWrongNoiseIsReported(t *testing.T) {
	const (
		duration = " such as 500ms, 30s, 15m, 8h or 90d"
		named    = "name = 'a'\n"
		severity = ` is not one of debug, info, warning, error, critical`
		often    = named + "count = 2\nwithin = '1m'\n"
		halted   = named + "while = { source = ['a'] }\nhold = { source = ['b'] }\n"
		hours    = named + "time_zone = 'UTC'\n"
	)
	for _, c := range []struct {
		list, lines string
		want        []string
	}{
		{"routes", "", []string{".name: is missing"}},
		{"routes", "[[alerting.routes]]", []string{".name: is missing", "[1].name: is missing"}},
		{"routes", "name = 'a b'", []string{`.name: "a b" is not allowed, must be 1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit`}},
		{"routes", named + "[[alerting.routes]]\n" + named, []string{"[1].name: is also that of alerting.routes[0], must be another one"}},
		{"routes", named + "surprise = 1\nmatch = { sauce = ['x'] }\nnot = { context = { a = 1 } }", []string{
			".match.sauce: is not a known key, did you mean source?",
			".not.context.a: must be a string",
			".surprise: is not a known key, did you mean during?",
		}},
		{"routes", named + `match = { min_severity = "loud", category = ["weather"], source = ["ok", "", 'a\'], message = "(", context = { "a b" = '\', "${" = "x" } }`, []string{
			`.match.category[0]: "weather" is not one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other`,
			`.match.context."a b": "\\" ends in a backslash, must have after it the character that it escapes`,
			`.match.message: "(" is not a regular expression (RE2): missing closing ) in "("`,
			`.match.min_severity: "loud"` + severity,
			".match.source[1]: has an empty text, must have 1 to 255 characters",
			`.match.source[2]: "a\\" ends in a backslash, must have after it the character that it escapes`,
		}},
		{"routes", named + `not = { message = "${SECRET}", source = ["${SECRET}"] }`, []string{
			".not.message: the value (not shown) is not allowed",
			".not.source[0]: the value (not shown) is not allowed",
		}},
		{"routes", named + "match = { min_severity = 'error', max_severity = 'info' }", []string{".match.max_severity: is info, must be at least min_severity, which is error"}},
		{"routes", named + "not = { min_severity = 'debug' }", []string{".not: leaves no severity that could match: min_severity and max_severity are each negated by itself"}},
		{"routes", named + "during = 'a'\noutside = 'b'", []string{
			": has during and outside, must have one of them",
			`.during: "a" is not a calendar`,
			`.outside: "b" is not a calendar`,
		}},
		{"routes", named + "channels = ['conso1e', 'console', 'console', '${SECRET}']", []string{
			`.channels[0]: "conso1e" is not a channel, did you mean console?`,
			`.channels[2]: "console" is there twice`,
			".channels[3]: the value (not shown) is not a channel, must be one of console",
		}},
		{"routes", named + "group_by = ['source', 'context.', 'position', 'source', 'context.a']", []string{
			`.group_by[1]: "context." is not allowed, must be source, category, message, dedup_key, or a member of the context such as context.position`,
			`.group_by[2]: "position" is not allowed, must be source, category, message, dedup_key, or a member of the context such as context.position`,
			`.group_by[3]: "source" is there twice`,
		}},
		{"routes", named + "group_wait = '25h'\nrepeat_interval = '0'\nresolve_after = '-1s'\nrate_limit = 'x'\ncontinue = 'y'\ngroup_wait_critical = 1\nrate_limit_critical = 1", []string{
			`.continue: "y" is not allowed, must be true or false`,
			`.group_wait: "25h" is not allowed, must be a duration from 0 to 1d` + duration,
			`.group_wait_critical: 1 is not allowed, must be true or false`,
			`.rate_limit: "x" is not allowed, must be a number and a time, such as 60/min, 1/s, 1000/h or 10/30s`,
			`.rate_limit_critical: 1 is not allowed, must be true or false`,
			`.repeat_interval: "0" is not allowed, must be a duration from 1s to 366d` + duration,
			`.resolve_after: "-1s" is not allowed, must be a duration from 0 to 366d` + duration,
		}},
		{"routes", named + "escalation = 'risk-desk'", []string{".escalation: is not allowed, alertd has no escalation policies yet"}},
		{"routes", named + "template = { title = '{{.Mesage}}', html = 'x' }", []string{
			".template.html: is not a known key, must be one of body, title",
			`.template.title: line 1: no field .Mesage, did you mean .Message?`,
		}},
		{"promotions", named, []string{
			": must have one of to, the severity that it raises to, and up, by how many it raises",
			".count: is missing, must be how many events raise the severity",
			".within: is missing, must be the time in which so many events raise the severity, such as 15m",
		}},
		{"promotions", often + "to = 'error'\nup = 5", []string{
			": must have one of to, the severity that it raises to, and up, by how many it raises",
			".up: 5 is not allowed, must be a whole number from 1 to 4",
		}},
		{"inhibitions", named, []string{
			`.hold: is missing, must be what is held back, such as { category = ["execution_error"] }`,
			`.while: is missing, must be what an open incident has that holds back others, such as { source = ["kill_switch"] }`,
		}},
		{"inhibitions", named + "while = {}\nhold = {}", []string{
			`.while: is empty, must be what an open incident has that holds back others, such as { source = ["kill_switch"] }`,
		}},
		{"inhibitions", halted + "equal = ['context.venue', 'venue', 'context.']", []string{
			`.equal[1]: "venue" is not allowed, must be a member of the context, such as context.venue`,
			`.equal[2]: "context." is not allowed, must be a member of the context, such as context.venue`,
		}},
		{"inhibitions", named + "while = { source = [''], not = { message = '[', souce = 1 } }\nhold = { match = {}, not = { context = { '' = '' } } }", []string{
			".hold.match: is not a known key, must be one of category, context, max_severity, message, min_severity, not, source",
			".hold.not.context: has an empty text, must have 1 to 255 characters",
			`.while.not.message: "[" is not a regular expression (RE2): missing closing ] in "["`,
			".while.not.souce: is not a known key, did you mean source?",
			".while.source[0]: has an empty text, must have 1 to 255 characters",
		}},
		{"inhibitions", halted + "[[alerting.inhibitions]]\nname = 'b'\nwhile = { source = ['b*'], min_severity = 'error' }\nhold = { source = ['c'] }\n" +
			"[[alerting.inhibitions]]\nname = 'c'\nwhile = { source = ['b'] }\nhold = { source = ['a', 'x'] }", []string{
			": a -> c -> a: each of these inhibitions holds back what the next one needs to be open, so that none of them would hold back anything",
		}},
		{"calendars", hours + "weekdays = ['mon', 'day']\nhours = ['9-17']\ndates = ['x']\nholidays = ['2026-12-24', 'y']\nhalf_days = { '2026-12-24' = '09:00-14:00', '24.12.' = 'z' }", []string{
			`.dates[0]: "x" is not a day, such as 2026-12-24`,
			`.half_days."24.12.": "24.12." is not a day, such as 2026-12-24`,
			".half_days.2026-12-24: is a holiday too, must be one of them",
			`.holidays[1]: "y" is not a day, such as 2026-12-24`,
			`.hours[0]: "9-17" must be two times of a day such as 09:00-17:30, 22:00-06:00 over midnight, or 00:00-24:00`,
			`.weekdays[1]: "day" is not allowed, must be one of mon, tue, wed, thu, fri, sat, sun`,
		}},
		{"calendars", named, []string{".time_zone: is missing, must be a name such as Europe/Berlin or UTC"}},
		{"calendars", named + "time_zone = '${SECRET}'", []string{".time_zone: the value (not shown) is not allowed"}},
		{"calendars", hours + "ics = 'none.ics'", []string{`.ics: "none.ics": open none.ics: no such file or directory`}},
		{"windows", named, []string{".during: is missing or empty, must be the name of a calendar"}},
		{"windows", named + "during = ''\noutside = 'x'", []string{
			".during: is missing or empty, must be the name of a calendar",
			".outside: is not a known key, must be one of allow_critical, during, match, name, not",
		}},
		{"windows", named + "during = 'night'\n[[alerting.calendars]]\nname = 'nights'\ntime_zone = 'UTC'", []string{`.during: "night" is not a calendar, did you mean nights?`}},
	} {
		_, err := parse("[alerting.channels.console]\n[[alerting."+c.list+"]]\n"+c.lines, env{"SECRET": `[\`})
		var problems config.Problems
		require.ErrorAs(t, err, &problems, c.lines)
		require.Len(t, problems, len(c.want), "%s", err)
		for i, want := range c.want {
			if !strings.HasPrefix(want, "[") {
				want = "[0]" + want
			}
			require.True(t, strings.HasPrefix(problems[i].Key+": "+problems[i].Message, "alerting."+c.list+want), "%s, not %s", problems[i], want)
		}
	}
}

func TestWrongStormAndFlappingAreReported(t *testing.T) {
	requireProblems(t, "[alerting.storm]\nthreshold = '1/h'\npass = 'loud'\ndigest_every = '1s'\nevery = 1\n[alerting.flapping]\ncount = 1\nwithin = '8d'", nil,
		`alerting.flapping.count: 1 is not allowed, must be 0 or from 2 to 1000`,
		`alerting.flapping.within: "8d" is not allowed, must be a duration from 1m to 7d such as 500ms, 30s, 15m, 8h or 90d`,
		`alerting.storm.digest_every: "1s" is not allowed, must be a duration from 10s to 1d such as 500ms, 30s, 15m, 8h or 90d`,
		`alerting.storm.every: is not a known key, must be one of digest_every, pass, threshold`,
		`alerting.storm.pass: "loud" is not one of debug, info, warning, error, critical`,
		`alerting.storm.threshold: "1/h" is not allowed, must be at least 1/min`)
	requireProblems(t, "[alerting]\ndefault_channels = ['slak', 5]\n[[alerting.routes]]\nname = 'a'\nchannels = 'x'", nil,
		`alerting.default_channels: ["slak", 5] is not allowed, must be a list of strings`,
		`alerting.routes[0].channels: "x" is not allowed, must be a list of strings`)
	requireProblems(t, "[alerting]\ndefault_channels = ['slak']\n[alerting.channels.slack]\n", nil, `alerting.default_channels[0]: "slak" is not a channel, did you mean slack?`)
}

func TestHolidaysOfACalendarComeFromAFile(t *testing.T) {
	path := write(t, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\nDTEND:20261227\nEND:VEVENT\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\nEND:VCALENDAR\n")
	content := "[[alerting.calendars]]\nname = 'x'\ntime_zone = 'UTC'\nics = '" + path + "'\nholidays = ['2026-12-31']\nhalf_days = { '2026-12-24' = '09:00-14:00' }"
	before := requireGood(t, content, nil)
	for text, want := range map[string]bool{
		"2026-12-23": true, "2026-12-24": true, "2026-12-25": false, "2026-12-26": false, "2026-12-27": true, "2026-12-31": false,
	} {
		at, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		require.Equal(t, want, before.Noise.Calendars["x"].Contains(at.Add(13*time.Hour)), text)
	}
	require.JSONEq(t, `[{"name": "x", "time_zone": "UTC", "ics": "`+path+`", "holidays": ["2026-12-31"], "half_days": {"2026-12-24": "09:00-14:00"}}]`,
		marshal(t, redactedValue(before, "alerting", "calendars")))

	require.NoError(t, os.WriteFile(path, []byte("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270101\nEND:VEVENT\nEND:VCALENDAR\n"), 0o600))
	require.Equal(t, []string{"alerting.calendars"}, before.Changed(requireGood(t, content, nil)), "the file is a part of the configuration")

	require.NoError(t, os.WriteFile(path, []byte("BEGIN:VCALENDAR\n"), 0o600))
	requireProblems(t, content, nil, `alerting.calendars[0].ics: "`+path+`": is not a whole file in the iCalendar format: it does not end in END:VCALENDAR`)
	folder := filepath.Dir(path)
	requireProblems(t, strings.Replace(content, path, "${FOLDER}", 1), env{"FOLDER": folder}, `alerting.calendars[0].ics: the value (not shown): read the value (not shown): is a directory`)
}

func TestCirclesOfInhibitionsAreFoundWhereTheyAreCertain(t *testing.T) {
	inhibition := func(name, while, hold string) string {
		return "[[alerting.inhibitions]]\nname = '" + name + "'\nwhile = { " + while + " }\nhold = { " + hold + " }\n"
	}
	const says = ": each of these inhibitions holds back what the next one needs to be open, so that none of them would hold back anything"
	for name, c := range map[string]struct{ content, want string }{
		"two":                                  {inhibition("a", "source = ['x']", "source = ['y']") + inhibition("b", "source = ['y']", "source = ['x']"), "[0]: a -> b -> a"},
		"three, after another":                 {inhibition("o", "source = ['p']", "source = ['x']") + inhibition("a", "source = ['x']", "source = ['y']") + inhibition("b", "source = ['y']", "source = ['z']") + inhibition("c", "source = ['z']", "source = ['x']"), "[1]: a -> b -> c -> a"},
		"everything":                           {inhibition("a", "source = ['x']", "") + inhibition("b", "source = ['y']", ""), "[0]: a -> b -> a"},
		"only a part":                          {inhibition("a", "source = ['x*']", "source = ['y']") + inhibition("b", "source = ['y']", "source = ['x1']"), ""},
		"one, which holds back all but itself": {inhibition("a", "source = ['x']", ""), ""},
		"a chain":                              {inhibition("a", "source = ['x']", "source = ['y']") + inhibition("b", "source = ['y']", "source = ['z']"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				requireGood(t, c.content, nil)
				return
			}
			requireProblems(t, c.content, nil, "alerting.inhibitions"+c.want+says)
		})
	}
}

func TestRoutesAndChannelsThatAreOfNoUseMakeWarnings(t *testing.T) {
	route := func(name, keys string) string { return "[[alerting.routes]]\nname = '" + name + "'\n" + keys + "\n" }
	const on = "[alerting]\nenabled = true\n" + consoleOn
	for content, want := range map[string][]string{
		route("a", "match = { source = ['x*'] }") + route("b", "") + route("c", "match = { source = ['y'] }") + route("d", ""): {
			"alerting.routes[2]: is never reached, as route b takes all that it matches and does not continue",
			"alerting.routes[3]: is never reached, as route b takes all that it matches and does not continue",
		},
		route("a", "continue = true") + route("b", ""): nil,
		route("a", "during = 'n'") + route("b", "outside = 'n'") + route("c", "") + "[[alerting.calendars]]\nname = 'n'\ntime_zone = 'UTC'": nil,
		route("a", "channels = ['console', 'logfile']") + loggingOff:                                                                        {`alerting.routes[0].channels[1]: channel "logfile" is off and gets nothing`},
	} {
		require.Equal(t, want, requireGood(t, on+content, nil).Warnings, content)
	}
	require.Empty(t, requireGood(t, "[alerting]\n"+route("a", "channels = ['logfile']")+loggingOff, nil).Warnings, "alerting is off")
}

func TestReloadTakesOverNoiseAtOnce(t *testing.T) {
	before := requireGood(t, "[alerting]\n", nil)
	after := requireGood(t, desk, env{"TEST": "x"})
	require.Equal(t, []string{
		"alerting.calendars", "alerting.channels.console", "alerting.channels.desk", "alerting.default_channels", "alerting.flapping.count", "alerting.flapping.within",
		"alerting.inhibitions", "alerting.promotions", "alerting.routes", "alerting.storm.digest_every", "alerting.storm.pass", "alerting.storm.threshold", "alerting.windows",
	}, before.Changed(after))
	require.Empty(t, before.RestartRequired(after))
	require.Equal(t, after.Noise, before.Reload(after).Noise)
	require.Empty(t, after.Changed(requireGood(t, desk, env{"TEST": "x"})))
	words := requireGood(t, strings.Replace(desk, "{{.Message}}", "{{.Source}}", 1), env{"TEST": "x"})
	require.Equal(t, []string{"alerting.routes"}, after.Changed(words), "the template of a route changes the routes")
}

// The example of the repository shows each mechanism in comments.
func TestExamplesOfNoiseAreValid(t *testing.T) {
	data, err := os.ReadFile(repositoryFile)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), "# Who is told of what. ")
	require.True(t, found)
	examples, after, found := strings.Cut(rest, "\n\n")
	require.True(t, found)
	_, examples, _ = strings.Cut(examples, "\n#\n")
	examples = regexp.MustCompile(`(?m)^# *`).ReplaceAllString(examples, "")
	before = strings.Replace(before, "# default_channels", "default_channels", 1)
	after = strings.Replace(after, `threshold = ""`, `threshold = "1000/min"`, 1)
	c := requireGood(t, before+examples+"\n"+after, nil)
	require.Len(t, c.Noise.Routes, 1)
	require.Len(t, c.Noise.Promotions, 1)
	require.Len(t, c.Noise.Inhibitions, 1)
	require.Len(t, c.Noise.Calendars, 2)
	require.Len(t, c.Noise.Windows, 1)
	require.Equal(t, []string{"slack"}, c.Noise.DefaultChannels)
	require.Equal(t, 1000, c.Noise.Storm.Threshold)
}
