package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

// quiet keeps no log, which would grow with every input.
func quiet(c *httpapi.Config) { c.Logger = slog.New(slog.DiscardHandler) }

// raw asks for events with a query that no URL parser has seen.
func (h *harness) raw(query string) answer { return h.rawOf("/events", query) }

// rawOf asks for a list with a query that no URL parser has seen.
func (h *harness) rawOf(list, query string) answer {
	h.tb.Helper()
	request := httptest.NewRequestWithContext(h.tb.Context(), http.MethodGet, list, nil)
	request.URL.RawQuery = query
	recorder := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

// requireRefusal checks the status and the form of a refusal, and that it tells what
// is wrong.
func requireRefusal(tb testing.TB, a answer, statuses ...int) problem {
	tb.Helper()
	require.Contains(tb, statuses, a.status, a.body)
	p := requireProblem(tb, a, a.status)
	require.True(tb, utf8.ValidString(a.body))
	require.LessOrEqual(tb, len(p.Errors), 21)
	for _, e := range p.Errors {
		require.NotEmpty(tb, e.Message)
	}
	return p
}

// known is an event as the fuzz targets see it.
type known struct {
	Seq       int64
	Timestamp time.Time
	Severity  string
	Category  string
	Source    string
	Message   string
}

// asked is a query of a list as the contract defines it, read without alertd's code.
type asked struct {
	list         fuzzedList
	limit        int
	minimum      string
	categories   []string
	sources      []string
	statuses     []string
	since, until *time.Time
	text         string
	channel      string
	incident     string
	fingerprint  string
	ascending    bool
	place        int64 // of the cursor; 0: there is none
}

// fuzzedList is what the contract defines for a list: how often each parameter may be
// given, what its cursors begin with, and the statuses of its entries.
type fuzzedList struct {
	parameters map[string]int
	cursor     string
	upwards    string // the same for the oldest first
	statuses   []string
}

var (
	eventList = fuzzedList{
		parameters: map[string]int{"limit": 1, "min_severity": 1, "category": 8, "source": 100, "since": 1, "until": 1, "q": 1, "order": 1, "cursor": 1},
		cursor:     "v1.", upwards: "a1.",
	}
	incidentList = fuzzedList{
		parameters: map[string]int{"limit": 1, "min_severity": 1, "category": 8, "source": 100, "since": 1, "q": 1, "cursor": 1, "status": 3, "fingerprint": 1, "order": 1},
		cursor:     "i1.", upwards: "n1.", statuses: []string{"triggered", "acknowledged", "resolved"},
	}
	deliveryList = fuzzedList{
		parameters: map[string]int{"limit": 1, "cursor": 1, "status": 5, "channel": 1, "incident_id": 1},
		cursor:     "d1.", statuses: []string{"waiting", "sending", "delivered", "failed", "superseded"},
	}
)

var (
	limitPattern = regexp.MustCompile(`^\+?0*([1-9][0-9]{0,2}|1000)$`)
	timePattern  = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d([.,]\d+)?( ?(Z|z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?))?$`)
	midnight     = regexp.MustCompile(`^24:00:00(\.0+)?(?:$|[^.\d])`)
	wordPattern  = regexp.MustCompile(`(?is)"(?:[^"\\]|\\.)*"|[+-]?\b(?:nan|infinity|inf)\b`)
	placePattern = regexp.MustCompile(`^[1-9][0-9]*$`)
	printPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)
	uuidPattern  = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
)

// read reads a query; it reports whether the contract allows it.
func (l fuzzedList) read(raw string) (q asked, ok bool) {
	values, err := url.ParseQuery(raw)
	ok = err == nil
	q.list, q.limit = l, 100
	for name, given := range values {
		ok = ok && len(given) <= l.parameters[name]
		for _, value := range given {
			ok = q.read(name, value) && ok
		}
	}
	if q.ascending {
		q.list.cursor = l.upwards
	}
	if values.Has("cursor") {
		var place bool
		q.place, place = q.list.readCursor(values.Get("cursor"))
		ok = place && ok
	}
	return q, ok
}

// readNames reads names separated by commas, one by one.
func (q *asked) readNames(value string, most int, read func(string) bool) bool {
	names := strings.Split(value, ",")
	ok := len(names) <= most
	for _, name := range names {
		ok = read(name) && ok
	}
	return ok
}

func (q *asked) read(name, value string) (ok bool) {
	switch name {
	case "limit":
		q.limit, _ = strconv.Atoi(value)
		return limitPattern.MatchString(value)
	case "min_severity":
		if q.minimum, ok = oneOf(value, alerting.Severities()); !ok {
			var severity alerting.Severity // by another name
			ok = severity.UnmarshalText([]byte(value)) == nil
			q.minimum = severity.String()
		}
	case "category":
		return q.readNames(value, len(alerting.Categories()), func(name string) bool {
			category, known := oneOf(name, alerting.Categories())
			q.categories = append(q.categories, category)
			return known
		})
	case "source":
		value = strings.TrimSpace(value)
		q.sources = append(q.sources, value)
		return isText(value) && !strings.Contains(value, "\x00")
	case "status":
		return q.readNames(value, len(q.list.statuses), func(name string) bool {
			i := slices.IndexFunc(q.list.statuses, func(status string) bool { return strings.EqualFold(status, name) })
			if i >= 0 {
				q.statuses = append(q.statuses, q.list.statuses[i])
			}
			return i >= 0
		})
	case "order":
		q.ascending = value == "asc"
		return value == "asc" || value == "desc"
	case "since":
		q.since, ok = readTime(value)
	case "until":
		q.until, ok = readTime(value)
	case "q":
		q.text = value
		return isText(value)
	case "channel":
		q.channel = value
		return isText(value) && !strings.Contains(value, "\x00")
	case "incident_id":
		q.incident = strings.ToLower(value)
		return uuidPattern.MatchString(value) && strings.Trim(value, "0-") != ""
	case "fingerprint":
		q.fingerprint = value
		return printPattern.MatchString(value)
	case "cursor": // its form depends on the order
		return true
	}
	return ok
}

func oneOf[T fmt.Stringer](value string, all []T) (string, bool) {
	for _, one := range all {
		if strings.EqualFold(one.String(), value) {
			return one.String(), true
		}
	}
	return "", false
}

func isText(value string) bool {
	n := utf8.RuneCountInString(value)
	return utf8.ValidString(value) && n >= 1 && n <= 255
}

// readTime reads a time, also one whose + was not escaped, by one layout after the
// other.
func readTime(value string) (*time.Time, bool) {
	if n := len(value); n > 6 && value[n-6] == ' ' {
		value = value[:n-6] + "+" + value[n-5:]
	}
	if !timePattern.MatchString(value) {
		return nil, false
	}
	day, clock := value[:10], strings.NewReplacer(",", ".", " ", "", "z", "Z").Replace(value[11:])
	after := time.Duration(0)
	if midnight.MatchString(clock) {
		clock, after = "00"+clock[2:], 24*time.Hour
	}
	for _, zone := range []string{"", "Z07:00", "Z0700", "Z07"} {
		if t, err := time.Parse("2006-01-02T15:04:05"+zone, day+"T"+clock); err == nil {
			t = t.Add(after)
			return &t, true
		}
	}
	return nil, false
}

// finite returns JSON with a number for each NaN and infinity.
func finite(body string) string {
	return wordPattern.ReplaceAllStringFunc(body, func(match string) string {
		if match[0] == '"' {
			return match
		}
		return "0"
	})
}

func (l fuzzedList) readCursor(value string) (int64, bool) {
	place, err := base64.RawURLEncoding.Strict().DecodeString(value)
	digits, ours := strings.CutPrefix(string(place), l.cursor)
	if err != nil || !ours || !placePattern.MatchString(digits) || len(value) < 6 || len(value) > 40 || strings.ContainsAny(value, "\r\n") {
		return 0, false
	}
	number, err := strconv.ParseInt(digits, 10, 64)
	return number, err == nil
}

// rank orders severities; "" is below all of them.
func rank(severity string) int {
	return slices.Index([]string{"", "debug", "info", "warning", "error", "critical"}, severity)
}

// matches is the filter of the contract, in its simplest form.
func (q *asked) matches(e known) bool {
	return rank(e.Severity) >= rank(q.minimum) &&
		(len(q.categories) == 0 || slices.Contains(q.categories, e.Category)) &&
		(len(q.sources) == 0 || slices.Contains(q.sources, e.Source)) &&
		(q.since == nil || !e.Timestamp.Before(*q.since)) &&
		(q.until == nil || e.Timestamp.Before(*q.until)) &&
		strings.Contains(strings.ToLower(e.Message), strings.ToLower(q.text)) &&
		(q.place == 0 || e.Seq < q.place && !q.ascending || e.Seq > q.place && q.ascending)
}

// FuzzQuery compares GET /events with the contract's filter, applied to each event.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"", "&", "&&a", "=", "a=%zz", "a;b", "%", "limit", "limit=", "limit=1", "limit=1000", "limit=1001", "limit=0", "limit=-1", "limit=%2B7", "limit=007", "limit=1e2", "limit=9223372036854775808",
		"limit=1&limit=1", "min_severity=ERROR", "min_severity=", "min_severity=debug&min_severity=error", "category=RISK_limit&category=other", "category=risk", "category=ri%C5%BFk_limit",
		strings.Repeat("category=other&", 8), strings.Repeat("category=other&", 9), strings.Repeat("source=feed&", 100), strings.Repeat("source=feed&", 101),
		"source=feed&source=var_gate", "source=", "source=%20", "source=%FF", "source=" + strings.Repeat("%C3%A9", 255), "source=" + strings.Repeat("x", 256),
		"q=LIMIT", "q=%C3%96", "q=%E2%84%AA", "q=%00", "q=", "q=" + strings.Repeat("x", 255), "q=" + strings.Repeat("x", 256),
		"since=2025-12-27T10:00:05Z", "until=2025-12-27T10:00:05Z", "since=2025-12-27T11:00:05%2B01:00&until=2025-12-27T11:00:05+02:00", "since=2025-12-27T10:00:05.0000001Z", "until=0001-01-01T00:00:00Z",
		"since=2025-12-27T1:00:00Z", "since=2025-12-27T10:00:05,5Z", "since=2025-12-27T10:00:05", "since=2025-12-27+10:00:05.5", "until=2025-12-27t11:00:05%2B0100", "since=2025-12-26T24:00:00Z", "min_severity=warn", "since=2025-02-29T10:00:05Z", "since=2025-12-27", "since=9999-12-31T23:59:59-23:59", "until=2025-12-27T10:00:05+24:00",
		"cursor=djEuNDI", "cursor=djEuNw", "cursor=djEuMQ&limit=2", "cursor=djEuMA", "cursor=", "limit=2&min_severity=warning&q=e&category=data_quality&since=2020-01-01T00:00:00Z",
		"order=asc", "order=desc", "order=", "order=ASC", "order=asc&order=asc", "order=asc&limit=3", "order=asc&cursor=YTEuNw", "order=asc&cursor=YTEuNDA", "order=asc&cursor=djEuNw", "cursor=YTEuNw",
		"order=asc&cursor=YTEuOTIyMzM3MjAzNjg1NDc3NTgwNw", "category=other,risk_limit", "category=other,", "category=,", strings.Repeat("other,", 8) + "other", "source=%20feed%09", "source=feed%00", "source=feed,var_gate",
		"page=2", "Limit=1", "limit=0&q=&page=2&source=&category=x&since=now&until=now&cursor=x&min_severity=loud",
	} {
		f.Add(seed)
	}
	h := newHarness(f, quiet)
	severities, categories := alerting.Severities()[1:], alerting.Categories()
	for i := range 40 {
		a := h.post(fmt.Sprintf(`{"severity":%q,"category":%q,"source":%q,"message":%q,"timestamp":"2025-12-27T10:00:%02d.5Z"}`,
			severities[i%4], categories[i%8], []string{"feed", "var_gate", "Größe"}[i%3], []string{"VaR limit", "Kein Tick für ÖL", "stale"}[i%3], i%20))
		require.Equal(f, http.StatusCreated, a.status, a.body)
	}
	var all struct{ Events []known }
	h.get("/events?limit=1000").into(f, &all)
	require.Len(f, all.Events, 40)
	f.Fuzz(func(t *testing.T, query string) {
		a := h.on(t).raw(query)
		q, allowed := eventList.read(query)
		if !allowed {
			require.NotEmpty(t, requireRefusal(t, a, http.StatusBadRequest).Errors)
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		var want []known
		for _, e := range all.Events { // the newest first
			if q.matches(e) {
				want = append(want, e)
			}
		}
		if q.ascending {
			slices.Reverse(want)
		}
		var got struct {
			Events     []known
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &got)
		require.Equal(t, slices.Clip(append([]known{}, want[:min(len(want), q.limit)]...)), got.Events)
		if len(want) <= q.limit {
			require.Nil(t, got.NextCursor)
			return
		}
		if q.ascending {
			q.list.cursor = "a1."
		}
		place, ok := q.list.readCursor(*got.NextCursor)
		require.True(t, ok, *got.NextCursor)
		require.Equal(t, got.Events[q.limit-1].Seq, place)
	})
}

// FuzzCursor checks that a cursor that alertd did not make is refused by name, and that
// one of alertd's leads to the events before its place.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{
		"", "djEuNDI", "djEuMQ", "djEuMg", "djEuMw", "djEuNA", "djEuNB", "djEuNA==", "djEuNA\n", "djEuMA", "djEuMDE", "djEuLTE", "djEuKzE", "djEuMS4w", "djEu", "djE", "djIuNDI", "dDEuNDI", "====", "  ", "ᵈ",
		"djEuMTg0NDY3NDQwNzM3MDk1NTE2MTU", "djEuMTg0NDY3NDQwNzM3MDk1NTE2MTY", "djEuOTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", strings.Repeat("A", 10_000), "djEu\x00", "v1.4", "djEu/zE", "djEuNTU_", "djEuNTU-",
	} {
		f.Add(seed)
	}
	const events = 3
	h := newHarness(f, quiet)
	for range events {
		h.post(breach)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		a := h.on(t).raw("limit=1&cursor=" + url.QueryEscape(cursor))
		before, ok := eventList.readCursor(cursor)
		if !ok {
			requireField(t, requireRefusal(t, a, http.StatusBadRequest), "cursor", "next_cursor")
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		var got struct {
			Events     []known
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &got)
		newest := min(before-1, events)
		if newest == 0 {
			require.Empty(t, got.Events)
			require.Nil(t, got.NextCursor)
			return
		}
		require.Len(t, got.Events, 1)
		require.Equal(t, newest, got.Events[0].Seq)
		require.Equal(t, newest > 1, got.NextCursor != nil, "there are more")
	})
}

// batchAnswer is the answer to a batch.
type batchAnswer struct {
	Registered, Filtered, Duplicate, Rejected uint64
	Results                                   []batchResult
}

type batchResult struct {
	Index   int
	Status  string
	EventID string `json:"event_id"`
	Reason  string
	Errors  []alerting.FieldError
}

// elementsOf splits a batch, one that is JSON by other means than alertd's; it
// reports whether the batch as a whole can be read.
func elementsOf(body string, lines bool) (elements []string, ok bool) {
	if lines {
		for line := range strings.SplitSeq(body, "\n") {
			if line = strings.Trim(line, " \t\r\n"); line != "" {
				elements = append(elements, line)
			}
		}
		return elements, true
	}
	var values []json.RawMessage
	if json.Unmarshal([]byte(body), &values) != nil {
		for element, err := range alerting.Elements([]byte(body)) {
			if err != nil {
				return nil, false
			}
			elements = append(elements, string(element))
		}
		return elements, true
	}
	for _, value := range values {
		elements = append(elements, string(value))
	}
	return elements, true
}

// FuzzBatch: a batch is answered with one result for each line that is not blank
// or element, and each fares as it would have fared alone.
func FuzzBatch(f *testing.F) {
	identified := with(`"event_id":"` + knownID + `"`)
	for _, seed := range []string{
		"", "\n", "\r\n \t\r\n", breach, breach + "\n" + breach, breach + "\r\n\r\n" + breach + "\r\n", breach + "\r" + breach, breach + " " + breach, identified + "\n" + identified,
		"{\n}", "{}", "[\n]", "[]", "[[]]", "null", "7", `"x"`, "\x00", "\ufeff" + breach, breach + "\n{", "\xff\n" + breach, "{\"source\":\"\xff\"}\n" + breach, `{"source":"\ud800"}`, `{"a":1,"a":2}` + "\n" + breach,
		strings.Replace(breach, "error", "debug", 1) + "\n" + breach, strings.Replace(breach, "error", "loud", 1), with(`"x":1,"y":2`) + "\n" + with(`"dedup_key":""`), with(`"resolves":true`) + "\n" + with(`"resolves":"true"`), breach + "\u2028" + breach, breach + "\v\n\f" + breach,
	} {
		f.Add(seed, true)
		f.Add("["+strings.ReplaceAll(seed, "\n", ",")+"]", false)
		f.Add(" [ "+seed+" ] ", false)
		f.Add(seed, false)
	}
	f.Add("["+breach+",]", false)
	f.Add(`[{"a":NaN},007,.5,`+breach+`]`, false)
	f.Add("["+strings.Replace(breach, "0.0500", "NaN", 1)+","+breach+"]", false)
	f.Add("["+breach+`,{"a":1,`+breach+"]", false)
	f.Add("["+breach+"}", false)
	f.Add("["+breach+"] x", false)
	f.Add(strings.Repeat("[", 10_001), false)
	together, alone := newHarness(f, quiet), newHarness(f, quiet) // which see the same in the same order
	f.Fuzz(func(t *testing.T, body string, lines bool) {
		together, alone := together.on(t), alone.on(t)
		trimmed := strings.Trim(strings.TrimPrefix(body, "\ufeff"), " \t\r\n")
		if !lines && !strings.HasPrefix(trimmed, "[") {
			requireOne(t, together, alone, body)
			return
		}
		contentType := asJSON
		if lines {
			contentType = asNDJSON
		}
		before := together.manager.Stats().SinceStart
		a := together.post(body, "Content-Type", contentType)
		elements, ok := elementsOf(trimmed, lines)
		switch {
		case !ok:
			requireRefusal(t, a, http.StatusBadRequest)
			require.Equal(t, before.Registered, together.manager.Stats().SinceStart.Registered)
			return
		case len(elements) == 0 || len(elements) > 10_000:
			requireRefusal(t, a, http.StatusUnprocessableEntity)
			require.Equal(t, before.Registered, together.manager.Stats().SinceStart.Registered)
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		var got batchAnswer
		a.into(t, &got)
		require.Len(t, got.Results, len(elements))
		counted := map[string]uint64{}
		for i, result := range got.Results {
			require.Equal(t, i, result.Index)
			counted[result.Status]++
			requireSameFate(t, alone, elements[i], result)
		}
		after := together.manager.Stats().SinceStart
		for status, count := range map[string][3]uint64{
			"registered": {got.Registered, before.Registered, after.Registered},
			"filtered":   {got.Filtered, before.Filtered, after.Filtered},
			"duplicate":  {got.Duplicate, before.Duplicate, after.Duplicate},
			"rejected":   {got.Rejected, before.Rejected, after.Rejected},
		} {
			require.Equal(t, counted[status], count[0], status)
			require.Equal(t, count[1]+count[0], count[2], status)
		}
	})
}

// requireSameFate sends an element of a batch alone and compares what becomes of it.
func requireSameFate(t *testing.T, alone *harness, element string, result batchResult) {
	t.Helper()
	if strings.HasPrefix(element, "[") || strings.HasPrefix(element, "\ufeff") { // a batch of its own, and what begins a body only
		require.Equal(t, "rejected", result.Status)
		return
	}
	a := alone.post(element)
	switch result.Status {
	case "registered":
		require.Equal(t, http.StatusCreated, a.status, a.body)
		require.NotEmpty(t, result.EventID)
		require.NoError(t, json.Unmarshal([]byte(finite(element)), &map[string]any{}), "a registered alert is JSON to other readers, too")
	case "duplicate":
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, "/events/"+result.EventID, a.header.Get("Location"))
	case "filtered":
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, result.Reason)
	case "rejected":
		p := requireRefusal(t, a, http.StatusBadRequest, http.StatusUnprocessableEntity)
		if len(p.Errors) == 0 {
			p.Errors = []alerting.FieldError{{Message: p.Detail}}
		}
		require.Equal(t, p.Errors, result.Errors)
	default:
		require.Fail(t, "unknown status", result.Status)
	}
}

// requireOne sends one alert to both, so that they go on seeing the same.
func requireOne(t *testing.T, together, alone *harness, body string) {
	t.Helper()
	a, b := together.post(body), alone.post(body)
	require.Equal(t, a.status, b.status)
	switch a.status {
	case http.StatusCreated, http.StatusOK:
		require.True(t, json.Valid(bytes.TrimSpace([]byte(a.body))), a.body)
	case http.StatusBadRequest:
		requireRefusal(t, a, http.StatusBadRequest)
	default:
		require.True(t, json.Valid([]byte(finite(strings.TrimPrefix(body, "\ufeff")))), "a body that is not JSON is malformed, not invalid")
		requireRefusal(t, a, http.StatusUnprocessableEntity)
	}
}
