package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/httpapi"
	"alertd/internal/incident"
)

// incidentAnswer is an incident as clients see it.
type incidentAnswer struct {
	ID             string `json:"incident_id"`
	Number         int
	Status         string
	Count          int
	AcknowledgedBy string `json:"acknowledged_by"`
	Timeline       []struct{ At, Kind, Reason, By, Note string }
	Events         []struct {
		Seq        uint64
		IncidentID string `json:"incident_id"`
	}
	Deliveries []struct {
		ID         string  `json:"delivery_id"`
		IncidentID *string `json:"incident_id"`
	}
}

func (h *harness) incidents(query string) (numbers []int, next *string) {
	h.tb.Helper()
	a := h.get("/incidents" + query)
	require.Equal(h.tb, http.StatusOK, a.status, a.body)
	var page struct {
		Incidents  []incidentAnswer
		NextCursor *string `json:"next_cursor"`
	}
	a.into(h.tb, &page)
	for _, i := range page.Incidents {
		numbers = append(numbers, i.Number)
	}
	return numbers, page.NextCursor
}

// troubled returns an API with three incidents, the second resolved.
func troubled(tb testing.TB) *harness {
	tb.Helper()
	h := newHarness(tb).folded(breach,
		`{"severity":"critical","category":"system_health","source":"kill_switch","message":"Kill switch activated"}`,
		`{"severity":"warning","category":"data_quality","source":"feed","message":"No tick"}`, breach)
	_, err := h.desk.Resolve(tb.Context(), h.desk.incidents[1].ID, incident.Action{By: "Ada"})
	require.NoError(tb, err)
	return h
}

func TestIncidentFilters(t *testing.T) {
	h := troubled(t)
	for query, want := range map[string][]int{
		"":                                              {3, 2, 1},
		"?status=RESOLVED":                              {2},
		"?status=triggered":                             {3, 1},
		"?status=resolved&status=triggered":             {3, 2, 1},
		"?status=acknowledged":                          nil,
		"?min_severity=error":                           {2, 1},
		"?category=data_quality&category=other":         {3},
		"?source=feed&source=kill_switch":               {3, 2},
		"?since=2999-01-01T00:00:00Z":                   nil,
		"?since=2020-01-01T00:00:00%2B01:00":            {3, 2, 1},
		"?q=TICK":                                       {3},
		"?limit=2":                                      {3, 2},
		"?status=triggered&q=switch":                    nil,
		"?order=asc":                                    {1, 2, 3},
		"?order=asc&status=triggered":                   {1, 3},
		"?fingerprint=00000000000000000000000000000000": nil,
		"?fingerprint=" + h.desk.incidents[1].Fingerprint.String():            {2},
		"?order=desc&fingerprint=" + h.desk.incidents[0].Fingerprint.String(): {1},
	} {
		got, _ := h.incidents(query)
		require.Equal(t, want, got, query)
	}
}

func TestIncidentCursorsVisitEachOnce(t *testing.T) {
	h := troubled(t)
	var all []int
	query := "?limit=1"
	for {
		numbers, next := h.incidents(query)
		all = append(all, numbers...)
		h.folded(with(fmt.Sprintf(`"dedup_key":"new %d"`, len(all)))) // which is not on a later page
		if next == nil {
			break
		}
		query = "?limit=1&cursor=" + *next
	}
	require.Equal(t, []int{3, 2, 1}, all)
}

func TestIncidentCursorsVisitEachOnceUpwards(t *testing.T) {
	h := troubled(t)
	var all []int
	query := "?limit=1&order=asc"
	for len(all) < 9 {
		numbers, next := h.incidents(query)
		if all = append(all, numbers...); len(all) == 2 {
			h.folded(with(`"dedup_key":"new"`)) // which is on a later page
		}
		if next == nil {
			break
		}
		query = "?limit=1&order=asc&cursor=" + *next
	}
	require.Equal(t, []int{1, 2, 3, 4}, all)
}

func TestIncidentQueryNamesEveryBadParameter(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]struct{ field, says string }{
		"status=open":                         {"status", "must be one of triggered, acknowledged, resolved"},
		"status=":                             {"status", "must be one of"},
		strings.Repeat("status=resolved&", 4): {"status", "at most 3 times"},
		"min_severity=loud":                   {"min_severity", "must be one of debug"},
		"until=2025-12-27":                    {"until", "not a known parameter"},
		"channel=slack":                       {"channel", "must be one of min_severity, category, source, since, q, status, fingerprint, order, limit, cursor"},
		"limit=1001":                          {"limit", "from 1 to 1000"},
		"order=up":                            {"order", "must be asc or desc"},
		"order=asc&cursor=aTEuMg":             {"cursor", "of this list and order"},
		"cursor=bjEuMg":                       {"cursor", "of this list and order"},
		"fingerprint=":                        {"fingerprint", "must be the 32 hexadecimal digits"},
		"fingerprint=5B2F7C0D9A1E4F3386C4D2B17E90AA51": {"fingerprint", "in lower case"},
		"fingerprint=5b2f7c0d9a1e4f3386c4d2b17e90aa5":  {"fingerprint", "must be the 32"},
		"cursor=djEuMQ":  {"cursor", "of this list"},
		"cursor=ZDEuMQ":  {"cursor", "of this list"},
		"cursor=aTEuMDE": {"cursor", "of this list"},
	} {
		requireField(t, requireProblem(t, h.get("/incidents?"+query), http.StatusBadRequest), want.field, want.says)
	}
	require.Len(t, requireProblem(t, h.get("/incidents?limit=0&q=&status=x&a=1"), http.StatusBadRequest).Errors, 4)
}

func TestCursorBelongsToOneList(t *testing.T) {
	h := troubled(t)
	h.desk.furnish()
	lists := []string{"/events", "/incidents", "/deliveries"}
	for _, from := range lists {
		var page struct {
			NextCursor *string `json:"next_cursor"`
		}
		h.get(from+"?limit=1").into(t, &page)
		require.NotNil(t, page.NextCursor, from)
		for _, to := range lists {
			want := http.StatusBadRequest
			if from == to {
				want = http.StatusOK
			}
			require.Equal(t, want, h.get(to+"?cursor="+*page.NextCursor).status, "a cursor of %s for %s", from, to)
		}
	}
}

func TestIncidentShowsItsTimelineEventsAndDeliveries(t *testing.T) {
	h := newHarness(t).folded(breach, with(`"dedup_key":"another"`), breach)
	h.desk.furnish()
	h.desk.act(t, "acknowledge")
	a := h.get("/incidents/" + incidentText)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"context":{"current_var":0.0500},"seq":3,`, "events are as they were encoded")
	var got incidentAnswer
	a.into(t, &got)
	require.Equal(t, 2, got.Count)
	require.Len(t, got.Timeline, 2)
	require.Equal(t, "opened", got.Timeline[0].Kind)
	require.Equal(t, "2025-12-27T12:00:00.000000Z", got.Timeline[0].At)
	require.Equal(t, "Looking at it", got.Timeline[1].Note)
	require.Len(t, got.Events, 2)
	require.EqualValues(t, 3, got.Events[0].Seq)
	for _, e := range got.Events {
		require.Equal(t, incidentText, e.IncidentID)
	}
	require.Len(t, got.Deliveries, 5, "not the test, which is of no incident")
}

func TestIncidentShowsItsNewestHundredEvents(t *testing.T) {
	alerts := make([]string, 101)
	for i := range alerts {
		alerts[i] = breach
	}
	h := newHarness(t).folded(alerts...)
	for range 101 {
		h.desk.plan(delivery.Delivery{ID: delivery.NewID(), IncidentID: knownIncident(), Channel: "slack", Status: delivery.Waiting, CreatedAt: noon(), GiveUpAt: noon()})
	}
	var got incidentAnswer
	h.get("/incidents/"+incidentText).into(t, &got)
	require.Len(t, got.Events, 100)
	require.EqualValues(t, 101, got.Events[0].Seq)
	require.Len(t, got.Deliveries, 100)
	require.Equal(t, h.desk.deliveries[100].ID.String(), got.Deliveries[0].ID)
}

func TestActionNamesEveryBadField(t *testing.T) {
	h := newHarness(t).folded(breach)
	act := func(body string) answer {
		return h.do(http.MethodPost, "/incidents/"+incidentText+"/acknowledge", body, "Content-Type", asJSON)
	}
	for body, want := range map[string]struct{ field, says string }{
		`{}`:                {"by", "is missing or empty, must have 1 to 255 characters"},
		`{"by":" \t\n"}`:    {"by", "is missing or empty"},
		`{"by":null}`:       {"by", "is missing or empty"},
		`{"by":["Ada"]}`:    {"by", "must be a string"},
		`{"by":"a\u0000b"}`: {"by", "NUL"},
		`{"by":"` + strings.Repeat("é", 256) + `"}`:               {"by", "has 256 characters, must have 1 to 255"},
		`{"by":"Ada","note":7}`:                                   {"note", "must be a string"},
		`{"by":"Ada","note":"\u0000"}`:                            {"note", "NUL"},
		`{"by":"Ada","note":"` + strings.Repeat("é", 8193) + `"}`: {"note", "has 8193 characters, must have 0 to 8192"},
		`{"by":"Ada","By":"Eve"}`:                                 {"By", "not a known field, must be one of by, note"},
	} {
		p := requireProblem(t, act(body), http.StatusUnprocessableEntity)
		require.Len(t, p.Errors, 1, body)
		requireField(t, p, want.field, want.says)
	}
	require.Len(t, requireProblem(t, act(`{"who":"Ada","note":1,"x":{}}`), http.StatusUnprocessableEntity).Errors, 4)
	for body, says := range map[string]string{
		`{"by":"Ada","by":"Ada"}`: "a field twice at byte 12",
		`{"by":"Ada"} {}`:         "more after the first value",
		`"Ada" 1`:                 "more after the first value",
		`{"by":"Ada"`:             "ends too soon",
		`{"by":"Ada",}`:           "cannot be read at byte",
		`{by:"Ada"}`:              "cannot be read at byte 1",
		"{\"by\":\"\xff\"}":       "cannot be read at byte",
		`{"by":"\ud800"}`:         "cannot be read at byte",
		"[1,":                     "ends too soon",
	} {
		require.Contains(t, requireProblem(t, act(body), http.StatusBadRequest).Detail, says, body)
	}
	for _, body := range []string{`[]`, `"Ada"`, `null`, `7`} {
		require.Contains(t, requireProblem(t, act(body), http.StatusUnprocessableEntity).Detail, "must be a JSON object", body)
	}
	require.Equal(t, incident.Triggered, h.desk.incidents[0].Status, "nothing has changed")
	require.Equal(t, http.StatusOK, act(`{"by":" `+strings.Repeat("é", 255)+`\n","note":"`+strings.Repeat("ü", 8192)+`"}`).status)
	require.Equal(t, strings.Repeat("é", 255), h.desk.incidents[0].AcknowledgedBy)
}

// An action's body that is too long, or of the wrong kind, is no rejected alert.
func TestRefusedActionIsNoRejectedAlert(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.MaxBody = 10 })
	target := "/incidents/" + incidentText + "/resolve"
	require.Equal(t, http.StatusRequestEntityTooLarge, h.do(http.MethodPost, target, `{"by":"Ada"}`).status)
	require.Equal(t, http.StatusUnsupportedMediaType, h.do(http.MethodPost, target, "", "Content-Type", asNDJSON).status)
	require.Equal(t, http.StatusBadRequest, h.do(http.MethodPost, target, "{").status)
	require.Zero(t, h.manager.Stats().SinceStart.Rejected)
}

func TestFoldedEventShowsItsIncident(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, http.StatusCreated, h.post(with(`"event_id":"`+knownID+`"`)).status)
	before := strings.TrimSuffix(h.get("/events/"+knownID).body, "\n")
	require.NotContains(t, before, "incident_id")
	h.folded(with(`"dedup_key":"k"`)) // only this one
	require.Equal(t, before+"\n", h.get("/events/"+knownID).body)
	events := h.events("").Events
	require.Equal(t, incidentText, events[0]["incident_id"])
	require.NotContains(t, events[1], "incident_id")

	page, err := h.manager.QueryEvents(t.Context(), alerting.Query{Limit: 10})
	require.NoError(t, err)
	h.desk.fold(page.Events[1:]...)
	id := h.desk.incidents[1].ID.String()
	spliced := strings.TrimSuffix(before, "}") + `,"incident_id":"` + id + `"}`
	require.Equal(t, spliced+"\n", h.get("/events/"+knownID).body, "it is the last member")
	a := h.get("/events")
	require.Contains(t, a.body, spliced)
	require.Equal(t, fmt.Sprint(len(a.body)), a.header.Get("Content-Length"))
}

func TestEventsAreAnsweredWithoutUnreadableIncidents(t *testing.T) {
	h := newHarness(t).folded(with(`"event_id":"` + knownID + `"`))
	h.desk.away = errDiskFull
	for _, target := range []string{"/events", "/events/" + knownID} {
		a := h.get(target)
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.body, knownID)
		require.NotContains(t, a.body, "incident_id")
		require.Contains(t, h.log.String(), `"path":"`+target+`","route"`)
	}
	require.Equal(t, 2, strings.Count(h.log.String(), `"error":"incidents of the events: the event log is not available: the disk is full"`), h.log)
}

func TestEventsWaitForIncidentsOnlyBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t).folded(breach)
		h.desk.wait = func(ctx context.Context) error {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		began := time.Now()
		a := h.get("/events")
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, a.body, "var_gate")
		require.LessOrEqual(t, time.Since(began), 2*time.Second)
		require.Contains(t, h.log.String(), "deadline exceeded")
	})
}

func TestInternalErrorIsNotShown(t *testing.T) {
	h := newHarness(t)
	h.desk.err = errors.New("pq: relation incidents does not exist")
	p := requireProblem(t, h.get("/incidents"), http.StatusInternalServerError)
	require.NotContains(t, p.Detail, "relation")
	require.Contains(t, h.log.String(), "relation incidents does not exist")
}

func TestActionOnSeveralNamesEveryBadField(t *testing.T) {
	h := newHarness(t).folded(breach)
	act := func(body string) problem {
		return requireProblem(t, h.do(http.MethodPost, "/incidents/resolve", body, "Content-Type", asJSON), http.StatusUnprocessableEntity)
	}
	ids := func(n int) string { return strings.TrimSuffix(strings.Repeat(`"`+incidentText+`",`, n), ",") }
	for body, want := range map[string]struct{ field, says string }{
		`{"by":"Ada"}`:                                                     {"incident_ids", "has 0 ids, must have 1 to 1000"},
		`{"by":"Ada","incident_ids":null}`:                                 {"incident_ids", "has 0 ids"},
		`{"by":"Ada","incident_ids":"x"}`:                                  {"incident_ids", "must be a list of strings"},
		`{"by":"Ada","incident_ids":["x",7]}`:                              {"incident_ids[1]", "must be a string"},
		`{"by":"Ada","incident_ids":["a\u0000b"]}`:                         {"incident_ids[0]", "NUL"},
		`{"by":"Ada","incident_ids":["` + strings.Repeat("x", 256) + `"]}`: {"incident_ids[0]", "has 256 characters"},
		`{"by":"Ada","incident_ids":[` + ids(1001) + `]}`:                  {"incident_ids", "has 1001 ids, must have 1 to 1000"},
		`{"incident_ids":[` + ids(1) + `]}`:                                {"by", "is missing or empty"},
		`{"by":"Ada","incident_id":"x","incident_ids":[` + ids(1) + `]}`:   {"incident_id", "must be one of incident_ids, by, note"},
	} {
		p := act(body)
		require.Len(t, p.Errors, 1, body)
		requireField(t, p, want.field, want.says)
	}
	require.Equal(t, incident.Triggered, h.desk.incidents[0].Status, "nothing has changed")
	a := h.do(http.MethodPost, "/incidents/resolve", `{"by":" Ada ","note":"n","incident_ids":["7",`+ids(999)+`]}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `{"resolved":1,"unchanged":998,"rejected":1,"results":[{"incident_id":"7","status":"rejected","reason":"its id must be a UUID such as`)
	require.Equal(t, "Ada", h.desk.incidents[0].ResolvedBy)
}

func TestResolvedIncidentSaysHow(t *testing.T) {
	h := newHarness(t).folded(breach)
	shows := func(target string) bool {
		return strings.Contains(h.get(target).body, `"resolved_note":"Looking at it"`)
	}
	h.desk.act(t, "acknowledge")
	require.False(t, shows("/incidents/"+incidentText), "it is acknowledged")
	h.desk.act(t, "resolve")
	kind := h.desk.incidents[0].Fingerprint.String()
	require.True(t, shows("/incidents/"+incidentText))
	require.True(t, shows("/incidents?fingerprint="+kind))
	h.desk.incidents[0].ResolvedNote = "" // by an alertd that kept it in the timeline alone
	require.True(t, shows("/incidents/"+incidentText))
	require.False(t, shows("/incidents?fingerprint="+kind))
}
