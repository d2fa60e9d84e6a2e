package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/httpapi"
)

func TestRegisteredAlertIsAnsweredWithItsEvent(t *testing.T) {
	h := newHarness(t)
	a := h.post(breach, "Content-Type", "application/json; charset=utf-8")
	require.Equal(t, http.StatusCreated, a.status)
	var event map[string]any
	a.into(t, &event)
	require.Equal(t, "/events/"+event["event_id"].(string), a.header.Get("Location")) //nolint:forcetypeassert // a panic fails the test
	require.Contains(t, a.body, `"context":{"current_var":0.0500}`, "numbers keep their digits")
	require.Equal(t, a.body, h.get(a.header.Get("Location")).body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
}

func TestAlertBelowMinimumIsFiltered(t *testing.T) {
	h := newHarness(t)
	a := h.post(strings.Replace(breach, "error", "debug", 1))
	require.Equal(t, http.StatusOK, a.status)
	require.JSONEq(t, `{"registered":false,"reason":"severity debug is below min_severity info"}`, a.body)
	require.Zero(t, h.manager.Count())
}

func TestKnownIDReturnsFirstEvent(t *testing.T) {
	h := newHarness(t)
	withID := strings.Replace(breach, "{", `{"event_id":"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55",`, 1)
	for name, send := range map[string]func() answer{
		"event_id":        func() answer { return h.post(withID) },
		"Idempotency-Key": func() answer { return h.post(breach, "Idempotency-Key", "order 7") },
	} {
		first, again := send(), send()
		require.Equal(t, http.StatusCreated, first.status, name)
		require.Equal(t, http.StatusOK, again.status, name)
		require.Equal(t, first.body, again.body, name)
		require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
		require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	}
	require.Equal(t, 2, h.manager.Count())
}

func TestBadInputChangesNothing(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.MaxBody = 4096 })
	batchOf := func(n int) string { return "[" + strings.Repeat("1,", n-1) + "1]" }
	cases := map[string]struct {
		body, contentType string
		header            []string
		status            int
		field, says       string
		reason            alerting.RejectReason
	}{
		"no JSON":                 {body: "severity=error", status: 400, says: "malformed JSON", reason: alerting.RejectMalformed},
		"no body":                 {body: "", status: 400, says: "ends too soon", reason: alerting.RejectMalformed},
		"a field given twice":     {body: `{"source":"a","source":"b"}`, status: 400, says: "duplicate", reason: alerting.RejectMalformed},
		"more than one value":     {body: breach + breach, status: 400, says: "more after", reason: alerting.RejectMalformed},
		"half an array":           {body: "[" + breach, status: 400, says: "the array cannot be read", reason: alerting.RejectMalformed},
		"more after an array":     {body: "[1] 2", status: 400, says: "the array cannot be read", reason: alerting.RejectMalformed},
		"a bare bracket":          {body: "[", status: 400, says: "the array cannot be read", reason: alerting.RejectMalformed},
		"a wrong bracket":         {body: "[1}", status: 400, says: "the array cannot be read", reason: alerting.RejectMalformed},
		"a text":                  {body: `"x"`, status: 422, says: "must be a JSON object", reason: alerting.RejectInvalid},
		"an unknown severity":     {body: strings.Replace(breach, "error", "loud", 1), status: 422, field: "severity", says: "must be one of debug", reason: alerting.RejectInvalid},
		"an unknown field":        {body: strings.Replace(breach, "{", `{"x":1,`, 1), status: 422, field: "x", says: "not a known field", reason: alerting.RejectInvalid},
		"an empty array":          {body: " [] ", status: 422, says: "1 to 10000 alerts", reason: alerting.RejectInvalid},
		"no lines":                {body: "\n \r\n", contentType: "application/x-ndjson", status: 422, says: "1 to 10000 alerts", reason: alerting.RejectInvalid},
		"too long a body":         {body: strings.Replace(breach, "VaR", strings.Repeat("x", 5000), 1), status: 413, says: "limit of 4096 bytes", reason: alerting.RejectTooLarge},
		"a form":                  {body: breach, contentType: "application/x-www-form-urlencoded", status: 415, says: "must be application/json or application/x-ndjson", reason: alerting.RejectUnsupported},
		"a strange content type":  {body: breach, contentType: ";;", status: 415, says: "must be application/json", reason: alerting.RejectUnsupported},
		"an unknown compression":  {body: breach, header: []string{"Content-Encoding", "br"}, status: 415, says: `"br" is not supported, must be gzip or zstd`, reason: alerting.RejectUnsupported},
		"two compressions":        {body: breach, header: []string{"Content-Encoding", "gzip", "Content-Encoding", "zstd"}, status: 415, says: `"gzip, zstd" is not supported`, reason: alerting.RejectUnsupported},
		"no gzip":                 {body: breach, header: []string{"Content-Encoding", "gzip"}, status: 400, says: "cannot be unpacked", reason: alerting.RejectMalformed},
		"no zstd":                 {body: breach, header: []string{"Content-Encoding", "zstd"}, status: 400, says: "cannot be unpacked", reason: alerting.RejectMalformed},
		"an endless element":      {body: `[` + breach + `,{"severity":"error",` + breach + `]`, status: 400, says: "the array cannot be read: element 1 is not closed", reason: alerting.RejectMalformed},
		"an endless string":       {body: `[` + breach + `,"a]`, status: 400, says: "a string in element 1 does not end", reason: alerting.RejectMalformed},
		"alertd's own source":     {body: strings.Replace(breach, "var_gate", " AlertD ", 1), status: 422, field: "source", says: "alertd's own", reason: alerting.RejectInvalid},
		"a key with a batch":      {body: "[" + breach + "]", header: []string{"Idempotency-Key", "k"}, status: 400, field: "Idempotency-Key", says: "one alert only", reason: alerting.RejectInvalid},
		"two keys":                {body: breach, header: []string{"Idempotency-Key", "k", "Idempotency-Key", "l"}, status: 400, field: "Idempotency-Key", says: "once", reason: alerting.RejectInvalid},
		"an empty key":            {body: breach, header: []string{"Idempotency-Key", ""}, status: 400, field: "Idempotency-Key", says: "1 to 255 printable", reason: alerting.RejectInvalid},
		"a key beyond ASCII":      {body: breach, header: []string{"Idempotency-Key", "é"}, status: 400, field: "Idempotency-Key", says: "printable ASCII", reason: alerting.RejectInvalid},
		"an array of 10001 (cut)": {body: batchOf(2000), status: 200, reason: alerting.RejectInvalid},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			before := h.manager.Totals().Rejected[c.reason]
			header := c.header
			if c.contentType != "" {
				header = append(header, "Content-Type", c.contentType)
			}
			a := h.post(c.body, header...)
			require.Zero(t, h.manager.Count())
			require.Greater(t, h.manager.Totals().Rejected[c.reason], before, "the rejection is counted")
			if c.status == http.StatusOK {
				require.Equal(t, c.status, a.status)
				return
			}
			p := requireProblem(t, a, c.status)
			if c.field != "" {
				requireField(t, p, c.field, c.says)
				return
			}
			require.Contains(t, p.Detail, c.says)
		})
	}
}

func TestBatchSizeIsLimited(t *testing.T) {
	h := newHarness(t)
	line := `{"severity":"error","category":"other","source":"a","message":"m"}`
	for _, batch := range []struct{ body, contentType string }{
		{"[" + strings.Repeat(line+",", 10_000) + line + "]", "application/json"},
		{strings.Repeat(line+"\n", 10_001), "application/x-ndjson"},
	} {
		p := requireProblem(t, h.post(batch.body, "Content-Type", batch.contentType), http.StatusUnprocessableEntity)
		require.Contains(t, p.Detail, "1 to 10000 alerts")
		require.Zero(t, h.manager.Count())
	}
	a := h.post(strings.Repeat(line+"\n", 10_000), "Content-Type", "application/x-ndjson")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, uint64(10_000), h.manager.Stats().SinceStart.Registered)
}

func TestBadElementCostsOnlyItself(t *testing.T) {
	const id = "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"
	good := `{"event_id":"` + id + `","severity":"error","category":"other","source":"a","message":"m"}`
	elements := []string{
		good, `{"severity":"debug","category":"other","source":"a","message":"m"}`, good,
		`{"severity":"loud","category":"other","source":"a","message":"<b>"}`, `{"source":"a","source":"b"}`, "{\"source\":\"\xff\"}", `7`,
	}
	for name, send := range map[string]func(*harness) answer{
		"array": func(h *harness) answer { return h.post(" \n[" + strings.Join(elements, " ,\n") + "] ") },
		"ndjson": func(h *harness) answer {
			return h.post("\r\n"+strings.Join(elements, "\r\n\n"), "Content-Type", "application/x-ndjson")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			a := send(h)
			require.Equal(t, http.StatusOK, a.status, a.body)
			var result struct {
				Registered, Filtered, Duplicate, Rejected int
				Results                                   []struct {
					Index   int
					Status  string
					EventID string `json:"event_id"`
					Reason  string
					Errors  []alerting.FieldError
				}
			}
			a.into(t, &result)
			require.Equal(t, []int{1, 1, 1, 4}, []int{result.Registered, result.Filtered, result.Duplicate, result.Rejected})
			statuses := make([]string, 0, len(result.Results))
			for i, r := range result.Results {
				require.Equal(t, i, r.Index)
				statuses = append(statuses, r.Status)
				require.Equal(t, r.Status == "rejected", len(r.Errors) > 0)
				require.Equal(t, r.Status == "filtered", r.Reason != "")
			}
			require.Equal(t, []string{"registered", "filtered", "duplicate", "rejected", "rejected", "rejected", "rejected"}, statuses)
			require.Equal(t, id, result.Results[2].EventID)
			require.Equal(t, "severity", result.Results[3].Errors[0].Field)
			require.Contains(t, result.Results[4].Errors[0].Message, "duplicate")
			require.Contains(t, result.Results[6].Errors[0].Message, "must be a JSON object")
			require.Equal(t, uint64(4), h.manager.Stats().SinceStart.Rejected)
			require.Equal(t, 1, h.manager.Count())
		})
	}
	t.Run("malformed ndjson line", func(t *testing.T) {
		a := newHarness(t).post("{\n"+good, "Content-Type", "application/x-ndjson")
		require.Contains(t, a.body, `"registered":1,"filtered":0,"duplicate":0,"rejected":1`)
		require.Contains(t, a.body, "ends too soon")
	})
}

func TestBrokenOffBodyIsRefused(t *testing.T) {
	h := newHarness(t)
	request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/alerts", iotest.ErrReader(fmt.Errorf("cut")))
	recorder := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(recorder, request)
	p := requireProblem(t, answer{recorder.Code, recorder.Header(), recorder.Body.String()}, http.StatusBadRequest)
	require.NotContains(t, p.Detail, "cut")
	require.Contains(t, h.log.String(), "cut")
}

func TestGoneClientRegistersNothing(t *testing.T) {
	h := newHarness(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, body := range []string{breach, "[" + breach + "]"} {
		recorder := httptest.NewRecorder()
		h.api.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(gone, http.MethodPost, "/alerts", strings.NewReader(body)))
	}
	require.Zero(t, h.manager.Count())
	require.Equal(t, 2, strings.Count(h.log.String(), `"status":499`), h.log.String())
	require.NotContains(t, h.log.String(), `"level":"ERROR"`)
}

func TestCursorsVisitEachEventOnce(t *testing.T) {
	h := newHarness(t)
	require.NoError(t, h.manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityDebug, BufferSize: 100_000}))
	const writers, each = 4, 300
	for range 500 {
		h.post(breach)
	}
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				h.post(breach)
			}
		})
	}
	seen := map[float64]bool{}
	last := float64(1 << 40)
	for query := "?limit=37"; ; {
		p := h.events(query)
		for _, event := range p.Events {
			seq := event["seq"].(float64) //nolint:forcetypeassert // a panic fails the test
			require.Less(t, seq, last)
			last = seq
			seen[seq] = true
		}
		if p.NextCursor == nil {
			break
		}
		query = "?limit=37&cursor=" + *p.NextCursor
	}
	group.Wait()
	for seq := 1; seq <= 500; seq++ {
		require.True(t, seen[float64(seq)], seq)
	}
	require.Equal(t, 500+writers*each, h.manager.Count())
}
