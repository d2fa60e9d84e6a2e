package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/httpapi"
	"alertd/internal/incident"
)

// requirePage compares a page of a list with the numbers of all that match, the
// latest first.
func requirePage(t *testing.T, q asked, want, got []int64, next *string) {
	t.Helper()
	require.Equal(t, want[:min(len(want), q.limit)], got)
	if len(want) <= q.limit {
		require.Nil(t, next)
		return
	}
	require.NotNil(t, next)
	before, ok := q.list.readCursor(*next)
	require.True(t, ok, *next)
	require.Equal(t, got[len(got)-1], before)
}

// FuzzIncidentQuery compares GET /incidents with the contract's filter, applied to each
// incident.
func FuzzIncidentQuery(f *testing.F) {
	for _, seed := range []string{
		"", "&", "a=%zz", "a;b", "status=triggered", "status=RESOLVED&status=acknowledged", "status=", "status=open", "statu%C5%BF=resolved", "status=re%C5%BFolved", strings.Repeat("status=resolved&", 3), strings.Repeat("status=resolved&", 4),
		"min_severity=error&category=other&source=feed&q=LIMIT&limit=2", "since=2025-12-27T10:00:05Z", "since=0001-01-01T00:00:00Z", "since=2999-12-27T11:00:05%2B01:00", "since=2999-12-27T11:00:05+02:00",
		"until=2025-12-27T10:00:05Z", "limit=0", "limit=1&limit=1", "cursor=aTEuNw", "cursor=aTEuMQ&limit=2", "cursor=djEuNw", "cursor=ZDEuNw", "cursor=aTEuMA", "cursor=", "incident_id=" + incidentText, "channel=slack",
		"order=asc&limit=2", "order=asc&cursor=bjEuNw&status=triggered", "order=desc&cursor=bjEuNw", "order=", "fingerprint=00000000000000000000000000000000", "fingerprint=7", "fingerprint=5B2F7C0D9A1E4F3386C4D2B17E90AA51",
		"q=%C3%96", "q=%E2%84%AA", "q=%00", "q=", "source=", "source=%FF", strings.Repeat("source=feed&", 101), strings.Repeat("category=other&", 9),
	} {
		f.Add(seed)
	}
	h := newHarness(f, quiet)
	severities, categories := alerting.Severities()[1:], alerting.Categories()
	alerts := make([]string, 40)
	for i := range alerts {
		alerts[i] = fmt.Sprintf(`{"severity":%q,"category":%q,"source":%q,"message":%q,"dedup_key":"k%d"}`,
			severities[i%4], categories[i%8], []string{"feed", "var_gate", "Größe"}[i%3], []string{"VaR limit", "Kein Tick für ÖL", "stale"}[i%3], i)
	}
	h.folded(alerts...)
	for i, one := range h.desk.incidents {
		var err error
		switch i % 3 {
		case 1:
			_, err = h.desk.Acknowledge(f.Context(), one.ID, incident.Action{By: "Ada"})
		case 2:
			_, err = h.desk.Resolve(f.Context(), one.ID, incident.Action{By: "Ada"})
		}
		require.NoError(f, err)
	}
	matches := func(q asked, i incident.Incident) bool {
		return rank(i.Severity.String()) >= rank(q.minimum) &&
			(len(q.statuses) == 0 || slices.Contains(q.statuses, i.Status.String())) &&
			(len(q.categories) == 0 || slices.Contains(q.categories, i.Category.String())) &&
			(len(q.sources) == 0 || slices.Contains(q.sources, i.Source)) &&
			(q.since == nil || !i.LastSeen.Before(*q.since)) &&
			strings.Contains(strings.ToLower(i.Message), strings.ToLower(q.text)) &&
			(q.fingerprint == "" || q.fingerprint == i.Fingerprint.String()) &&
			(q.place == 0 || int64(i.Number) < q.place == !q.ascending && int64(i.Number) != q.place)
	}
	f.Fuzz(func(t *testing.T, query string) {
		a := h.on(t).rawOf("/incidents", query)
		q, allowed := incidentList.read(query)
		if !allowed {
			require.NotEmpty(t, requireRefusal(t, a, http.StatusBadRequest).Errors)
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		want, got := []int64{}, []int64{}
		for _, i := range slices.Backward(h.desk.incidents) {
			if matches(q, i) {
				want = append(want, int64(i.Number))
			}
		}
		if q.ascending {
			slices.Reverse(want)
		}
		var page struct {
			Incidents  []struct{ Number int64 }
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &page)
		for _, i := range page.Incidents {
			got = append(got, i.Number)
		}
		requirePage(t, q, want, got, page.NextCursor)
	})
}

// FuzzDeliveryQuery compares GET /deliveries with the contract's filter, applied to each
// delivery.
func FuzzDeliveryQuery(f *testing.F) {
	for _, seed := range []string{
		"", "&", "a=%zz", "status=failed", "status=WAITING&status=Sending", "status=", "status=lost", "status=%EF%AC%80", strings.Repeat("status=failed&", 5), strings.Repeat("status=failed&", 6),
		"channel=slack", "channel=Slack", "channel=", "channel=%FF", "channel=a&channel=b", "channel=" + strings.Repeat("%C3%A9", 255), "channel=" + strings.Repeat("x", 256),
		"incident_id=" + incidentText, "incident_id=" + strings.ToUpper(incidentText), "incident_id=", "incident_id=7", "incident_id=00000000-0000-0000-0000-000000000000", "incident_id=urn:uuid:" + incidentText, "incident_id={" + incidentText + "}",
		"incident_id=019b5f2c7a3e7c4d9f102b6c8d1e4a55", "limit=1", "limit=0", "limit=2&status=failed&channel=slack&cursor=ZDEuMTA", "cursor=ZDEuNw", "cursor=djEuNw", "cursor=aTEuNw", "cursor=ZDEuMA", "min_severity=error", "source=feed",
	} {
		f.Add(seed)
	}
	h := newHarness(f, quiet)
	other := incident.NewID()
	for i := range 40 {
		h.desk.plan(delivery.Delivery{
			ID: delivery.NewID(), IncidentID: []incident.ID{knownIncident(), other}[i%2], Reason: incident.Opened, Channel: []string{"slack", "email", "on call"}[i%3],
			Status: delivery.Statuses()[i%5], CreatedAt: noon(), DueAt: noon(), GiveUpAt: noon().Add(time.Hour),
		})
	}
	matches := func(q asked, d delivery.Delivery) bool {
		return (len(q.statuses) == 0 || slices.Contains(q.statuses, d.Status.String())) &&
			(q.channel == "" || q.channel == d.Channel) && (q.incident == "" || q.incident == d.IncidentID.String()) &&
			(q.place == 0 || int64(d.Number) < q.place)
	}
	f.Fuzz(func(t *testing.T, query string) {
		a := h.on(t).rawOf("/deliveries", query)
		q, allowed := deliveryList.read(query)
		if !allowed {
			require.NotEmpty(t, requireRefusal(t, a, http.StatusBadRequest).Errors)
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		want, got := []int64{}, []int64{}
		numbers := map[string]int64{}
		for _, d := range slices.Backward(h.desk.deliveries) {
			numbers[d.ID.String()] = int64(d.Number)
			if matches(q, d) {
				want = append(want, int64(d.Number))
			}
		}
		var page struct {
			Deliveries []deliveryAnswer
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &page)
		for _, d := range page.Deliveries {
			got = append(got, numbers[d.ID])
		}
		requirePage(t, q, want, got, page.NextCursor)
	})
}

// recorder records what is done to incidents.
type recorder struct {
	*desk
	done []incident.Action
}

func (r *recorder) Resolve(_ context.Context, _ incident.ID, a incident.Action) (incident.Incident, error) {
	r.done = append(r.done, a)
	return r.incidents[0], nil
}

// readAction reads an action without alertd's code. It reports whether the contract
// allows it.
func readAction(body string) (a incident.Action, ok bool) {
	var members map[string]any
	body = strings.TrimPrefix(body, "\ufeff")
	if !utf8.ValidString(body) || json.Unmarshal([]byte(body), &members) != nil || members == nil {
		return a, false
	}
	for name := range members {
		if name != "by" && name != "note" {
			return a, false
		}
	}
	by, isText := members["by"].(string)
	note, noteIsText := members["note"].(string)
	if !isText || members["note"] != nil && !noteIsText {
		return a, false
	}
	a = incident.Action{By: strings.TrimSpace(by), Note: note}
	n := utf8.RuneCountInString(a.By)
	return a, n >= 1 && n <= 255 && utf8.RuneCountInString(note) <= 8192 && !strings.Contains(a.By+note, "\x00")
}

// FuzzAction checks that an action takes effect as its body states, and that a body
// which the contract does not allow has no effect.
func FuzzAction(f *testing.F) {
	for _, seed := range []string{
		``, ` `, `{`, `{}`, `[]`, `null`, `"Ada"`, `{"by":"Ada"}`, ` {"by":" Ada ","note":" n "}` + "\n", `{"by":"Ada","note":""}`, `{"by":"Ada","note":null}`, `{"by":7}`, `{"by":"Ada","by":"Eve"}`, `{"by":"Ada","b\u0079":"Eve"}`, `{"b\u0079":"Ada"}`,
		`{"By":"Ada"}`, `{"by":"Ada","more":{"a":1,"a":2}}`, `{"by":"Ada"}{}`, `{"by":"Ada"},`, `{"by":"\ud800"}`, `{"by":"\ud83d\ude00"}`, `{"by":"\u0000"}`, `{"by":"a` + "\x00" + `"}`, "{\"by\":\"\xff\"}", `{"by":"` + strings.Repeat("é", 255) + `"}`,
		`{"by":"` + strings.Repeat("é", 256) + `"}`, `{"by":"A","note":"` + strings.Repeat("é", 8192) + `"}`, `{"by":"A","note":"` + strings.Repeat("é", 8193) + `"}`, `{"by":"\u2003"}`, "\ufeff" + `{"by":"Ada"}`, "\ufeff" + `{"who":"Ada"}`, `{"by":"Ada",}`, `{'by':'Ada'}`,
	} {
		f.Add(seed)
	}
	r := &recorder{}
	h := newHarness(f, quiet, func(c *httpapi.Config) { c.IncidentActions = r }).folded(breach)
	r.desk = h.desk
	f.Fuzz(func(t *testing.T, body string) {
		r.done = nil
		a := h.on(t).do(http.MethodPost, "/incidents/"+incidentText+"/resolve", body)
		want, allowed := readAction(body)
		if a.status == http.StatusOK {
			require.True(t, allowed, "it is not allowed")
			require.Equal(t, []incident.Action{want}, r.done)
			return
		}
		require.Empty(t, r.done)
		p := requireRefusal(t, a, http.StatusBadRequest, http.StatusUnprocessableEntity)
		if a.status == http.StatusUnprocessableEntity {
			require.False(t, allowed, p.Detail)
			require.True(t, json.Valid([]byte(strings.TrimPrefix(body, "\ufeff"))), "a body that is not JSON is malformed, not invalid")
		} else if allowed { // JSON to others: alertd refuses what can be read in two ways
			require.True(t, strings.Contains(p.Detail, "a field twice") || strings.Contains(want.By+want.Note, "\ufffd"), p.Detail)
		}
	})
}
