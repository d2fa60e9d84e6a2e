//go:build !fuzz && !race

package httpapi_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/httpapi"
	"alertd/internal/incident"
	"alertd/internal/limit"
	"alertd/internal/openid/openidtest"
	"alertd/internal/session"
)

// exchange is one request and what must come back beyond what the document requires
// of every answer.
type exchange struct {
	method, target string
	header         []string // names and values in turn
	body           string
	chunked        bool // the body is sent without its length
	config         func(*httpapi.Config)
	given          func(*harness, *httptest.Server) // what has happened before
	// asks, if set, makes the target and the header when all that has happened.
	asks func(*harness) (target string, header []string)

	status int
	want   []string // headers of the answer, names and values in turn
	says   string   // a part of the body; of a stream, what its first bytes end with
	// despite is why the document takes a request that alertd refuses, or
	// refuses one that alertd takes.
	despite string
}

// Reasons why the document and alertd judge a request differently.
const (
	onlyInWords  = "the document says it in words only"
	lenientBatch = "a batch is answered 200 whatever its alerts are"
	anyCase      = "the document lists severities and categories as alertd writes them"
)

// exchanges has every documented status of every operation, except those in
// undriven.
func exchanges(tb testing.TB) map[string]exchange {
	tb.Helper()
	provider := openidtest.Start(tb, callback)
	ada := map[string]any{"email": "ada@example.com", "groups": "risk-desk"}
	acting := func(b openidtest.Behaviour) func(*exchange) {
		return func(x *exchange) { x.given = func(*harness, *httptest.Server) { provider.Act(b) } }
	}
	comesBack := func(status int) exchange {
		return exchange{
			method: http.MethodGet, target: "/login/callback", status: status, despite: onlyInWords, want: []string{"Content-Type", "text/html; charset=utf-8"},
			config: func(c *httpapi.Config) { byProvider(tb, c, provider) },
			asks: func(h *harness) (string, []string) {
				target, cookie := h.startAt(provider, "/events")
				return target, []string{"Cookie", cookie, "Accept", "text/html"}
			},
		}
	}
	post := func(body string, status int) exchange {
		return exchange{method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", asJSON}, body: body, status: status}
	}
	lines := func(body string, status int) exchange {
		x := post(body, status)
		x.header = []string{"Content-Type", asNDJSON}
		return x
	}
	get := func(target string, status int) exchange {
		return exchange{method: http.MethodGet, target: target, status: status}
	}
	adding := func(x exchange, changes ...func(*exchange)) exchange {
		for _, change := range changes {
			change(&x)
		}
		return x
	}
	header := func(pairs ...string) func(*exchange) {
		return func(x *exchange) { x.header = append(slices.Clip(x.header), pairs...) }
	}
	want := func(pairs ...string) func(*exchange) { return func(x *exchange) { x.want = pairs } }
	says := func(text string) func(*exchange) { return func(x *exchange) { x.says = text } }
	despite := func(why string) func(*exchange) { return func(x *exchange) { x.despite = why } }
	config := func(change func(*httpapi.Config)) func(*exchange) { return func(x *exchange) { x.config = change } }
	given := func(f func(*harness, *httptest.Server)) func(*exchange) { return func(x *exchange) { x.given = f } }
	after := func(body string, headers ...string) func(*exchange) {
		return given(func(h *harness, _ *httptest.Server) { h.post(body, headers...) })
	}
	events := given(func(h *harness, _ *httptest.Server) { h.register("var_gate", "stress_gate", "var_gate") })
	broken := func(x *exchange) { x.config = onBrokenLog }
	stopping := given(func(h *harness, _ *httptest.Server) { h.api.Shutdown() })
	small := config(func(c *httpapi.Config) { c.MaxBody = 1024 })
	reload := func(restart []string, err error) func(*exchange) {
		return config(func(c *httpapi.Config) {
			c.Reload = func(context.Context) ([]string, error) { return restart, err }
		})
	}
	reloading := exchange{method: http.MethodPost, target: "/-/reload"}
	status := func(code int) func(*exchange) { return func(x *exchange) { x.status = code } }
	mixed := []string{
		with(`"event_id":"` + knownID + `"`), strings.Replace(breach, "error", "debug", 1), with(`"event_id":"` + knownID + `"`),
		strings.Replace(breach, "error", "loud", 1), `{"source":"a","source":"b"}`, `7`,
	}
	many := make([]string, 25)
	for i := range many {
		many[i] = `"x` + strconv.Itoa(i) + `":1`
	}
	bomb := strings.Replace(breach, "VaR", strings.Repeat("x", 100_000), 1)
	large := strings.Replace(breach, "VaR", strings.Repeat("x", 2000), 1)
	told := given(func(h *harness, _ *httptest.Server) { h.folded(breach, breach).desk.furnish() })
	away := given(func(h *harness, _ *httptest.Server) { h.desk.err = errDiskFull })
	act := func(does, body string, status int) exchange {
		x := post(body, status)
		x.target = "/incidents/" + incidentText + "/" + does
		return adding(x, told)
	}
	audited := given(func(h *harness, _ *httptest.Server) { h.desk.audit() })
	acknowledged := given(func(h *harness, _ *httptest.Server) {
		h.folded(breach).desk.act(h.tb, "acknowledge")
	})
	resolved := given(func(h *harness, _ *httptest.Server) {
		h.folded(breach).desk.act(h.tb, "acknowledge", "resolve")
	})
	ask := func(target, body string, status int) exchange {
		return adding(exchange{method: http.MethodPost, target: target, body: body, status: status}, told)
	}
	several := func(does, body string, status int) exchange {
		x := post(body, status)
		x.target = "/incidents/" + does
		return adding(x, told)
	}
	asJSONBody := header("Content-Type", asJSON)
	retry, test := "/deliveries/"+deliveryText+"/retry", "/channels/slack/test"
	beat := "/heartbeats/var-engine"
	foreign := header("Origin", "https://elsewhere.example")
	desk := access.NewSecret()
	directory, err := access.NewDirectory([]access.Entry{{Name: "desk", Role: access.RoleOperator, Hash: desk.Hash()}}, false)
	if err != nil {
		panic(err) // it is a good one
	}
	known := config(func(c *httpapi.Config) { c.Settings.Access = directory })
	strict := config(func(c *httpapi.Config) {
		c.Settings.Access, c.Settings.Limits.LoginFailures = directory, limit.Rate{Count: 1, Per: time.Hour}
	})
	login := func(body string, status int) exchange {
		return adding(exchange{method: http.MethodPost, target: "/login", header: []string{"Content-Type", asJSON}, body: body, status: status}, known)
	}
	form := func(x exchange) exchange {
		x.header = []string{"Content-Type", asForm}
		return x
	}
	provided := config(func(c *httpapi.Config) { byProvider(tb, c, provider) })
	once := config(func(c *httpapi.Config) {
		byProvider(tb, c, provider)
		c.Settings.Limits.LoginFailures = limit.Rate{Count: 1, Per: time.Hour}
	})
	anew := func(x *exchange) {
		x.asks = func(*harness) (string, []string) { return x.target, nil } // HEAD begins another one
	}
	asProgram := func(x *exchange) {
		asks := x.asks
		x.asks = func(h *harness) (string, []string) {
			target, header := asks(h)
			return target, header[:2]
		}
	}
	goneAfter := func(x *exchange) {
		asks := x.asks
		x.asks = func(h *harness) (string, []string) {
			target, header := asks(h)
			provider.Act(openidtest.Behaviour{Down: true})
			return target, header
		}
	}
	tokenBody, wrongBody := `{"token":"`+desk.Reveal()+`"}`, `{"token":"`+access.NewSecret().Reveal()+`"}`
	logout := exchange{method: http.MethodPost, target: "/logout", body: "{}", header: []string{"Content-Type", asJSON}}
	const byAda = `{"by":"Ada","note":"Looking at it"}`
	const allByAda = `{"incident_ids":["` + incidentText + `","` + knownID + `"],"by":"Ada"}`
	const silenceBody = `{"match":{"source":["var_*"]},"duration":"2h","by":"Ada"}`
	silence := func(body string, status int) exchange {
		x := post(body, status)
		x.target = "/silences"
		return x
	}
	preview := func(body string, status int) exchange {
		x := post(body, status)
		x.target = "/silences/preview"
		return x
	}
	explain := func(body string, status int) exchange {
		x := post(body, status)
		x.target = "/explain"
		return x
	}
	end := func(query string, status int) exchange {
		return exchange{method: http.MethodDelete, target: "/silences/" + silenceText + query, status: status}
	}

	brokenSession := config(func(c *httpapi.Config) {
		c.Settings.Access = directory
		c.Sessions = session.New(session.Config{Store: brokenSessions{}, Idle: time.Hour, Absolute: time.Hour})
	})
	withoutRole := exchange{
		method: http.MethodGet, target: "/whoami", status: 403, says: "ada@example.com has no role",
		config: func(c *httpapi.Config) { byProvider(tb, c, provider) },
		asks: func(h *harness) (string, []string) {
			provider.Act(openidtest.Behaviour{Claims: ada})
			target, cookie := h.startAt(provider, "/")
			in := h.do(http.MethodGet, target, "", "Cookie", cookie)
			h.reconfigure(access.People{Issuer: provider.URL, Roles: map[string]access.Role{"others": access.RoleAdmin}})
			return "/whoami", []string{"Cookie", strings.TrimPrefix(in.sessionOf(h.tb), "__Host-")}
		},
	}

	return map[string]exchange{
		// GET /whoami
		"who I am, nobody being configured": adding(get("/whoami", 200), says(`{"name":"anonymous","role":"admin","kind":"anonymous","open":true,"expires_at":null,"signed_in":false}`)),
		"who I am, by a token":              adding(get("/whoami", 200), known, header("Authorization", "Bearer "+desk.Reveal()), says(`{"name":"desk","role":"operator","kind":"token","open":false,"expires_at":null,"signed_in":false}`)),
		"who I am, without a role":          withoutRole,
		"who I am, the store away":          adding(get("/whoami", 503), brokenSession, header("Cookie", "alertd_session="+strings.Repeat("A", 43)), want("Retry-After", "5")),

		// GET /
		"the dashboard":                          adding(get("/", 200), says("main.js")),
		"the page that explains":                 adding(get("/explain", 200), says("main.js")),
		"the dashboard, for a stranger":          adding(get("/", 303), known, want("Location", "/login?next=%2F")),
		"the page that explains, for a stranger": adding(get("/explain", 303), known, want("Location", "/login?next=%2Fexplain")),

		// POST /alerts: one
		"an alert":                        adding(post(breach, 201), says(`"context":{"current_var":0.0500}`)),
		"an alert with every field":       adding(post(with(`"event_id":"`+knownID+`","timestamp":"2025-12-27T10:30:00.5+01:00","dedup_key":"k"`), 201), want("Location", "/events/"+knownID), says(`"dedup_key":"k"`)),
		"an alert at the limits":          post(`{"severity":"critical","category":"other","source":"`+strings.Repeat("é", 255)+`","message":"`+strings.Repeat("ü", 8192)+`","dedup_key":"`+strings.Repeat("k", 255)+`","context":{}}`, 201),
		"an alert in capitals":            adding(post(strings.NewReplacer("error", "ERROR", "risk_limit", "Risk_Limit").Replace(breach), 201), says(`"severity":"error"`), despite(anyCase)),
		"an alert without a content type": {method: http.MethodPost, target: "/alerts", body: breach, status: 201, despite: onlyInWords},
		"an alert with a charset":         {method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", "application/json; charset=UTF-8"}, body: breach, status: 201},
		"an alert of unknown length":      adding(post(breach, 201), func(x *exchange) { x.chunked = true }),
		"an alert with a key":             adding(post(breach, 201), header("Idempotency-Key", "var_gate-2025-12-27-0042")),
		"an alert of the page itself":     adding(post(breach, 201), header("Sec-Fetch-Site", "same-origin")),
		"a known id":                      adding(post(with(`"event_id":"`+knownID+`"`), 200), after(with(`"event_id":"`+knownID+`"`)), want("Idempotency-Replayed", "true", "Location", "/events/"+knownID)),
		"a known key":                     adding(post(breach, 200), header("Idempotency-Key", "k"), after(breach, "Idempotency-Key", "k"), want("Idempotency-Replayed", "true")),
		"an alert below the minimum":      adding(post(strings.Replace(breach, "error", "debug", 1), 200), says(`{"registered":false,"reason":"severity debug is below min_severity info"}`)),
		"an alert while alertd stops":     adding(post(breach, 201), stopping),
		"an alert by another severity":    adding(post(strings.Replace(breach, "error", "fatal", 1), 201), says(`"severity":"critical"`)),
		"an alert with NaN":               adding(post(strings.Replace(breach, "0.0500", "NaN", 1), 201), says(`"context":{"current_var":"NaN"}`), despite(onlyInWords)),
		"an alert with nulls":             adding(post(with(`"event_id":null,"timestamp":null,"dedup_key":null,"resolves":null`), 201), says(`"severity":"error"`)),
		"an alert that resolves":          adding(post(strings.Replace(with(`"dedup_key":"k","resolves":true`), "error", "debug", 1), 201), says(`"dedup_key":"k","resolves":true}`)),
		"an alert of Python's time":       adding(post(with(`"timestamp":"2025-12-27T10:30:00.123456"`), 201), says(`"timestamp":"2025-12-27T10:30:00.123456Z"`)),
		"an alert of another type":        {method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", "application/cloudevents+json"}, body: breach, status: 201, despite: onlyInWords},
		"an alert, compressed":            adding(post(string(gzipped(breach)), 201), header("Content-Encoding", "gzip"), says("var_gate"), despite(onlyInWords)),
		"an alert after a mark":           adding(post("\ufeff"+breach, 201), says("var_gate"), despite(onlyInWords)),

		// POST /alerts: batches
		"an array":                          adding(post("["+breach+","+breach+"]", 200), says(`"registered":2,"filtered":0,"duplicate":0,"rejected":0`)),
		"lines":                             adding(lines(breach+"\n\r\n"+breach, 200), says(`"registered":2,"filtered":0,"duplicate":0,"rejected":0`)),
		"an array of good and bad":          adding(post("["+strings.Join(mixed, ",")+"]", 200), says(`"registered":1,"filtered":1,"duplicate":1,"rejected":3`), despite(lenientBatch)),
		"lines of good and bad":             adding(lines(strings.Join(mixed, "\n"), 200), says(`"registered":1,"filtered":1,"duplicate":1,"rejected":3`)),
		"an array with NaN":                 adding(post("["+strings.Replace(breach, "0.0500", "NaN", 1)+`,{"context":{"a":.5}},`+breach+"]", 200), says(`"errors":[{"field":"context.a","message":"malformed JSON at byte`), despite(onlyInWords)),
		"lines of another type":             {method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", "application/jsonl"}, body: breach + "\r\n" + breach + "\r\n", status: 200, says: `"registered":2`, despite: onlyInWords},
		"lines that break off":              adding(lines(breach+"\n{", 200), says("ends too soon")),
		"an array of more faults than told": adding(post(`[{`+strings.Join(many, ",")+`}]`, 200), says("more"), despite(lenientBatch)),
		"an array in which all is known":    adding(post(`[`+mixed[0]+`]`, 200), after(mixed[0]), says(`"status":"duplicate","event_id":"`+knownID+`"`)),

		// POST /alerts: refusals
		"no JSON":                      adding(post("severity=error", 400), says("malformed JSON")),
		"no body":                      adding(post("", 400), says("ends too soon")),
		"half an alert":                adding(post(breach[:40], 400), says("ends too soon")),
		"half an array":                adding(post("["+breach, 400), says("ends too soon")),
		"two values":                   adding(post(breach+breach, 400), says("more after")),
		"a field given twice":          adding(post(with(`"source":"a"`), 400), says("duplicate"), despite(onlyInWords)),
		"a key with an array":          adding(post("["+breach+"]", 400), header("Idempotency-Key", "k"), says("Idempotency-Key"), despite(onlyInWords)),
		"a key with lines":             adding(lines(breach, 400), header("Idempotency-Key", "k"), says("Idempotency-Key"), despite(onlyInWords)),
		"two keys":                     adding(post(breach, 400), header("Idempotency-Key", "k", "Idempotency-Key", "l"), says("once"), despite("the validator looks at the first of two headers")),
		"too long a key":               adding(post(breach, 400), header("Idempotency-Key", strings.Repeat("k", 256)), says("1 to 255")),
		"a key that is not printable":  adding(post(breach, 400), header("Idempotency-Key", "a\tb"), says("printable ASCII")),
		"a foreign page":               adding(post(breach, 403), header("Origin", "https://elsewhere.example"), says("another origin")),
		"a foreign page, as told":      adding(post(breach, 403), header("Sec-Fetch-Site", "cross-site"), says("another origin")),
		"too long a body":              adding(post(large, 413), small, says("limit of 1024 bytes")),
		"too long a body, unannounced": adding(post(large, 413), small, func(x *exchange) { x.chunked = true }, says("limit of 1024 bytes")),
		"a form":                       {method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, body: "severity=error", status: 415, says: "must be application/json or application/x-ndjson"},
		"JSON in another charset":      {method: http.MethodPost, target: "/alerts", header: []string{"Content-Type", "application/json; charset=latin1"}, body: breach, status: 415, says: "UTF-8", despite: onlyInWords},
		"an unknown compression":       adding(post(breach, 415), header("Content-Encoding", "br"), says("must be gzip or zstd"), despite(onlyInWords)),
		"a body that is no gzip":       adding(post(breach, 400), header("Content-Encoding", "gzip"), says("cannot be unpacked"), despite(onlyInWords)),
		"a bomb":                       adding(post(string(gzipped(bomb)), 413), header("Content-Encoding", "gzip"), small, says("limit of 1024 bytes once it is unpacked"), despite(onlyInWords)),
		"alertd's own source":          adding(post(strings.Replace(breach, "var_gate", "alertd", 1), 422), says("alertd's own")),
		"an unknown severity":          adding(post(strings.Replace(breach, "error", "loud", 1), 422), says("must be one of debug")),
		"an unknown field":             adding(post(with(`"sevirity":1`), 422), says("not a known field")),
		"a field less":                 adding(post(`{"severity":"error","category":"other","source":"s"}`, 422), says("message")),
		"more faults than told":        adding(post(`{`+strings.Join(many, ",")+`}`, 422), says("and 9 more")),
		"too deep a context":           adding(post(strings.Replace(breach, `{"current_var":0.0500}`, strings.Repeat(`{"a":`, 32)+"{}"+strings.Repeat("}", 32), 1), 422), says("deeper than 32"), despite(onlyInWords)),
		"an empty array":               adding(post("[]", 422), says("1 to 10000 alerts")),
		"no lines":                     adding(lines("\n\n", 422), says("1 to 10000 alerts"), despite(onlyInWords)),
		"an array of 10,001":           adding(post("["+strings.Repeat("1,", 10_000)+"1]", 422), says("1 to 10000 alerts")),

		// GET /events
		"events":                      adding(get("/events", 200), events, says(`"next_cursor":null`)),
		"no events":                   adding(get("/events", 200), says(`{"events":[],"next_cursor":null}`)),
		"a page of events":            adding(get("/events?limit=1", 200), events, says(`"next_cursor":"djEuMw"`)),
		"the page after":              adding(get("/events?limit=2&cursor=djEuMw", 200), events, says(`"next_cursor":null`)),
		"events by every filter":      adding(get("/events?limit=1000&min_severity=warning&category=risk_limit&category=other&source=var_gate&source=x&since=2020-01-01T00:00:00Z&until=2999-01-01T00:00:00%2B01:00&q=LIMIT", 200), events, says("var_gate")),
		"a limit of 0":                adding(get("/events?limit=0", 400), says("1 to 1000")),
		"a limit of 1001":             adding(get("/events?limit=1001", 400), says("1 to 1000")),
		"an unknown parameter":        adding(get("/events?page=2", 400), says("is not a known parameter")),
		"an unknown category":         adding(get("/events?category=risk", 400), says("must be one of risk_limit")),
		"an empty source":             adding(get("/events?source=", 400), says("1 to 255")),
		"a time that is none":         adding(get("/events?since=yesterday", 400), says("RFC 3339")),
		"events, oldest first":        adding(get("/events?order=asc&limit=1", 200), events, says(`"next_cursor":"YTEuMQ"`)),
		"the page after, upwards":     adding(get("/events?order=asc&limit=2&cursor=YTEuMQ", 200), events, says(`"next_cursor":null`)),
		"a cursor of the other order": adding(get("/events?order=asc&cursor=djEuMw", 400), says("next_cursor"), despite("what a cursor holds is alertd's own")),
		"events of several names":     adding(get("/events?category=risk_limit,other&source=%20var_gate%20", 200), events, says("var_gate")),
		"a cursor of one's own":       adding(get("/events?cursor=AAAAAAAA", 400), says("next_cursor"), despite("what a cursor holds is alertd's own")),
		"a parameter given twice":     adding(get("/events?limit=1&limit=2", 400), says("must be given once")),

		// GET /events/histogram
		"a histogram":                    adding(get("/events/histogram", 200), events, says(`"width_seconds":1800,"buckets":[{"start":"`)),
		"a histogram of a day long past": adding(get("/events/histogram?since=2025-12-27T00:00:00Z&until=2025-12-28T00:00:00Z&buckets=2", 200), after(with(`"timestamp":"2025-12-27T10:30:00Z"`)), says(`{"since":"2025-12-27T00:00:00.000000Z","until":"2025-12-28T00:00:00.000000Z","width_seconds":43200,"buckets":[{"start":"2025-12-27T00:00:00.000000Z","debug":0,"info":0,"warning":0,"error":1,"critical":0},{"start":"2025-12-27T12:00:00.000000Z","debug":0,"info":0,"warning":0,"error":0,"critical":0}]}`)),
		"a histogram in no buckets":      adding(get("/events/histogram?buckets=0", 400), says("must be a number from 1 to 500")),
		"a histogram in too many":        adding(get("/events/histogram?buckets=501", 400), says("must be a number from 1 to 500")),
		"a histogram backwards":          adding(get("/events/histogram?since=2025-12-28T00:00:00Z&until=2025-12-28T00:00:00Z", 400), says("must be before until, which is 2025-12-28T00:00:00.000000Z"), despite(onlyInWords)),
		"a histogram of a century":       adding(get("/events/histogram?since=1970-01-01T00:00:00Z&until=2070-01-01T00:00:00Z", 400), says("must be at most 3660 days before until"), despite(onlyInWords)),
		"a histogram before all time":    adding(get("/events/histogram?since=1969-12-31T00:00:00Z&until=1970-02-01T00:00:00Z", 400), says("must be from the year 1970 to 2999"), despite(onlyInWords)),
		"a histogram of no time":         adding(get("/events/histogram?until=yesterday", 400), says("RFC 3339")),
		"a histogram by a filter":        adding(get("/events/histogram?source=var_gate", 400), says("is not a known parameter, must be one of since, until, buckets")),
		"a histogram, the log broken":    adding(get("/events/histogram", 503), broken, want("Retry-After", "5"), says("the disk is full")),

		// GET /events/{event_id}
		"an event":               adding(get("/events/"+knownID, 200), after(with(`"event_id":"`+knownID+`"`)), says(knownID)),
		"an event, in capitals":  adding(get("/events/"+strings.ToUpper(knownID), 200), after(with(`"event_id":"`+knownID+`"`)), says(knownID)),
		"an event that is not":   adding(get("/events/"+knownID, 404), says(knownID)),
		"an id that is none":     adding(get("/events/7", 400), says("must be a UUID")),
		"the id that means none": adding(get("/events/00000000-0000-0000-0000-000000000000", 400), says("must be a UUID")),

		// GET /events/stream
		"a stream":                          adding(get("/events/stream", 200), says("retry: 2000\n\n")),
		"a stream that goes on":             adding(get("/events/stream?min_severity=error&category=risk_limit&source=var_gate&since=2020-01-01T00:00:00Z&q=LIMIT", 200), events, header("Last-Event-ID", "1"), says("\n\nid: 3\nevent: alert\ndata: {")),
		"a stream with changes":             adding(get("/events/stream?changes=true", 200), events, says("retry: 2000\n\n")),
		"a stream that has missed events":   adding(get("/events/stream?last_event_id=7", 200), events, says("event: gap\ndata: {\"from\":1,\"to\":7,")),
		"a stream by an unknown filter":     adding(get("/events/stream?limit=5", 400), says("is not a known parameter")),
		"a stream from no event":            adding(get("/events/stream?last_event_id=-1", 400), says("whole number")),
		"a stream from no event, by header": adding(get("/events/stream", 400), header("Last-Event-ID", "x"), says("whole number")),
		"a stream while alertd stops":       adding(get("/events/stream", 503), stopping, want("Retry-After", "5"), says("shutting down")),
		"a stream too many": adding(get("/events/stream", 503), want("Retry-After", "5"), says("which is the limit"),
			config(func(c *httpapi.Config) { c.MaxStreams = 1 }),
			given(func(h *harness, server *httptest.Server) { listen(h.tb, server, "") })),

		// The others
		"statistics of nothing": adding(get("/stats", 200), says(`"oldest":null`)),
		"statistics":            adding(get("/stats", 200), events, says(`"var_gate":2`)),
		"statistics of noise":   adding(get("/stats", 200), says(`"noise":{"events":70,"incidents":7,"messages":5,"held_back":{"group_wait":0,"inhibition":0,"silence":2,"storm":0,"throttle":0,"window":0}}`)),
		"statistics of incidents": adding(get("/stats", 200), says(`"incidents":{"triggered":{"critical":0,"debug":0,"error":1,"info":0,"warning":0},"acknowledged":{"critical":0,"debug":0,"error":1,"info":0,"warning":0}}`), given(func(h *harness, _ *httptest.Server) {
			h.folded(breach, with(`"dedup_key":"k"`)).desk.act(h.tb, "acknowledge")
		})),
		"metrics":                    adding(get("/metrics", 200), want("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"), says("alertd_events_total")),
		"metrics as OpenMetrics":     adding(get("/metrics", 200), header("Accept", "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), want("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"), says("# TYPE alertd_events counter\n")),
		"metrics as Prometheus asks": adding(get("/metrics", 200), header("Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;q=0.3"), want("Content-Type", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; escaping=underscores"), says("alertd_events_total")),
		"it is alive":                get("/healthz", 200),
		"it is ready":                get("/readyz", 200),
		"an alert, the log broken":   adding(post(breach, 503), broken, want("Retry-After", "5"), says("the disk is full")),
		"a batch, the log broken":    adding(post("["+breach+"]", 503), broken, want("Retry-After", "5"), says("the disk is full")),
		"events, the log broken":     adding(get("/events", 503), broken, want("Retry-After", "5"), says("the disk is full")),
		"an event, the log broken":   adding(get("/events/"+knownID, 503), broken, says("the disk is full")),
		"statistics, the log broken": adding(get("/stats", 503), broken, says("the disk is full")),
		"not ready, the log broken":  adding(get("/readyz", 503), broken, want("Retry-After", "5"), says("the disk is full")),
		"it is ready no more":        adding(get("/readyz", 503), stopping, want("Retry-After", "5"), says("shutting down")),
		"the version":                adding(get("/version", 200), says("v1.2.3")),
		"the version and its day":    adding(get("/version", 200), config(func(c *httpapi.Config) { c.Build.BuiltAt = "2025-12-27T10:30:00Z" }), says("2025-12-27")),
		"the configuration":          adding(get("/config", 200), says("127.0.0.1:8080")),
		"a mistake of alertd's":      adding(get("/config", 500), config(panics), says("request_id")),
		"reloaded":                   adding(reloading, status(200), says(`{"reloaded":true,"restart_required":[]}`)),
		"reloaded except one key":    adding(reloading, status(200), reload([]string{"server.listen"}, nil), says("server.listen")),
		"a bad configuration":        adding(reloading, status(422), reload(nil, badConfig{}), says("alerting.min_severity"), despite("the configuration is not in the request")),
		"no configuration":           adding(reloading, status(500), reload(nil, errors.New("disk on fire")), says("internal error")),
		"reload from a foreign page": adding(reloading, status(403), header("Origin", "https://elsewhere.example")),
		"the document":               adding(get("/openapi.yaml", 200), says("openapi: 3.1")),
		"the page":                   adding(get("/docs", 200), says("<!doctype html>")),
		"the page as a file":         adding(get("/docs/index.html", 200), want("Content-Type", "text/html; charset=utf-8")),
		"the page's style":           adding(get("/docs/docs.css", 200), want("Content-Type", "text/css; charset=utf-8")),
		"the page's script":          adding(get("/docs/docs.js", 200), want("Content-Type", "text/javascript; charset=utf-8")),
		"the page's renderer":        adding(get("/docs/redoc.standalone.js", 200), want("Content-Type", "text/javascript; charset=utf-8")),
		"the renderer's licence":     adding(get("/docs/LICENSE.redoc.txt", 200), want("Content-Type", "text/plain; charset=utf-8")),
		"a file that is not":         adding(get("/docs/other.js", 404), says("/docs/other.js")),

		// What is no operation
		"nothing":                 adding(get("/nothing", 404), says("/nothing")),
		"nothing to post to":      adding(exchange{method: http.MethodPost, target: "/nothing", body: "{}", status: 404}),
		"another method":          {method: http.MethodDelete, target: "/events", status: 405, want: []string{"Allow", "GET, HEAD"}},
		"another method, to post": {method: http.MethodPut, target: "/alerts", body: breach, status: 405, want: []string{"Allow", "POST"}},
		"get where to post":       adding(get("/alerts", 405), want("Allow", "POST")),
		"get where to reload":     adding(get("/-/reload", 405), want("Allow", "POST")),
		"get where to test":       adding(get(test, 405), want("Allow", "POST")),

		// GET /audit
		"the audit log":               adding(get("/audit", 200), audited, want("Content-Type", asJSON), says(`{"records":[{"action":"incident.acknowledge","actor":"desk-bot","address":"192.0.2.7"`)),
		"an empty audit log":          adding(get("/audit", 200), want("Content-Type", asJSON), says(`{"records":[],"next_cursor":null}`)),
		"a page of the audit log":     adding(get("/audit?limit=1", 200), audited, want("Content-Type", asJSON), says(`"next_cursor":"dTEuMg"`)),
		"the audit log by filters":    adding(get("/audit?actor=desk-bot&actor=eve&action=incident.acknowledge&object="+incidentText+"&since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&order=desc&limit=5&cursor=dTEuOQ", 200), audited, want("Content-Type", asJSON), says(`"for":"ada"`)),
		"damage in the audit log":     adding(get("/audit", 200), audited, given(func(h *harness, _ *httptest.Server) { h.desk.audit(); h.desk.unreadable = 2 }), want("Content-Type", asJSON), says(`"unreadable":2`)),
		"an export of the audit log":  adding(get("/audit", 200), audited, header("Accept", asNDJSON), want("Content-Type", asNDJSON, "Connection", ""), says(`"number":1,`)),
		"the audit log in no order":   adding(get("/audit?order=up", 400), says("must be asc or desc")),
		"the audit log by no object":  adding(get("/audit?object=", 400), says("must have 1 to 255")),
		"the audit log, all of it":    adding(get("/audit?limit=0", 400), says("must be a number from 1 to 1000")),
		"audit log, another's cursor": adding(get("/audit?order=asc&cursor=dTEuMg", 400), says("not a cursor of this list"), despite("what a cursor holds is alertd's own")),
		"audit log, database away":    adding(get("/audit", 503), away),
		"an export, database away":    adding(get("/audit", 503), away, header("Accept", asNDJSON)),

		// GET /incidents
		"incidents":                    adding(get("/incidents", 200), told, says(`"incidents":[{"incident_id":"`+incidentText+`","number":1,"status":"triggered"`)),
		"no incidents":                 adding(get("/incidents", 200), says(`{"incidents":[],"next_cursor":null}`)),
		"resolved incidents":           adding(get("/incidents", 200), resolved, says(`"resolved_by":"Ada","resolved_note":"Looking at it"}`)),
		"a page of incidents":          adding(get("/incidents?limit=1", 200), says(`"next_cursor":"aTEuMg"`), given(func(h *harness, _ *httptest.Server) { h.folded(breach, with(`"dedup_key":"k"`)) })),
		"incidents by every filter":    adding(get("/incidents?status=triggered&status=acknowledged&min_severity=error&category=risk_limit&source=var_gate&since=2020-01-01T00:00:00Z&q=LIMIT&order=desc&limit=10&cursor=aTEuMg", 200), told, says("var_gate")),
		"incidents of a kind":          adding(get("/incidents?fingerprint=00000000000000000000000000000000", 200), told, says(`{"incidents":[],"next_cursor":null}`)),
		"incidents of no kind":         adding(get("/incidents?fingerprint=7", 400), says("must be the 32 hexadecimal digits")),
		"incidents, oldest first":      adding(get("/incidents?order=asc&limit=1", 200), says(`"next_cursor":"bjEuMQ"`), given(func(h *harness, _ *httptest.Server) { h.folded(breach, with(`"dedup_key":"k"`)) })),
		"the incidents after, upwards": adding(get("/incidents?order=asc&cursor=bjEuMQ", 200), told, says(`{"incidents":[],"next_cursor":null}`)),
		"incidents of no status":       adding(get("/incidents?status=open", 400), says("must be one of triggered, acknowledged, resolved")),
		"incidents until":              adding(get("/incidents?until=2020-01-01T00:00:00Z", 400), says("not a known parameter")),
		"incidents by an event cursor": adding(get("/incidents?cursor=djEuMw", 400), says("not a cursor of this list"), despite("what a cursor holds is alertd's own")),
		"incidents, the engine away":   adding(get("/incidents", 503), away, want("Retry-After", "5"), says("the disk is full")),
		"an incident":                  adding(get("/incidents/"+incidentText, 200), told, says(`"timeline":[{"at":"2025-12-27T12:00:00.000000Z","kind":"opened"`)),
		"what is next":                 adding(get("/incidents/"+incidentText, 200), told, says(`"next":[{"at":"2025-12-27T12:00:00.000000Z","kind":"notify","reason":"it is time"},`)),
		"what is next on a channel":    adding(get("/incidents/"+incidentText, 200), told, says(`{"at":"2025-12-27T12:05:00.000000Z","kind":"attempt","reason":"it is time","channel":"slack"}`)),
		"what is next of what is over": adding(get("/incidents/"+incidentText, 200), resolved, says(`"next":[],`)),
		"an incident, bare":            adding(get("/incidents/"+incidentText, 200), says(`"deliveries":[]`), given(func(h *harness, _ *httptest.Server) { h.folded(breach).desk.forget() })),
		"an incident with its story":   adding(get("/incidents/"+incidentText, 200), resolved, says(`"kind":"resolved"`)),
		"an incident that is not":      adding(get("/incidents/"+incidentText, 404), says("there is no incident with the id")),
		"an incident without an id":    adding(get("/incidents/7", 400), says("must be a UUID")),
		"an incident, the engine away": adding(get("/incidents/"+incidentText, 503), away, says("the disk is full")),
		"an event of an incident":      adding(get("/events", 200), told, says(`,"incident_id":"`+incidentText+`"}`)),
		"events, the engine away":      adding(get("/events", 200), says("var_gate"), given(func(h *harness, _ *httptest.Server) { h.folded(breach).desk.err = errDiskFull })),

		// POST /incidents/{incident_id}/acknowledge
		"acknowledged":                     adding(act("acknowledge", byAda, 200), says(`"acknowledged_by":"Ada"`)),
		"acknowledged, no note":            adding(act("acknowledge", `{"by":" Ada "}`, 200), says(`"acknowledged_by":"Ada"`)),
		"acknowledged, no content type":    ask("/incidents/"+incidentText+"/acknowledge", byAda, 200),
		"acknowledged twice":               adding(act("acknowledge", byAda, 200), acknowledged),
		"acknowledged by no JSON":          adding(act("acknowledge", "by=Ada", 400), says("malformed JSON")),
		"acknowledged by nothing":          adding(act("acknowledge", "", 400), says("ends too soon"), despite(onlyInWords)),
		"acknowledged by two":              adding(act("acknowledge", `{"by":"Ada","by":"Eve"}`, 400), says("a field twice"), despite(onlyInWords)),
		"acknowledged from a foreign page": adding(act("acknowledge", byAda, 403), foreign),
		"acknowledged, but not there":      adding(act("acknowledge", byAda, 404), given(func(*harness, *httptest.Server) {})),
		"acknowledged, but resolved":       adding(act("acknowledge", byAda, 409), resolved, says("was resolved by Ada")),
		"acknowledged at length":           adding(act("acknowledge", `{"by":"Ada","note":"`+strings.Repeat("x", 2000)+`"}`, 413), small, given(func(*harness, *httptest.Server) {})),
		"acknowledged by a form":           {method: http.MethodPost, target: "/incidents/" + incidentText + "/acknowledge", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, body: "by=Ada", status: 415, says: "must be application/json"},
		"acknowledged by nobody":           adding(act("acknowledge", `{"note":"n"}`, 422), says(`"by","message":"is missing or empty, must have 1 to 255 characters"`), despite(onlyInWords)),
		"acknowledged with more":           adding(act("acknowledge", `{"by":"Ada","until":"noon"}`, 422), says("not a known field, must be one of by, note")),
		"acknowledged, the engine away":    adding(act("acknowledge", byAda, 503), away, want("Retry-After", "5")),

		// POST /incidents/{incident_id}/resolve
		"resolved":                     adding(act("resolve", byAda, 200), says(`"resolved_by":"Ada"`)),
		"resolved twice":               adding(act("resolve", byAda, 200), resolved),
		"resolved by an array":         adding(act("resolve", "[", 400), says("ends too soon")),
		"resolved from a foreign page": adding(act("resolve", byAda, 403), foreign),
		"resolved, but not there":      adding(act("resolve", byAda, 404), given(func(*harness, *httptest.Server) {})),
		"resolved at length":           adding(act("resolve", `{"by":"Ada","note":"`+strings.Repeat("x", 2000)+`"}`, 413), small, given(func(*harness, *httptest.Server) {})),
		"resolved by lines":            {method: http.MethodPost, target: "/incidents/" + incidentText + "/resolve", header: []string{"Content-Type", asNDJSON}, body: byAda, status: 415},
		"resolved by a number":         adding(act("resolve", `{"by":7}`, 422), says(`"by","message":"must be a string"`)),
		"resolved, the engine away":    adding(act("resolve", byAda, 503), away),

		// POST /incidents/acknowledge, POST /incidents/resolve
		"several acknowledged":                     adding(several("acknowledge", allByAda, 200), says(`{"acknowledged":1,"unchanged":0,"rejected":1,"results":[{"incident_id":"`+incidentText+`","status":"acknowledged"},{"incident_id":"`+knownID+`","status":"rejected","reason":"there is no incident with the id `+knownID+`"}]}`)),
		"several acknowledged, one of them twice":  adding(several("acknowledge", `{"incident_ids":["`+incidentText+`","`+strings.ToUpper(incidentText)+`","7"],"by":"Ada","note":null}`, 200), says(`"unchanged":1,"rejected":1,"results":[`)),
		"several acknowledged by half a body":      adding(several("acknowledge", `{"incident_ids":[`, 400), says("ends too soon")),
		"several acknowledged from a foreign page": adding(several("acknowledge", allByAda, 403), foreign),
		"several acknowledged at length":           adding(several("acknowledge", `{"note":"`+strings.Repeat("x", 2000)+`"}`, 413), small, despite("its length comes first"), given(func(*harness, *httptest.Server) {})),
		"several acknowledged by text":             {method: http.MethodPost, target: "/incidents/acknowledge", header: []string{"Content-Type", "text/plain"}, body: allByAda, status: 415},
		"several acknowledged, but none":           adding(several("acknowledge", `{"incident_ids":[],"by":"Ada"}`, 422), says(`"incident_ids","message":"has 0 ids, must have 1 to 1000"`)),
		"several acknowledged, the engine away":    adding(several("acknowledge", allByAda, 503), away, want("Retry-After", "5")),
		"several resolved":                         adding(several("resolve", allByAda, 200), says(`{"resolved":1,"unchanged":0,"rejected":1,"results":[{"incident_id":"`+incidentText+`","status":"resolved"},{"incident_id":"`+knownID+`","status":"rejected","reason":"there is no incident with the id `+knownID+`"}]}`)),
		"several resolved, one of them twice":      adding(several("resolve", `{"incident_ids":["`+incidentText+`","`+strings.ToUpper(incidentText)+`","7"],"by":"Ada","note":null}`, 200), says(`"unchanged":1,"rejected":1,"results":[`)),
		"several resolved by half a body":          adding(several("resolve", `{"incident_ids":[`, 400), says("ends too soon")),
		"several resolved from a foreign page":     adding(several("resolve", allByAda, 403), foreign),
		"several resolved at length":               adding(several("resolve", `{"note":"`+strings.Repeat("x", 2000)+`"}`, 413), small, despite("its length comes first"), given(func(*harness, *httptest.Server) {})),
		"several resolved by text":                 {method: http.MethodPost, target: "/incidents/resolve", header: []string{"Content-Type", "text/plain"}, body: allByAda, status: 415},
		"several resolved, but none":               adding(several("resolve", `{"incident_ids":[],"by":"Ada"}`, 422), says(`"incident_ids","message":"has 0 ids, must have 1 to 1000"`)),
		"several resolved, the engine away":        adding(several("resolve", allByAda, 503), away, want("Retry-After", "5")),

		// /silences
		"a silence":                      adding(silence(`{"match":{"source":["var_*"],"max_severity":"ERROR"},"not":{"context":{"position":"BTC-*"}},"duration":"1h30m","by":"Ada","comment":"c","allow_critical":false}`, 201), despite(anyCase), says(`"condition":"severity is at most error, source is var_*, not context.position BTC-*","starts_at":"2025-12-27T12:00:00.000000Z","ends_at":"2025-12-27T13:30:00.000000Z","by":"Ada"`)),
		"a silence between two times":    adding(silence(`{"match":{"category":["data_quality"],"message":"(?i)tick","min_severity":"info"},"starts_at":"2025-12-28T00:00:00Z","ends_at":"2025-12-29T00:00:00Z","by":"Ada","comment":null,"allow_critical":true,"not":null,"duration":null}`, 201), says(`"status":"pending"`)),
		"a silence without a type":       {method: http.MethodPost, target: "/silences", body: silenceBody, status: 201},
		"half a silence":                 adding(silence(silenceBody[:20], 400), says("ends too soon")),
		"a silence from a foreign page":  adding(silence(silenceBody, 403), foreign),
		"one silence too many":           adding(silence(silenceBody, 409), says("3 silences"), given(func(h *harness, _ *httptest.Server) { h.desk.silenced(); h.desk.silenced(); h.desk.silenced() })),
		"a silence at length":            adding(silence(`{"comment":"`+strings.Repeat("x", 2000)+`"}`, 413), small, despite("its length comes first")),
		"a silence by a form":            {method: http.MethodPost, target: "/silences", header: []string{"Content-Type", asForm}, body: "by=Ada", status: 415},
		"a silence of everything":        adding(silence(`{"duration":"2h","by":"Ada"}`, 422), says(`{"field":"match","message":"is missing`), despite(onlyInWords)),
		"a silence of an unknown member": adding(silence(`{"match":{"sorce":["a"]},"duration":"2h","by":"Ada"}`, 422), says("match.sorce")),
		"a silence, the engine away":     adding(silence(silenceBody, 503), away),

		"a preview":                     adding(preview(`{"match":{"source":["var_*"]}}`, 200), told, says(`"condition":"source is var_*","total":1,"incidents":[{"incident_id":"`+incidentText)),
		"a preview of nothing":          adding(preview(silenceBody, 200), says(`"total":0,"incidents":[]`)),
		"a preview by two values":       adding(preview("{} {}", 400), says("more after")),
		"a preview from a foreign page": adding(preview(silenceBody, 403), foreign),
		"a preview at length":           adding(preview(`{"comment":"`+strings.Repeat("x", 2000)+`"}`, 413), small, despite("its length comes first")),
		"a preview by text":             {method: http.MethodPost, target: "/silences/preview", header: []string{"Content-Type", "text/plain"}, body: silenceBody, status: 415},
		"a preview of no severity":      adding(preview(`{"match":{"min_severity":"loud"}}`, 422), says("match.min_severity")),
		"a preview, the engine away":    adding(preview(silenceBody, 503), away),

		"silences":                      adding(get("/silences", 200), told, says(`"held_back":2,"incidents":[{"incident_id":"`+incidentText+`","number":1,"since":"2025-12-27T12:00:00.000000Z","held_back":2,"held":true,"status":"triggered","severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03"}]`)),
		"no silences":                   adding(get("/silences?active=true", 200), says(`{"silences":[],"next_cursor":null}`)),
		"a page of silences":            adding(get("/silences?limit=1&active=true", 200), says(`"next_cursor":"czEu`), given(func(h *harness, _ *httptest.Server) { h.desk.silenced(); h.desk.silenced() })),
		"the silences after":            adding(get("/silences?cursor=czEuMTE1NzkwODYwMDYyMTk0NzY2&active=true", 200), told, says(silenceText)),
		"silences that are perhaps":     adding(get("/silences?active=perhaps", 400), says("must be true or false")),
		"silences, the engine away":     adding(get("/silences", 503), away),
		"one silence":                   adding(get("/silences/"+silenceText, 200), told, says(`"silence_id":"`+silenceText+`","status":"active","match":{"source":["var_*"]},"not":{},"condition":"source is var_*"`)),
		"a silence that is not":         adding(get("/silences/"+silenceText, 404), says("there is no silence")),
		"a silence without an id":       adding(get("/silences/7", 400), says("must be a UUID")),
		"one silence, the engine away":  adding(get("/silences/"+silenceText, 503), away),
		"a silence ends":                adding(end("?by=Ada", 200), told, says(`"status":"expired"`)),
		"a silence ends, by nobody":     adding(end("", 200), told, says(`"expired_by":"anonymous"`)),
		"a silence ends by an empty":    adding(end("?by=", 400), told, says("must have 1 to 255")),
		"a silence ends elsewhere":      adding(end("", 403), foreign),
		"a silence that is not ends":    end("", 404),
		"a silence ends with no engine": adding(end("", 503), away),

		// POST /explain
		"an explanation":                    adding(explain(`{"alert":`+breach+`,"at":"2026-03-02T09:30:00Z"}`, 200), says(`"at":"2026-03-02T09:30:00.000000Z","registered":true,"reason":null,"fingerprint":"`)),
		"an explanation of what is open":    adding(explain(`{"alert":`+breach+`,"at":null}`, 200), told, says(`"next_update_at":"2025-12-27T13:00:00.000000Z","decisions":[],`)),
		"an explanation of too little":      adding(explain(`{"alert":{"severity":"debug","category":"other","source":"s","message":"m"}}`, 200), says(`"registered":false,"reason":"severity debug is below min_severity info","fingerprint":null`)),
		"an explanation of half":            adding(explain(`{"alert":`, 400), says("ends too soon")),
		"an explanation for a foreign page": adding(explain(`{"alert":`+breach+`}`, 403), foreign),
		"an explanation at length":          adding(explain(`{"alert":`+large+`}`, 413), small),
		"an explanation of text":            {method: http.MethodPost, target: "/explain", header: []string{"Content-Type", "text/plain"}, body: "{}", status: 415},
		"an explanation of nothing":         adding(explain(`{}`, 422), says(`"alert","message":"must be an alert`)),
		"an explanation of no severity":     adding(explain(`{"alert":`+strings.Replace(breach, "error", "loud", 1)+`}`, 422), says("alert.severity")),
		"an explanation of no time":         adding(explain(`{"alert":`+breach+`,"at":"1969-12-31T00:00:00Z"}`, 422), says("from the year 1970")),
		"an explanation, the engine away":   adding(explain(`{"alert":`+breach+`}`, 503), away),

		// GET /channels, POST /channels/{name}/test
		"channels":                     adding(get("/channels", 200), told, says(`"breaker":"half_open"`)),
		"what channels did":            adding(get("/channels", 200), told, says(`{"start":"2025-12-27T11:00:00.000000Z","successes":2,"failures":1},{"start":"2025-12-27T12:00:00.000000Z","successes":0,"failures":0}]}`)),
		"no channels":                  adding(get("/channels", 200), says(`{"channels":[]}`)),
		"channels, the engine away":    adding(get("/channels", 503), away),
		"a test of any media type":     adding(ask(test, "", 200), header("Content-Type", "application/x-www-form-urlencoded"), despite(onlyInWords)),
		"a test":                       adding(ask(test, "", 200), says(`{"channel":"slack","outcome":"transient","code":503,"error":"503 Service Unavailable","duration_ms":12.345,"delivery_id":"`+deliveryText+`"}`)),
		"a test that is delivered":     adding(ask(test, "{}", 200), asJSONBody, says(`"outcome":"delivered","code":null,"error":null`), given(func(h *harness, _ *httptest.Server) { h.desk.furnish(); h.desk.result.Attempt = delivered() })),
		"a test by half a body":        adding(ask(test, "{", 400), asJSONBody, says("ends too soon")),
		"a test from a foreign page":   adding(ask(test, "", 403), foreign),
		"a test of no channel":         adding(ask("/channels/fax/test", "", 404), says("there is no channel")),
		"a test of a disabled channel": adding(ask("/channels/console/test", "", 409), says("is disabled")),
		"a test by a large body":       adding(ask(test, "{"+strings.Repeat(" ", 2000)+"}", 413), asJSONBody, small, given(func(*harness, *httptest.Server) {})),
		"a test by a form":             adding(ask(test, "a=b", 415), header("Content-Type", "application/x-www-form-urlencoded")),
		"a test with a text":           adding(ask(test, `{"message":"hello"}`, 422), asJSONBody, says("there must be none")),
		"a test, the engine away":      adding(ask(test, "", 503), away),

		// GET /heartbeats, POST /heartbeats/{name}
		"heartbeats":                  adding(get("/heartbeats", 200), told, says(`{"heartbeats":[{"name":"var-engine","status":"missed","last_seen":"2025-12-27T12:00:00.000000Z","due_at":"2025-12-27T12:01:30.000000Z","message":"warmed up","every":"1m","grace":"30s","severity":"critical","category":"system_health"},{"name":"feed","status":"waiting","due_at":"2025-12-27T13:30:00.000000Z",`)),
		"no heartbeats":               adding(get("/heartbeats", 200), says(`{"heartbeats":[]}`)),
		"heartbeats, the engine away": adding(get("/heartbeats", 503), away),
		"a ping":                      adding(ask(beat, "", 200), says(`{"name":"var-engine","status":"alive","last_seen":"2025-12-27T12:00:00.000000Z","due_at":"2025-12-27T12:01:30.000000Z","every":"1m",`)),
		"a ping by an object":         adding(ask(beat, "{}", 200), asJSONBody, says(`"status":"alive"`)),
		"a ping that is ok":           adding(ask(beat, `{"status":"ok","message":"warmed up"}`, 200), asJSONBody, says(`"status":"alive"`)),
		"a ping with nulls":           adding(ask(beat, `{"status":null,"message":null}`, 200), asJSONBody, says(`"status":"alive"`)),
		"a ping that fails":           adding(ask(beat, `{"status":"failing","message":"no prices"}`, 200), asJSONBody, says(`"status":"failing"`)),
		"a ping by half a body":       adding(ask(beat, "{", 400), asJSONBody, says("ends too soon")),
		"a ping from a foreign page":  adding(ask(beat, "", 403), foreign),
		"a ping of nothing":           adding(ask("/heartbeats/nobody", "", 404), says("there is no heartbeat of this name")),
		"a ping at length":            adding(ask(beat, `{"message":"`+strings.Repeat("x", 2000)+`"}`, 413), asJSONBody, small, given(func(*harness, *httptest.Server) {})),
		"a ping by text":              adding(ask(beat, "ok", 415), header("Content-Type", "text/plain")),
		"a ping of another status":    adding(ask(beat, `{"status":"fine"}`, 422), asJSONBody, says("is not a known status, must be ok or failing")),
		"a ping with more":            adding(ask(beat, `{"state":"ok"}`, 422), asJSONBody, says("must be one of status, message")),
		"a ping, the engine away":     adding(ask(beat, "", 503), away, want("Retry-After", "5")),

		// GET /deliveries
		"deliveries": adding(get("/deliveries", 200), told, says(`"status":"superseded"`)),
		"a digest": adding(get("/deliveries", 200), says(`"incident_id":null,"incident_ids":["`+incidentText+`"],"generation":1,"notice":9,"reason":"digest"`), given(func(h *harness, _ *httptest.Server) {
			h.desk.plan(delivery.Delivery{
				ID: delivery.NewID(), Generation: 1, Notice: 9, Reason: incident.Digested, Channel: "slack", Status: delivery.Waiting, CreatedAt: noon(), DueAt: noon(), GiveUpAt: noon(),
				Others: []incident.Ref{{Number: 1, ID: knownIncident()}},
			})
		})),
		"no deliveries":                 adding(get("/deliveries", 200), says(`{"deliveries":[],"next_cursor":null}`)),
		"a page of deliveries":          adding(get("/deliveries?limit=2", 200), told, says(`"next_cursor":"ZDEuNQ"`)),
		"deliveries by every filter":    adding(get("/deliveries?status=failed&status=waiting&channel=slack&incident_id="+incidentText+"&limit=1&cursor=ZDEuMw", 200), told, says(deliveryText)),
		"deliveries of no status":       adding(get("/deliveries?status=lost", 400), says("must be one of waiting, sending, delivered, failed, superseded")),
		"deliveries by another's place": adding(get("/deliveries?cursor=aTEuMg", 400), says("not a cursor of this list"), despite("what a cursor holds is alertd's own")),
		"deliveries, the engine away":   adding(get("/deliveries", 503), away),
		"a delivery":                    adding(get("/deliveries/"+deliveryText, 200), told, says(`"attempt_count":2,"error":"503 Service Unavailable","fallback_for":null,"attempts":[{"number":1,"time":"2025-12-27T12:00:00.000000Z","duration_ms":1.5,"outcome":"transient","code":null,"error":"connection refused"}`)),
		"a delivery that is not":        adding(get("/deliveries/"+deliveryText, 404), says("there is no delivery")),
		"a delivery without an id":      adding(get("/deliveries/7", 400), says("must be a UUID")),
		"a delivery, the engine away":   adding(get("/deliveries/"+deliveryText, 503), away),

		// /login, /logout
		"the page to sign in":               adding(get("/login?next=/events", 200), known, says("Sign in"), despite(onlyInWords)),
		"the page, nobody being configured": adding(get("/login", 200), says("No sign-in is needed")),
		"a login":                           adding(login(tokenBody, 200), says(`"name":"desk","role":"operator"`)),
		"a login by a form":                 adding(form(login("token="+desk.Reveal()+"&next=/events", 303)), want("Location", "/events")),
		"a login by half a body":            login(`{"token"`, 400),
		"a login by half a form":            adding(form(login("token=%", 400)), despite(onlyInWords)),
		"a login with a wrong token":        adding(login(wrongBody, 401), says("the token is not known"), want("Content-Type", "application/problem+json")),
		"a login with no token":             adding(form(login("token=hunter2", 401)), says("the token is not a token of alertd"), want("Content-Type", "text/html; charset=utf-8")),
		"a login from a foreign page":       adding(login(tokenBody, 403), foreign),
		"a login to an open alertd":         adding(login(tokenBody, 409), config(func(*httpapi.Config) {}), want("Content-Type", "application/problem+json")),
		"a login to an open alertd by form": adding(form(login("token=x", 409)), config(func(*httpapi.Config) {}), says("No sign-in is needed"), want("Content-Type", "text/html; charset=utf-8")),
		"a login of great length":           adding(login(`{"token":"`+strings.Repeat("x", 20<<10)+`"}`, 413), despite("its length comes first")),
		"a login by text":                   adding(login(tokenBody, 415), func(x *exchange) { x.header = []string{"Content-Type", "text/plain"} }),
		"a login by a number":               login(`{"token":7}`, 422),
		"one login too many":                adding(login(wrongBody, 429), strict, given(failedLogin), want("Content-Type", "application/problem+json")),
		"one login too many by form":        adding(form(login("token=x", 429)), strict, given(failedLogin), says("too many wrong credentials"), want("Content-Type", "text/html; charset=utf-8")),
		"a login that cannot be written":    adding(login(tokenBody, 503), given(func(h *harness, _ *httptest.Server) { h.journal.broken = errDiskFull })),
		"a sign-in that begins":             adding(get("/login/oidc", 303), acting(openidtest.Behaviour{}), provided, anew),
		"a sign-in by no provider":          get("/login/oidc", 404),
		"a sign-in, the provider away":      adding(get("/login/oidc", 503), acting(openidtest.Behaviour{Down: true}), provided, says("cannot be asked"), want("Content-Type", "application/problem+json")),
		"the page, the provider away":       adding(get("/login/oidc", 503), acting(openidtest.Behaviour{Down: true}), provided, header("Accept", "text/html,*/*"), want("Content-Type", "text/html; charset=utf-8")),

		"a sign-in":                adding(comesBack(303), acting(openidtest.Behaviour{Claims: ada}), want("Location", "/events")),
		"a sign-in of nobody":      adding(get("/login/callback", 401), provided, says("did not begin in this browser"), want("Content-Type", "application/problem+json")),
		"a page for nobody":        adding(get("/login/callback", 401), provided, says("did not begin in this browser"), header("Accept", "text/html"), want("Content-Type", "text/html; charset=utf-8")),
		"a program without a role": adding(comesBack(403), acting(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": "others"}}), asProgram, want("Content-Type", "application/problem+json")),

		"a sign-in without a role":     adding(comesBack(403), acting(openidtest.Behaviour{Claims: map[string]any{"email": "ada@example.com", "groups": "others"}}), says("has no role")),
		"a callback by no provider":    get("/login/callback", 404),
		"a sign-in too many":           adding(get("/login/callback", 429), once, given(failedLogin), header("Accept", "text/html"), want("Content-Type", "text/html; charset=utf-8")),
		"a sign-in, the provider gone": adding(comesBack(503), acting(openidtest.Behaviour{}), goneAfter),
		"a sign-in that is not written": adding(comesBack(503), given(func(h *harness, _ *httptest.Server) {
			provider.Act(openidtest.Behaviour{Claims: ada})
			h.journal.broken = errDiskFull
		}), want("Content-Type", "application/problem+json")),
		"a logout":                     adding(logout, status(200), says("signed out")),
		"a logout by a form":           adding(form(logout), func(x *exchange) { x.body = "" }, status(303), want("Location", "/login")),
		"a logout from a foreign page": adding(logout, foreign, status(403)),
		"a logout, the store away": adding(logout, header("Cookie", "alertd_session="+strings.Repeat("A", 43)), status(503), config(func(c *httpapi.Config) {
			c.Sessions = session.New(session.Config{Store: brokenSessions{}, Idle: time.Hour, Absolute: time.Hour})
		})),

		// POST /deliveries/{delivery_id}/retry
		"a retry":                   adding(ask(retry, "", 200), says(`"status":"waiting"`)),
		"a retry, by an object":     adding(ask(retry, "{ }", 200), asJSONBody, says(`"due_at":"2025-12-27T14:00:00.000000Z","finished_at":null`)),
		"a retry by no JSON":        adding(ask(retry, "now", 400), asJSONBody, says("malformed JSON")),
		"a retry from elsewhere":    adding(ask(retry, "", 403), foreign),
		"a retry of nothing":        adding(ask(retry, "", 404), given(func(*harness, *httptest.Server) {})),
		"a retry of what waits":     adding(ask(retry, "", 409), says("only one that is failed"), given(func(h *harness, _ *httptest.Server) { h.desk.furnish(); h.desk.deliveries[0].Status = delivery.Waiting })),
		"a retry at length":         adding(ask(retry, "{"+strings.Repeat(" ", 2000)+"}", 413), asJSONBody, small, given(func(*harness, *httptest.Server) {})),
		"a retry by text":           adding(ask(retry, "{}", 415), header("Content-Type", "text/plain")),
		"a retry by a list":         adding(ask(retry, "[]", 422), asJSONBody, says("must be a JSON object")),
		"a retry, the engine away":  adding(ask(retry, "", 503), away),
		"not ready, without engine": adding(get("/readyz", 503), config(func(c *httpapi.Config) { c.Ready = []httpapi.ReadyCheck{working("log"), full("engine")} }), want("Retry-After", "5"), says(`"engine":{"ok":false,"reason":"the event log is not available: the disk is full"}`)),
	}
}

// failedLogin uses up what is allowed of wrong credentials.
func failedLogin(h *harness, server *httptest.Server) {
	response, err := server.Client().Post(server.URL+"/login", asForm, strings.NewReader("token=x")) //nolint:noctx // of a test
	require.NoError(h.tb, err)
	require.NoError(h.tb, response.Body.Close())
	require.Equal(h.tb, http.StatusUnauthorized, response.StatusCode)
}

// brokenSessions is a store of sessions that does not work.
type brokenSessions struct{}

func (brokenSessions) Find(string) ([]byte, bool, error)      { return nil, false, errDiskFull }
func (brokenSessions) Commit(string, []byte, time.Time) error { return errDiskFull }
func (brokenSessions) Delete(string) error                    { return errDiskFull }

// delivered is an attempt that worked, by a channel that knows no codes.
func delivered() delivery.Attempt {
	return delivery.Attempt{Number: 1, At: noon(), Duration: time.Millisecond, Outcome: channel.Delivered}
}

// badConfig is the error of a configuration that is wrong.
type badConfig struct{}

func (badConfig) Error() string { return "bad configuration" }

func (badConfig) FieldErrors() []alerting.FieldError {
	return []alerting.FieldError{{Field: "alerting.min_severity", Message: `"loud" is not one of debug, info, warning, error, critical`}}
}

// undriven are the documented statuses that no request of a test can cause.
func undriven() map[string]struct {
	but []string // the operations that can
	why string
} {
	return map[string]struct {
		but []string
		why string
	}{
		"500": {[]string{"getConfig", "postReload"}, "it takes a mistake of alertd's; that every route turns one into the same problem is in middleware.go"},
	}
}

func TestExchangesKeepTheContract(t *testing.T) {
	c := newContract(t)
	for name, x := range c.exchanges(t) {
		t.Run(name, func(t *testing.T) { x.run(t, c) })
	}
}

// run makes the exchange on a real connection and has the document judge it.
func (x exchange) run(t *testing.T, c *contract) {
	t.Helper()
	var config []func(*httpapi.Config)
	if x.config != nil {
		config = append(config, x.config)
	}
	h := newHarness(t, config...)
	server := h.serve()
	if x.given != nil {
		x.given(h, server)
	}
	if x.asks != nil {
		x.target, x.header = x.asks(h)
	}
	a := x.send(t, server)

	path := pathOf(h.routes(), x.method, x.request(t, "").URL.Path)
	require.Empty(t, c.judgeAnswer(path, x.request(t, ""), a), "the document against the answer")
	require.Equal(t, x.status, a.status, a.body)
	require.Contains(t, a.body, x.says)
	for i := 0; i < len(x.want); i += 2 {
		require.Equal(t, x.want[i+1], a.header.Get(x.want[i]), x.want[i])
	}
	if path != unmatchedPath {
		x.requireJudgement(t, c.judgeRequest(path, x.request(t, "")))
	}
	if x.method == http.MethodGet && x.asks == nil { // what it asks for is good once
		x.method = http.MethodHead
		requireHead(t, x.send(t, server), a)
	}
}

// requireJudgement compares the document's judgement of the request with alertd's:
// they agree, or the row says why they do not.
func (x exchange) requireJudgement(t *testing.T, breaches []string) {
	t.Helper()
	refused := slices.Contains([]int{http.StatusBadRequest, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity}, x.status)
	if refused == (x.despite == "") {
		require.NotEmpty(t, breaches, "the document would take this request: complete it, or say why in despite")
	} else {
		require.Empty(t, breaches, "the document would refuse this request")
	}
}

// requireHead checks that an answer to HEAD is that to GET without its body.
func requireHead(t *testing.T, head, get answer) {
	t.Helper()
	require.Empty(t, head.body)
	require.Equal(t, get.status, head.status)
	require.ElementsMatch(t, slices.Collect(maps.Keys(get.header)), slices.Collect(maps.Keys(head.header)))
	for name := range get.header {
		if !slices.Contains([]string{"Date", "X-Request-Id", "Content-Length"}, name) {
			require.Equal(t, get.header[name], head.header[name], name)
		}
	}
}

// request makes the exchange's request, to be sent or to be judged.
func (x exchange) request(tb testing.TB, server string) *http.Request {
	tb.Helper()
	var body io.Reader = strings.NewReader(x.body)
	if x.chunked {
		body = io.MultiReader(body) // its length does not show
	}
	r, err := http.NewRequestWithContext(tb.Context(), x.method, server+x.target, body)
	require.NoError(tb, err)
	for i := 0; i < len(x.header); i += 2 {
		r.Header.Add(x.header[i], x.header[i+1])
	}
	r.Header.Set("Accept-Encoding", "identity") // else the client would ask for gzip and undo it
	return r
}

// send returns the answer, of a stream its first bytes.
func (x exchange) send(tb testing.TB, server *httptest.Server) answer {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 10*time.Second)
	defer cancel()
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(x.request(tb, server.URL).WithContext(ctx))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, response.Body.Close()) }()
	var body strings.Builder
	if response.Header.Get("Content-Type") != "text/event-stream" {
		_, err = io.Copy(&body, response.Body)
	} else if x.method != http.MethodHead { // has no end
		for part := make([]byte, 512); err == nil && !strings.Contains(body.String(), x.says); {
			var n int
			n, err = response.Body.Read(part)
			body.Write(part[:n])
		}
	}
	require.NoError(tb, err)
	return answer{response.StatusCode, response.Header, body.String()}
}

// media returns the content type that the answer has, without its parameters:
// where the document has several, the row must say which.
func (x exchange) media(response *v3.Response) string {
	for i := 0; i < len(x.want); i += 2 {
		if x.want[i] == "Content-Type" {
			media, _, _ := strings.Cut(x.want[i+1], ";")
			return media
		}
	}
	if response.Content.Len() == 1 {
		return response.Content.First().Key()
	}
	return "one that the row does not tell"
}

// drives returns the parts of the document that an exchange exercises.
func (x exchange) drives(tb testing.TB, operation *v3.Operation) []string {
	tb.Helper()
	shown := func(kind, what string) string { return operation.OperationId + ": " + kind + " " + what }
	status := strconv.Itoa(x.status)
	response := operation.Responses.Codes.GetOrZero(status)
	require.NotNil(tb, response, shown("answer", status))
	driven := []string{shown("answer", status+" "+x.media(response))}
	if x.status >= http.StatusBadRequest || x.despite != "" {
		return driven // what is refused shows nothing of what is allowed
	}
	request := x.request(tb, "")
	for name := range request.URL.Query() {
		driven = append(driven, shown("query", name))
	}
	for name := range request.Header {
		driven = append(driven, shown("header", name))
	}
	media, _, _ := strings.Cut(request.Header.Get("Content-Type"), ";")
	return append(driven, shown("body", media))
}

// documented returns all parts of an operation in the document, except those in
// undriven.
func documented(operation *v3.Operation) []string {
	shown := func(kind, what string) string { return operation.OperationId + ": " + kind + " " + what }
	var all []string
	for status, response := range operation.Responses.Codes.FromOldest() {
		if excuse, ok := undriven()[status]; ok && !slices.Contains(excuse.but, operation.OperationId) {
			continue
		}
		for media := range response.Content.KeysFromOldest() {
			all = append(all, shown("answer", status+" "+media))
		}
	}
	for _, parameter := range operation.Parameters {
		if parameter.In == "query" {
			all = append(all, shown("query", parameter.Name))
		}
		if parameter.In == "header" {
			all = append(all, shown("header", http.CanonicalHeaderKey(parameter.Name)))
		}
	}
	if operation.RequestBody != nil {
		for media := range operation.RequestBody.Content.KeysFromOldest() {
			all = append(all, shown("body", media))
		}
	}
	return all
}

func TestEverythingDocumentedIsExchanged(t *testing.T) {
	c := newContract(t)
	routes := newHarness(t).routes()
	driven := map[string]bool{}
	for name, x := range c.exchanges(t) {
		_, operation := c.item(pathOf(routes, x.method, x.request(t, "").URL.Path), x.method)
		require.NotNil(t, operation, name)
		for _, what := range x.drives(t, operation) {
			driven[what] = true
		}
	}
	for _, operation := range append(c.operations(), c.unmatched.Get) {
		for _, what := range documented(operation) {
			assert.True(t, driven[what], "%s: is in the document, but no row of exchanges shows it", what)
		}
	}
	for status, excuse := range undriven() {
		for _, id := range excuse.but {
			assert.True(t, driven[id+": answer "+status+" application/problem+json"], "%s %s: undriven excepts it, but no row of exchanges shows it", id, status)
		}
	}
}
