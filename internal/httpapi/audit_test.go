package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/httpapi"
)

// audit adds two records to the audit log.
func (d *desk) audit() {
	d.record(
		audit.Entry{Actor: "alertd", Kind: access.Own, Action: audit.Reload, Object: "config.toml"}.Changing(nil, map[string]any{"changed": []string{"server.listen"}}),
		audit.Entry{Actor: "desk-bot", Kind: access.Token, For: "ada", Address: "192.0.2.7", Action: audit.Acknowledge, Object: incidentText}.
			Changing(map[string]string{"status": "triggered"}, map[string]string{"status": "acknowledged", "by": "<ada>"}),
	)
}

func (d *desk) record(entries ...audit.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		var head audit.Mark
		if n := len(d.records); n > 0 {
			head = d.records[n-1].Mark()
		}
		d.records = append(d.records, audit.Seal(head, noon(), e))
	}
}

// AuditLog implements httpapi.AuditReader.
func (d *desk) AuditLog(_ context.Context, q audit.Query) (page audit.Page, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	records := slices.Clone(d.records)
	if !q.Ascending {
		slices.Reverse(records)
	}
	for _, r := range records {
		beyond := q.From == 0 || q.Ascending && r.Number > q.From || !q.Ascending && r.Number < q.From
		if !beyond || len(q.Actors) > 0 && !slices.Contains(q.Actors, r.Actor) || len(q.Actions) > 0 && !slices.Contains(q.Actions, string(r.Action)) ||
			q.Object != "" && q.Object != r.Object || !q.Since.IsZero() && r.At.Before(q.Since) || !q.Until.IsZero() && !r.At.Before(q.Until) {
			continue
		}
		if len(page.Records) == q.Limit {
			page.Next = page.Records[q.Limit-1].Number
			break
		}
		page.Records = append(page.Records, r)
	}
	page.Unreadable = d.unreadable
	return page, d.err
}

// numbers returns those of the records of GET /audit, following the cursors.
func (h *harness) numbers(query string) (numbers []int64) {
	h.tb.Helper()
	for cursor := ""; ; {
		var page struct {
			Records    []audit.Record
			NextCursor *string `json:"next_cursor"`
		}
		h.get("/audit?"+query+cursor).into(h.tb, &page)
		for _, r := range page.Records {
			numbers = append(numbers, r.Number)
		}
		if page.NextCursor == nil {
			return numbers
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

func TestAuditLogIsReadInPages(t *testing.T) {
	h := newHarness(t)
	for range 4 {
		h.desk.audit()
	}
	for limit := 1; limit < 10; limit++ {
		require.Equal(t, []int64{8, 7, 6, 5, 4, 3, 2, 1}, h.numbers(fmt.Sprint("limit=", limit)))
		require.Equal(t, []int64{1, 2, 3, 4, 5, 6, 7, 8}, h.numbers(fmt.Sprint("order=asc&limit=", limit)))
		require.Equal(t, []int64{8, 6, 4, 2}, h.numbers(fmt.Sprint("actor=desk-bot&limit=", limit)))
	}
	require.Empty(t, h.numbers("until=2025-12-27T12:00:00Z"))
	require.Len(t, h.numbers("since=2025-12-27T12:00:00Z"), 8)
}

// TestAuditExportIsVerified has more records than are read at once.
func TestAuditExportIsVerified(t *testing.T) {
	h := newHarness(t)
	for range 601 {
		h.desk.audit()
	}
	export := func(query string) (records []audit.Record) {
		a := h.do(http.MethodGet, "/audit"+query, "", "Accept", "text/html;q=0.9, application/x-ndjson; q=0.5")
		require.Equal(t, http.StatusOK, a.status)
		require.Equal(t, asNDJSON, a.header.Get("Content-Type"))
		require.Contains(t, a.header["Vary"], "Accept")
		for line := range strings.Lines(a.body) {
			var r audit.Record
			require.NoError(t, r.UnmarshalJSON([]byte(line)))
			records = append(records, r)
		}
		return records
	}
	v := audit.NewVerifier(h.desk.records[1201].Mark())
	for _, r := range export("") {
		require.NoError(t, v.Next(r))
	}
	require.NoError(t, v.End())
	require.EqualValues(t, 1202, v.Verified().Records)
	require.Len(t, export("?limit=700"), 700)
	require.Len(t, export("?actor=alertd"), 601)
	require.EqualValues(t, 1202, export("?order=desc&limit=3")[0].Number)
	require.Empty(t, export("?actor=eve"))
}

// breaking is a database that goes away after some pages.
type breaking struct {
	httpapi.AuditReader
	pages int
}

func (b *breaking) AuditLog(ctx context.Context, q audit.Query) (audit.Page, error) {
	if b.pages--; b.pages < 0 {
		return audit.Page{}, errors.New("connection lost")
	}
	return b.AuditReader.AuditLog(ctx, q)
}

func TestAuditExportThatBreaksOffIsCut(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.Audit = &breaking{c.Audit, 2} })
	for range 1000 {
		h.desk.audit()
	}
	server := h.serve()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/audit", nil)
	require.NoError(t, err)
	r.Header.Set("Accept", asNDJSON)
	answer, err := server.Client().Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	records := 0
	for lines := json.NewDecoder(answer.Body); err == nil; {
		var r audit.Record
		if err = lines.Decode(&r); err == nil {
			records++
		}
	}
	require.ErrorContains(t, err, "unexpected EOF")
	require.Positive(t, records)
	require.LessOrEqual(t, records, 1000)
	require.Contains(t, h.log.String(), "export the audit log: connection lost")
}
