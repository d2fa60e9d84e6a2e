package httpapi

import (
	"context"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"alertd/internal/audit"
)

// AuditReader reads the audit log. Safe for concurrent use.
type AuditReader interface {
	// AuditLog returns a page of it.
	AuditLog(ctx context.Context, q audit.Query) (audit.Page, error)
}

const (
	maxActors  = 100
	maxActions = 100
	// auditPart is how many records of an export are read at once.
	auditPart = 500
)

var auditParameters = []string{"actor", "action", "object", "since", "until", "order", "limit", "cursor"}

// auditQuery asks for records: a page of them, or all.
type auditQuery struct {
	audit.Query
	// all says that nothing bounds how many.
	all bool
}

// cursorKind returns the form of the query's cursors.
func (q auditQuery) cursorKind() cursorKind {
	if q.Ascending {
		return ascendingAuditCursor
	}
	return auditCursor
}

// parseAuditQuery reads the query of GET /audit. An export is oldest first and has no
// limit, unless the query says otherwise: so it can be verified.
func parseAuditQuery(raw string, export bool) (auditQuery, error) {
	q := newQueryReader(raw, auditParameters)
	query := auditQuery{all: export && !q.values.Has("limit"), Query: audit.Query{
		Actors: q.keys("actor", maxActors), Actions: q.keys("action", maxActions),
		Since: q.time("since"), Until: q.time("until"), Ascending: q.ascending(export), Limit: q.limit(),
	}}
	if object, ok := q.one("object"); ok {
		q.key("object", object)
		query.Object = object
	}
	query.From = q.cursor(query.cursorKind())
	return query, q.err()
}

// keys reads a parameter that may be repeated and that the database looks up.
func (q *queryReader) keys(name string, most int) []string {
	values := q.several(name, most)
	for _, value := range values {
		q.key(name, value)
	}
	return values
}

// getAudit answers with the audit log: a page as JSON, or all of it as NDJSON, one record a
// line, as it was hashed.
func (a *API) getAudit(w *response, r *http.Request) error {
	export := wantsLines(r)
	query, err := parseAuditQuery(r.URL.RawQuery, export)
	if err != nil {
		return err
	}
	w.Header().Add("Vary", "Accept")
	if export {
		return a.exportAudit(w, r, query)
	}
	page, err := a.auditPage(r.Context(), query.Query)
	if err != nil {
		return err
	}
	answer := struct {
		Records    []audit.Record `json:"records"`
		NextCursor *string        `json:"next_cursor"`
		Unreadable int            `json:"unreadable,omitzero"`
	}{append([]audit.Record{}, page.Records...), query.cursorKind().next(page.Next, page.Next > 0), page.Unreadable}
	return w.sendJSON(http.StatusOK, answer)
}

func (a *API) auditPage(ctx context.Context, q audit.Query) (page audit.Page, err error) {
	err = a.searches.run(ctx, func(ctx context.Context) error {
		page, err = a.config.Audit.AuditLog(ctx, q)
		return err
	})
	return page, err
}

// exportAudit answers with records as NDJSON, part by part: the log may be long. If a
// later part cannot be read, the connection is cut, so that nobody takes what there is for
// all.
func (a *API) exportAudit(w *response, r *http.Request, q auditQuery) error {
	left := q.Limit
	for first := true; ; first = false {
		if q.Limit = auditPart; !q.all {
			q.Limit = min(auditPart, left)
		}
		page, err := a.auditPage(r.Context(), q.Query)
		if first && err != nil {
			return err
		}
		if first {
			header := w.Header()
			header.Set("Content-Type", contentNDJSON)
			header.Set("Connection", "close") // the last write's deadline stays with it
			w.WriteHeader(http.StatusOK)
		}
		if err == nil {
			err = a.putRecords(w, page.Records)
		}
		if err != nil {
			w.cause = fmt.Errorf("export the audit log: %w", err)
			panic(http.ErrAbortHandler)
		}
		left -= q.Limit
		if q.From = page.Next; page.Next == 0 || !q.all && left <= 0 || r.Method == http.MethodHead {
			return nil
		}
	}
}

// putRecords sends records, each in its line.
func (a *API) putRecords(w *response, records []audit.Record) error {
	lines := getBuffer()
	defer putBuffer(lines)
	for _, record := range records {
		line, err := record.MarshalJSON()
		if err != nil {
			return err
		}
		lines.Write(line)
		lines.WriteByte('\n')
	}
	// Without a deadline of its own a long answer would be cut by the server's.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.config.WriteTimeout)) // not every connection has them
	_, err := w.Write(lines.Bytes())
	return err
}

// wantsLines reports whether a request accepts NDJSON.
func wantsLines(r *http.Request) bool {
	for accepted := range strings.SplitSeq(strings.Join(r.Header["Accept"], ","), ",") {
		if kind, _, err := mime.ParseMediaType(accepted); err == nil && kind == contentNDJSON {
			return true
		}
	}
	return false
}
