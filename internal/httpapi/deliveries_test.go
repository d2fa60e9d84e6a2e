package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// deliveryAnswer is a delivery as clients see it.
type deliveryAnswer struct {
	ID           string `json:"delivery_id"`
	Status       string
	DueAt        *string `json:"due_at"`
	FinishedAt   *string `json:"finished_at"`
	AttemptCount int     `json:"attempt_count"`
	Attempts     []struct {
		Outcome string
		Code    *int
	}
}

func (h *harness) deliveries(query string) (statuses []string, next *string) {
	h.tb.Helper()
	a := h.get("/deliveries" + query)
	require.Equal(h.tb, http.StatusOK, a.status, a.body)
	var page struct {
		Deliveries []deliveryAnswer
		NextCursor *string `json:"next_cursor"`
	}
	a.into(h.tb, &page)
	for _, d := range page.Deliveries {
		statuses = append(statuses, d.Status)
	}
	return statuses, page.NextCursor
}

func TestDeliveryFilters(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	for query, want := range map[string][]string{
		"":                               {"delivered", "superseded", "sending", "waiting", "delivered", "failed"},
		"?status=FAILED":                 {"failed"},
		"?status=waiting&status=sending": {"sending", "waiting"},
		"?channel=slack":                 {"waiting", "failed"},
		"?channel=Slack":                 nil,
		"?incident_id=" + incidentText:   {"superseded", "sending", "waiting", "delivered", "failed"},
		"?incident_id=" + strings.ToUpper(incidentText) + "&status=failed": {"failed"},
		"?incident_id=" + deliveryText:                                     nil,
		"?limit=2":                                                         {"delivered", "superseded"},
		"?channel=slack&status=delivered":                                  nil,
	} {
		got, _ := h.deliveries(query)
		require.Equal(t, want, got, query)
	}
	first, next := h.deliveries("?limit=4")
	require.NotNil(t, next)
	rest, end := h.deliveries("?limit=4&cursor=" + *next)
	require.Nil(t, end)
	all, _ := h.deliveries("")
	require.Equal(t, all, append(first, rest...))
}

func TestDeliveryQueryNamesEveryBadParameter(t *testing.T) {
	h := newHarness(t)
	for query, want := range map[string]struct{ field, says string }{
		"status=lost":                         {"status", "must be one of waiting, sending, delivered, failed, superseded"},
		strings.Repeat("status=failed&", 6):   {"status", "at most 5 times"},
		"channel=":                            {"channel", "1 to 255"},
		"channel=a&channel=b":                 {"channel", "must be given once"},
		"channel=" + strings.Repeat("x", 256): {"channel", "1 to 255"},
		"incident_id=12":                      {"incident_id", "must be a UUID"},
		"incident_id=":                        {"incident_id", "must be a UUID"},
		"min_severity=error":                  {"min_severity", "must be one of status, channel, incident_id, limit, cursor"},
		"cursor=aTEuMQ":                       {"cursor", "of this list"},
		"limit=0":                             {"limit", "from 1 to 1000"},
	} {
		requireField(t, requireProblem(t, h.get("/deliveries?"+query), http.StatusBadRequest), want.field, want.says)
	}
}

func TestDeliveryShowsEveryAttempt(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	var got deliveryAnswer
	h.get("/deliveries/"+deliveryText).into(t, &got)
	require.Equal(t, 2, got.AttemptCount)
	require.Len(t, got.Attempts, 2)
	require.Nil(t, got.Attempts[0].Code)
	require.Equal(t, 503, *got.Attempts[1].Code)
	require.Nil(t, got.DueAt, "nothing is due of what is finished")
	require.Equal(t, "2025-12-27T13:00:00.000000Z", *got.FinishedAt)
	waiting := h.desk.deliveries[2]
	a := h.get("/deliveries/" + waiting.ID.String())
	require.Contains(t, a.body, `"due_at":"2025-12-27T12:01:00.000000Z","finished_at":null`)
	require.Contains(t, a.body, `"attempts":[]`)
}

func TestOnlyFailedDeliveriesAreRetried(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	for i, status := range []int{http.StatusOK, http.StatusConflict, http.StatusConflict, http.StatusConflict, http.StatusConflict} {
		a := h.do(http.MethodPost, "/deliveries/"+h.desk.deliveries[i].ID.String()+"/retry", "")
		require.Equal(t, status, a.status, a.body)
	}
	require.Equal(t, delivery.Waiting, h.desk.deliveries[0].Status)
	p := requireProblem(t, h.do(http.MethodPost, "/deliveries/"+deliveryText+"/retry", "{}"), http.StatusConflict)
	require.Contains(t, p.Detail, "the delivery is waiting")
}

func TestCallsWithoutABodyTakeNoFields(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	for _, target := range []string{"/deliveries/" + deliveryText + "/retry", "/channels/slack/test"} {
		requireField(t, requireProblem(t, h.do(http.MethodPost, target, `{"channel":"email"}`), http.StatusUnprocessableEntity), "channel", "there must be none")
		requireProblem(t, h.do(http.MethodPost, target, `null`), http.StatusUnprocessableEntity)
		requireProblem(t, h.do(http.MethodPost, target, `{}{}`), http.StatusBadRequest)
		require.Equal(t, http.StatusOK, h.do(http.MethodPost, target, " \r\n{\t}\n").status)
	}
}

func TestTestingADisabledChannelConflicts(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	requireProblem(t, h.do(http.MethodPost, "/channels/console/test", ""), http.StatusConflict)
	requireProblem(t, h.do(http.MethodPost, "/channels/fax/test", ""), http.StatusNotFound)
}

func TestChannelNamesAreUnescaped(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	for _, escaped := range []string{"on%20call%2Fnight", "on%20call%2fnigh%74"} {
		a := h.do(http.MethodPost, "/channels/"+escaped+"/test", "")
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, `"channel":"on call/night"`)
	}
	h.desk.channels[3].Name = "100%25"
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/channels/100%2525/test", "").status, "it is unescaped once")
}

// A channel's timeout may be longer than the server's, which would cut the answer off.
func TestChannelTestOutlivesServerTimeouts(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	const impatience = 20 * time.Millisecond
	h.desk.wait = func(ctx context.Context) error {
		patience := time.NewTimer(5 * impatience)
		defer patience.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return nil
		}
	}
	server := h.serve(func(s *http.Server) { s.ReadTimeout, s.WriteTimeout = impatience, impatience })
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/channels/email/test", nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Contains(t, readAll(t, response.Body), `"channel":"email"`)
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func TestChannelTestEndsWithItsClient(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	ctx, cancel := context.WithCancel(t.Context())
	h.desk.wait = func(ctx context.Context) error {
		cancel()
		<-ctx.Done()
		return context.Cause(ctx)
	}
	recorder := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodPost, "/channels/email/test", nil))
	require.Contains(t, h.log.String(), `"status":499`)
}

func TestChannelTestHasNoIncident(t *testing.T) {
	h := newHarness(t)
	h.desk.furnish()
	test := h.desk.deliveries[5]
	require.Equal(t, incident.Test, test.Reason)
	require.Contains(t, h.get("/deliveries/"+test.ID.String()).body, `"incident_id":null,"incident_ids":[],"generation":1,"notice":1,"reason":"test"`)
}
