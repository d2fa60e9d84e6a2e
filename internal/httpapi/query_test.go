package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

func TestEventFilters(t *testing.T) {
	h := newHarness(t)
	post := func(severity, category, source, message, at string) {
		require.Equal(t, http.StatusCreated, h.post(fmt.Sprintf(
			`{"severity":%q,"category":%q,"source":%q,"message":%q,"timestamp":%q}`, severity, category, source, message, at)).status)
	}
	post("info", "data_quality", "feed", "No tick", "2025-12-27T10:00:00Z")
	post("error", "risk_limit", "var_gate", "VaR limit breached", "2025-12-27T11:00:00+01:00")
	post("critical", "system_health", "kill_switch", "Kill switch activated", "2025-12-27T12:00:00Z")
	cases := map[string][]float64{
		"":                                    {3, 2, 1},
		"?min_severity=ERROR":                 {3, 2},
		"?category=risk_limit":                {2},
		"?category=risk_limit&category=other": {2},
		"?category=other,risk_limit":          {2},
		"?order=asc":                          {1, 2, 3},
		"?order=asc&min_severity=error":       {2, 3},
		"?order=desc":                         {3, 2, 1},
		"?category=risk_limit&category=RISK_LIMIT":                             {2},
		"?source=feed&source=kill_switch":                                      {3, 1},
		"?source=nobody":                                                       {},
		"?since=2025-12-27T12:00:00Z":                                          {3},
		"?until=2025-12-27T12:00:00Z":                                          {2, 1},
		"?since=2025-12-27T11:00:00%2B01:00&until=2025-12-27T10:00:00.000001Z": {2, 1},
		"?category=other&category=risk_limit,data_quality":                     {2, 1},
		"?since=2025-12-27T13:00:00+01:00":                                     {3},
		"?q=LIMIT":                                                             {2},
		"?until=0001-01-01T00:00:00Z":                                          {},
		"?since=0001-01-01T00:00:00Z":                                          {3, 2, 1},
		"?q=limit&min_severity=critical":                                       {},
		"?limit=2":                                                             {3, 2},
	}
	for query, want := range cases {
		got := []float64{}
		for _, event := range h.events(query).Events {
			got = append(got, event["seq"].(float64)) //nolint:forcetypeassert // a panic fails the test
		}
		require.Equal(t, want, got, query)
	}
}

func TestAscendingCursorsVisitEachEventOnce(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) {
		var err error
		c.Manager, err = alerting.OpenManager(t.Context(), alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: 3}, nil, alerting.NewMemoryLog(100))
		require.NoError(t, err)
	})
	for range 5 {
		h.post(breach)
	}
	var seen []float64
	for query := "?order=asc&limit=2"; query != ""; {
		page := h.events(query)
		for _, event := range page.Events {
			seen = append(seen, event["seq"].(float64)) //nolint:forcetypeassert // a panic fails the test
		}
		query = ""
		if page.NextCursor != nil {
			query = "?order=asc&limit=2&cursor=" + *page.NextCursor
		}
		if len(seen) <= 4 {
			h.post(breach)
		}
	}
	require.Equal(t, []float64{1, 2, 3, 4, 5, 6, 7}, seen)
}

func TestSourceFilterIsTrimmed(t *testing.T) {
	h := newHarness(t)
	h.post(strings.Replace(breach, `"var_gate"`, `" var gate\t"`, 1))
	for _, source := range []string{"var+gate", "%20var%20gate%0A", "%E2%80%83var%20gate"} {
		require.Len(t, h.events("?source="+source).Events, 1, source)
	}
	require.Empty(t, h.events("?source=gate").Events)
	requireField(t, requireProblem(t, h.get("/events?source=%20%09"), http.StatusBadRequest), "source", "1 to 255")
}

func TestLastPageHasNoCursor(t *testing.T) {
	h := newHarness(t)
	for range 4 {
		h.post(breach)
	}
	first := h.events("?limit=2")
	require.Len(t, first.Events, 2)
	require.NotNil(t, first.NextCursor)
	second := h.events("?limit=2&cursor=" + *first.NextCursor)
	require.Len(t, second.Events, 2)
	require.Nil(t, second.NextCursor)
	empty := newHarness(t).get("/events")
	require.JSONEq(t, `{"events":[],"next_cursor":null}`, empty.body)
}

func TestEventQueryNamesEveryBadParameter(t *testing.T) {
	h := newHarness(t)
	cases := map[string]struct{ field, says string }{
		"limit=0":           {"limit", "from 1 to 1000"},
		"limit=1001":        {"limit", "from 1 to 1000"},
		"limit=ten":         {"limit", "from 1 to 1000"},
		"limit=1&limit=2":   {"limit", "is given 2 times"},
		"min_severity=loud": {"min_severity", "must be one of debug"},
		"category=x":        {"category", "must be one of risk_limit"},
		"source=":           {"source", "1 to 255"},
		"source=a%00":       {"source", "NUL"},
		"category=other,":   {"category", "must be one of risk_limit"},
		"category=" + strings.Repeat("other,", 8) + "other": {"category", "has 9 names"},
		"order=up":                           {"order", "asc or desc"},
		"order=asc&cursor=djEuMQ":            {"cursor", "list and order"},
		"cursor=YTEuMQ":                      {"cursor", "list and order"},
		"since=yesterday":                    {"since", "RFC 3339"},
		"until=1":                            {"until", "RFC 3339"},
		"q=":                                 {"q", "1 to 255"},
		"q=%FF":                              {"q", "UTF-8"},
		"cursor=x":                           {"cursor", "next_cursor"},
		"cursor=":                            {"cursor", "next_cursor"},
		"cursor=djEuMDE":                     {"cursor", "next_cursor"}, // v1.01
		"severity=error":                     {"severity", "must be one of min_severity, category"},
		"a=%zz":                              {"query", "cannot be parsed"},
		"a;b":                                {"query", "cannot be parsed"},
		"source=" + strings.Repeat("x", 256): {"source", "has 256 characters"},
		strings.Repeat("source=x&", 101) + "limit=1": {"source", "at most 100"},
	}
	for query, want := range cases {
		p := requireProblem(t, h.get("/events?"+query), http.StatusBadRequest)
		requireField(t, p, want.field, want.says)
	}
	p := requireProblem(t, h.get("/events?limit=0&q=&b=1&a=1"), http.StatusBadRequest)
	require.Len(t, p.Errors, 4)
	requireField(t, requireProblem(t, h.get("/events/stream?until=2025-12-27T12:00:00Z"), http.StatusBadRequest), "until", "not a known parameter")
	requireField(t, requireProblem(t, h.get("/events/stream?last_event_id=-1"), http.StatusBadRequest), "last_event_id", "whole number")
	requireField(t, requireProblem(t, h.get("/events/stream?last_event_id="), http.StatusBadRequest), "last_event_id", "whole number")
	requireField(t, requireProblem(t, h.do(http.MethodGet, "/events/stream", "", "Last-Event-ID", "x"), http.StatusBadRequest), "Last-Event-ID", "whole number")
}

func TestEventIsFoundByIDOnly(t *testing.T) {
	h := newHarness(t)
	requireField(t, requireProblem(t, h.get("/events/7"), http.StatusBadRequest), "event_id", "must be a UUID")
	requireProblem(t, h.get("/events/019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"), http.StatusNotFound)
}
