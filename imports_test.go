// Package alertd_test checks the repository as a whole: which package may import which, and
// the dependencies of alertd. Both are lists for reviewers.
//
// The tests run the go command, which go test ignores when it decides whether a cached result
// is valid, so make test does not use the cache.
package alertd_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "alertd"

// row says which packages of ours a package may import.
type row struct {
	may    []string
	strict bool // its tests too may import only these and the package itself
	why    string
}

// imports has a row for each package of ours. Dependencies point from cmd
// inwards, and the core imports none of our packages.
var imports = map[string]row{
	"internal/alerting": {
		strict: true,
		why:    "the core: what an alert means does not depend on how it comes or goes",
	},
	"internal/access": {
		strict: true,
		why:    "pure: who may do what",
	},
	"internal/plaintext": {
		strict: true,
		why:    "makes text from outside inert where people read it",
	},
	"internal/audit": {
		may:    []string{"internal/access"},
		strict: true,
		why:    "pure: the records of who did what, and the chain that they make",
	},
	"internal/calendar": {
		may:    []string{"internal/alerting"},
		strict: true,
		why:    "pure: recurring hours, such as those of an exchange",
	},
	"internal/matcher": {
		may:    []string{"internal/alerting", "internal/plaintext"},
		strict: true,
		why:    "pure: which events a route, a silence or an inhibition is about",
	},
	"internal/openid": {
		may: []string{"internal/access"},
		why: "signs people in by OpenID Connect; knows no page and no session",
	},
	"internal/openid/openidtest": {
		why: "a provider of OpenID Connect that misbehaves on demand; it knows the protocol, not alertd",
	},
	"internal/session": {
		may: []string{"internal/access"},
		why: "keeps people signed in; cmd gives it a store",
	},
	"internal/limit": {
		strict: true,
		why:    "pure: how often a caller may do something",
	},
	"internal/incident": {
		may: []string{"internal/alerting"},
		why: "pure: how events fold into incidents, and which notices that makes",
	},
	"internal/heartbeat": {
		may:    []string{"internal/alerting"},
		strict: true,
		why:    "pure: when a component that has gone silent is accused",
	},
	"internal/watchdog": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound"},
		why: "tells a service outside that alertd works; cmd gives it the proofs",
	},
	"internal/channel": {
		may: []string{"internal/alerting", "internal/incident", "internal/plaintext"},
		why: "messages and their outcomes; the kinds are below it",
	},
	"internal/channel/outbound": {
		may: []string{"internal/channel"},
		why: "the HTTP client of the kinds that need one",
	},
	"internal/template": {
		may: []string{"internal/alerting", "internal/channel", "internal/incident", "internal/plaintext"},
		why: "pure: messages in the words of the configuration",
	},
	"internal/delivery": {
		may: []string{"internal/alerting", "internal/channel", "internal/incident"},
		why: "pure: which channels get a notice, and what follows from an attempt",
	},
	"internal/routing": {
		may: []string{"internal/alerting", "internal/calendar", "internal/delivery", "internal/incident", "internal/matcher"},
		why: "pure: who is told of what, when, and why not",
	},
	"internal/routing/routingtest": {
		may: []string{"internal/alerting", "internal/matcher", "internal/routing"},
		why: "makes the settings and alerts of a large desk for benchmarks; only tests import it",
	},
	"internal/engine": {
		may: []string{"internal/access", "internal/alerting", "internal/audit", "internal/channel", "internal/delivery", "internal/heartbeat", "internal/incident", "internal/matcher", "internal/routing", "internal/store", "internal/store/work", "internal/template"},
		why: "ties the decisions to the store and the channels; no HTTP of its own",
	},
	"internal/wholefile": {
		why: "files that appear complete or not at all",
	},
	"internal/store": {
		may: []string{"internal/access", "internal/alerting", "internal/audit", "internal/store/searchindex", "internal/wholefile"},
		why: "keeps the event log, and the database for the packages below it",
	},
	"internal/store/searchindex": {
		may: []string{"internal/alerting"},
		why: "finds events by their content; it knows no database",
	},
	"internal/store/work": {
		may: []string{"internal/alerting", "internal/audit", "internal/channel", "internal/delivery", "internal/incident", "internal/store"},
		why: "loads and saves the state of the engine; it has no rules",
	},
	"internal/store/failuretest": {
		why: "only tests: the log on a failing database, behind the API",
	},
	"internal/store/storetest": {
		may: []string{"internal/access", "internal/alerting", "internal/audit", "internal/pgtest", "internal/store"},
		why: "the suite that both databases pass; only tests import it",
	},
	"internal/outqueue": {
		why: "an output that may hang",
	},
	"internal/transfer": {
		may: []string{"internal/alerting", "internal/plaintext"},
		why: "moves events between files and a log",
	},
	"internal/client": {
		may: []string{"internal/access", "internal/alerting", "internal/plaintext"},
		why: "asks a running alertd by its HTTP API",
	},
	"internal/spool": {
		may: []string{"internal/alerting", "internal/client", "internal/wholefile"},
		why: "alerts on disk while alertd cannot take them",
	},
	"internal/metrics": {
		may: []string{"internal/alerting", "internal/channel", "internal/delivery", "internal/heartbeat", "internal/incident", "internal/routing", "internal/store"},
		why: "metrics of the core, the log and deliveries, in their own types",
	},
	"internal/config": {
		may: []string{
			"internal/access", "internal/alerting", "internal/calendar", "internal/channel", "internal/channel/console", "internal/channel/email", "internal/channel/logfile",
			"internal/channel/outbound", "internal/channel/pagerduty", "internal/channel/slack", "internal/channel/telegram", "internal/channel/webhook",
			"internal/delivery", "internal/heartbeat", "internal/listen", "internal/matcher", "internal/plaintext", "internal/routing", "internal/template", "internal/watchdog",
		},
		why: "reads the file into the Config of each part",
	},
	"api": {
		why: "the API description and its page, embedded",
	},
	"internal/channel/channeltest": {
		may: []string{"internal/alerting", "internal/channel", "internal/incident", "internal/plaintext"},
		why: "the suite that every kind of channel passes; only tests import it",
	},
	"internal/channel/console": {
		may: []string{"internal/alerting", "internal/channel", "internal/outqueue"},
		why: "a kind of channel: the output of alertd",
	},
	"internal/channel/email": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound", "internal/incident", "internal/plaintext"},
		why: "a kind of channel: mail",
	},
	"internal/channel/email/smtptest": {
		why: "a mail server for tests that misbehaves on demand; it knows the protocol, not alertd",
	},
	"internal/channel/logfile": {
		may: []string{"internal/alerting", "internal/channel", "internal/incident", "internal/plaintext"},
		why: "a kind of channel: a file of JSON lines",
	},
	"internal/channel/pagerduty": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound", "internal/incident", "internal/plaintext"},
		why: "a kind of channel: PagerDuty",
	},
	"internal/channel/pagerduty/pagerdutytest": {
		may: []string{"internal/channel/standin"},
		why: "stands in for PagerDuty, in tests and demonstrations; it knows the protocol, not alertd",
	},
	"internal/channel/slack": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound", "internal/incident"},
		why: "a kind of channel: Slack",
	},
	"internal/channel/slack/slacktest": {
		may: []string{"internal/channel/standin"},
		why: "stands in for Slack, in tests and demonstrations; it knows the protocol, not alertd",
	},
	"internal/channel/standin": {
		why: "common parts of stand-ins for services; only they and tests import it",
	},
	"internal/channel/telegram": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound", "internal/incident"},
		why: "a kind of channel: Telegram",
	},
	"internal/channel/telegram/telegramtest": {
		may: []string{"internal/channel/standin"},
		why: "stands in for Telegram, in tests and demonstrations; it knows the protocol, not alertd",
	},
	"internal/channel/webhook": {
		may: []string{"internal/alerting", "internal/channel", "internal/channel/outbound", "internal/incident"},
		why: "a kind of channel: signed webhooks",
	},
	"internal/dashboard": {
		strict: true,
		why:    "the web page and what it loads; it reads the API from a browser, so it knows none of our packages",
	},
	"internal/httpapi": {
		may: []string{"api", "internal/access", "internal/alerting", "internal/audit", "internal/channel", "internal/dashboard", "internal/delivery", "internal/heartbeat", "internal/incident", "internal/limit", "internal/matcher", "internal/metrics", "internal/openid", "internal/routing", "internal/session"},
		why: "serves the HTTP API; cmd passes its settings, so it knows no file",
	},
	"internal/listen": {
		why: "makes the ways in: sockets, limits of connections, certificates; it knows no HTTP",
	},
	"internal/listen/listentest": {
		why: "makes certificates for tests; only tests import it",
	},
	"internal/needs": {
		why: "skips tests that lack something; nothing that ships may import it",
	},
	"internal/pgtest": {
		why: "gives tests a real PostgreSQL; nothing that ships may import it",
	},
	"cmd/alertd": {
		may: []string{
			"internal/access", "internal/alerting", "internal/audit", "internal/channel", "internal/channel/console", "internal/client", "internal/config", "internal/delivery", "internal/engine",
			"internal/heartbeat", "internal/httpapi", "internal/incident", "internal/limit", "internal/listen", "internal/matcher", "internal/metrics", "internal/openid", "internal/outqueue", "internal/plaintext", "internal/routing", "internal/session", "internal/spool", "internal/store", "internal/store/work", "internal/template", "internal/transfer",
			"internal/watchdog", "internal/wholefile",
		},
		why: "connects the parts; nothing imports it",
	},
	"bench/log": {
		may: []string{"internal/alerting", "internal/store"},
		why: "fills a log with the package itself, and measures the binary on it",
	},
	"bench/delivery": {
		may: []string{"bench/internal/answer", "bench/internal/child", "bench/internal/figures"},
		why: "measures the binary from outside, between a client and a receiver",
	},
	"bench/hostile": {
		may: []string{"bench/internal/answer", "bench/internal/child", "bench/internal/figures"},
		why: "measures the binary from outside, while strangers hold connections to it",
	},
	"bench/http": {
		may: []string{"bench/internal/answer", "bench/internal/child", "bench/internal/figures", "internal/access"},
		why: "measures the binary from outside, as a user meets it",
	},
	"bench/internal/answer": {
		why: "reads HTTP answers at little cost, for the benchmarks",
	},
	"bench/internal/child": {
		why: "runs the measured servers, and reads their usage",
	},
	"bench/internal/figures": {
		why: "medians and percentiles, the same in all benchmarks",
	},
	"test/crash": {
		may: []string{"internal/pgtest"},
		why: "kills the binary and its database, and checks from outside what is left",
	},
	"test/tradingday": {
		may: []string{"internal/alerting"},
		why: "makes a day of alerts and judges what people were told of it, by whichever program",
	},
	"test/tradingday/alertmanager": {
		may: []string{"internal/alerting", "test/tradingday"},
		why: "replays the day through Alertmanager; knows nothing of how alertd tells",
	},
	"test/tradingday/generate": {
		may: []string{"test/tradingday"},
		why: "writes the day to its file",
	},
	"docs/pictures": {
		why: "shows the messages recorded by the tests of channels",
	},
	"examples/counterparts": {
		may: []string{"internal/channel/slack/slacktest"},
		why: "stands in for the other side of channels; knows nothing of alertd",
	},
	"examples/dashboard": {
		why: "uses only the API, like a program of a user",
	},
	"examples/kill_switch": {
		why: "uses only the API, like a program of a user",
	},
	"examples/var_gate": {
		why: "uses only the API, like a program of a user",
	},
}

// dependencies has a row for each module that go.mod requires itself.
var dependencies = map[string]string{
	"github.com/PagerDuty/go-pagerduty":                        "the format of PagerDuty's events",
	"github.com/Shopify/toxiproxy/v2":                          "tests: failing networks",
	"github.com/agnivade/levenshtein":                          "suggests the key that an unknown key of the configuration resembles",
	"github.com/arran4/golang-ical":                            "holidays in files of the iCalendar format",
	"github.com/cespare/xxhash/v2":                             "a stable hash of sources, for the log's index",
	"github.com/dustin/go-humanize":                            "sizes such as 8MiB in the configuration",
	"github.com/emersion/go-sasl":                              "tests: logins of the mail server",
	"github.com/emersion/go-smtp":                              "tests: a mail server",
	"github.com/go-chi/chi/v5":                                 "the router",
	"github.com/go-json-experiment/json":                       "refuses duplicate keys and invalid UTF-8; the standard library's next JSON",
	"github.com/gofrs/flock":                                   "one alertd on one SQLite file",
	"github.com/google/uuid":                                   "ids of events, in the order of time",
	"github.com/jackc/pgx/v5":                                  "PostgreSQL",
	"github.com/klauspost/compress":                            "gzip and zstd of bodies; Prometheus's client requires it anyway",
	"github.com/pb33f/libopenapi":                              "tests: reads the API description",
	"github.com/pb33f/libopenapi-validator":                    "tests: validates requests and answers by the API description",
	"github.com/pelletier/go-toml/v2":                          "TOML with the line and column of a mistake",
	"github.com/pressly/goose/v3":                              "versions of the database's schema",
	"github.com/prometheus/client_golang":                      "metrics",
	"github.com/rivo/uniseg":                                   "characters as people count them, to cut a text in a template",
	"github.com/rogpeppe/go-internal":                          "tests: conversations with the command line as scripts",
	"github.com/rs/zerolog":                                    "tests: the silent logger that toxiproxy requires",
	"github.com/schollz/progressbar/v3":                        "the progress of an import, on a terminal",
	"github.com/slack-go/slack":                                "Slack's blocks, payloads and API",
	"github.com/sony/gobreaker/v2":                             "the circuit breaker of a channel",
	"github.com/spf13/cobra":                                   "subcommands, flags, help and completion",
	"github.com/standard-webhooks/standard-webhooks/libraries": "signatures of webhooks",
	"github.com/stretchr/testify":                              "tests: assertions",
	"github.com/wneessen/go-mail":                              "mail: messages of several parts, SMTP and its logins",
	"go.uber.org/goleak":                                       "tests: leaked goroutines",
	"go.yaml.in/yaml/v3":                                       "tests: configurations of Prometheus and of Alertmanager",
	"golang.org/x/net":                                         "valid names of a webhook's headers; mail through a SOCKS proxy; host names in ASCII",
	"golang.org/x/sync":                                        "errgroup, which waits for the long-running parts",
	"golang.org/x/text":                                        "Unicode normalization and case folding of messages",
	"golang.org/x/term":                                        "whether output goes to a terminal",
	"golang.org/x/time":                                        "rate limits of channels and of callers",
	"github.com/alexedwards/scs/v2":                            "sessions of people in a browser",
	"github.com/coreos/go-oidc/v3":                             "OpenID Connect: discovery, keys, id tokens",
	"github.com/coreos/go-systemd/v22":                         "sockets that systemd has opened",
	"github.com/hashicorp/golang-lru/v2":                       "rate limits of a bounded number of callers",
	"github.com/jedib0t/go-pretty/v6":                          "tables of the command line",
	"github.com/realclientip/realclientip-go":                  "the client's address behind trusted proxies",
	"github.com/rs/cors":                                       "pages of other origins that may read",
	"github.com/teambition/rrule-go":                           "holidays that recur in these files",
	"github.com/tidwall/match":                                 "patterns of sources and of values in a context",
	"github.com/zitadel/oidc/v3":                               "tests: a provider of OpenID Connect",
	"golang.org/x/oauth2":                                      "the authorization code flow with PKCE",
	"modernc.org/sqlite":                                       "SQLite without cgo, so that the binary is static",
	"pgregory.net/rapid":                                       "tests: properties",
}

// goJSON runs the go command and decodes its JSON output.
func goJSON[T any](tb testing.TB, args ...string) []T {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(tb, err, "go %s: %s", strings.Join(args, " "), &stderr)
	var values []T
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var value T
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values
		}
		require.NoError(tb, err)
		values = append(values, value)
	}
}

// ours returns the paths that are packages of alertd, without the module's name.
func ours(paths ...[]string) []string {
	var found []string
	for _, path := range slices.Concat(paths...) {
		if name, ok := strings.CutPrefix(path, module+"/"); ok {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func TestImportsAreAllowed(t *testing.T) {
	type goPackage struct {
		ImportPath   string
		Imports      []string
		TestImports  []string
		XTestImports []string
	}
	gone := maps.Clone(imports)
	for _, pkg := range goJSON[goPackage](t, "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...") {
		name, ok := strings.CutPrefix(pkg.ImportPath, module+"/")
		if !ok {
			continue // the root has only these tests
		}
		row, ok := imports[name]
		assert.True(t, ok, "%s has no row in imports: add what it may import, and why", name)
		assert.NotEmpty(t, row.why, "the row of %s has no reason", name)
		delete(gone, name)
		for _, imported := range ours(pkg.Imports) {
			assert.Contains(t, row.may, imported, "%s must not import %s", name, imported)
		}
		for _, imported := range ours(pkg.TestImports, pkg.XTestImports) {
			if imported == name {
				continue
			}
			assert.False(t, strings.HasPrefix(imported, "cmd/"), "tests of %s must not import %s", name, imported)
			if row.strict {
				assert.Contains(t, row.may, imported, "tests of %s must not import %s", name, imported)
			}
		}
	}
	assert.Empty(t, gone, "rows of packages that do not exist")
}

func TestEveryDependencyHasAReason(t *testing.T) {
	type goMod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	files := goJSON[goMod](t, "mod", "edit", "-json")
	require.Len(t, files, 1)
	gone := maps.Clone(dependencies)
	for _, required := range files[0].Require {
		if required.Indirect {
			continue
		}
		assert.NotEmpty(t, dependencies[required.Path], "%s is not in dependencies: say what it is for, or do without", required.Path)
		delete(gone, required.Path)
	}
	assert.Empty(t, gone, "rows of modules that go.mod no longer requires itself")
}

// Dependencies for tests alone must not be linked into the binary.
func TestBinaryLinksNoTestCode(t *testing.T) {
	type goPackage struct {
		Module *struct{ Path string }
	}
	linked := map[string]bool{}
	for _, pkg := range goJSON[goPackage](t, "list", "-deps", "-json=Module", "./cmd/alertd") {
		if pkg.Module != nil {
			linked[pkg.Module.Path] = true
		}
	}
	for path, why := range dependencies {
		if strings.HasPrefix(why, "tests:") {
			assert.False(t, linked[path], "cmd/alertd links %s, which is for tests", path)
		} else {
			assert.True(t, linked[path], "cmd/alertd does not link %s: if it is for tests, its row must say so", path)
		}
	}
}

// The image has nothing but the binary.
func TestBinaryHasTimeZones(t *testing.T) {
	type goPackage struct{ ImportPath string }
	require.Contains(t, goJSON[goPackage](t, "list", "-deps", "-json=ImportPath", "./cmd/alertd"), goPackage{"time/tzdata"})
}
