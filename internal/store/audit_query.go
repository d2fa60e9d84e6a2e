package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"alertd/internal/audit"
)

// AuditLog returns a page of the audit log.
func (s *Store) AuditLog(ctx context.Context, q audit.Query) (audit.Page, error) {
	var page audit.Page
	conditions, args := []string{"number > 0"}, []any(nil)
	add := func(condition string, arg any) {
		conditions, args = append(conditions, condition), append(args, arg)
	}
	order, beyond := ` ORDER BY number DESC LIMIT ?`, "number < ?"
	if q.Ascending {
		order, beyond = ` ORDER BY number LIMIT ?`, "number > ?"
	}
	if q.From > 0 {
		add(beyond, q.From)
	}
	d := s.db.dialect()
	if len(q.Actors) > 0 {
		add("actor "+d.AnyText, d.Texts(q.Actors))
	}
	if len(q.Actions) > 0 {
		add("action "+d.AnyText, d.Texts(q.Actions))
	}
	if q.Object != "" {
		add("object = ?", q.Object)
	}
	if !q.Since.IsZero() {
		add("at >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		add("at < ?", q.Until.UnixMicro())
	}
	query := `SELECT ` + auditColumns + ` FROM audit WHERE ` + strings.Join(conditions, " AND ") + order
	looked, last := 0, int64(0)
	err := s.EachRow(ctx, func(rows *sql.Rows) error {
		if looked++; looked > q.Limit {
			page.Next = last
			return nil
		}
		r, err := scanRecord(rows)
		last = r.Number
		if err != nil {
			s.SetAside(auditTable, strconv.FormatInt(r.Number, 10), err)
			page.Unreadable++
			return nil
		}
		page.Records = append(page.Records, r)
		return nil
	}, query, append(args, q.Limit+1)...)
	if err != nil {
		return page, fmt.Errorf("read the audit log: %w", err)
	}
	return page, nil
}

// AuditLog calls each for all records of the audit log, oldest first, as they are at one
// moment. In the place of a row that cannot be read it gets a record with nothing but a
// number, and an error that says why not. An error that it returns ends the walk.
func (r *Reader) AuditLog(ctx context.Context, each func(record audit.Record, unreadable error) error) error {
	// One statement sees one moment, and may take as long as it takes.
	return eachRow(ctx, r.store.db.read(), func(rows *sql.Rows) error {
		return each(scanRecord(rows))
	}, `SELECT `+auditColumns+` FROM audit ORDER BY number`)
}

// VerifyAudit verifies the audit log: each record, that the chain ends where alertd has
// noted its end, and the marks that somebody has noted elsewhere. The error is an
// [*audit.BrokenError] if it names a record. An alertd may be appending meanwhile.
func (r *Reader) VerifyAudit(ctx context.Context, noted ...audit.Mark) (audit.Verified, error) {
	head, err := r.auditHead(ctx)
	if err != nil {
		return audit.Verified{}, err
	}
	v := audit.NewVerifier(append(slices.Clone(noted), head)...)
	err = r.AuditLog(ctx, func(record audit.Record, unreadable error) error {
		if unreadable != nil {
			return &audit.BrokenError{Number: record.Number, Why: "was changed: it cannot be read: " + unreadable.Error()}
		}
		return v.Next(record)
	})
	if err == nil {
		err = v.End()
	}
	if err != nil {
		return v.Verified(), err
	}
	if head, err = r.auditHead(ctx); err == nil && v.Verified().Head.Number > head.Number {
		err = &audit.BrokenError{Number: head.Number + 1, Why: fmt.Sprintf("was put in: record %d is the last that alertd has written", head.Number)}
	}
	return v.Verified(), err
}

// auditHead returns the end of the chain as alertd has noted it.
func (r *Reader) auditHead(ctx context.Context) (head audit.Mark, err error) {
	err = r.store.read(ctx, r.store.db.read(), func(ctx context.Context, db querier) error {
		head, err = scanMark(db.QueryRowContext(ctx, `SELECT number, hash FROM audit_head WHERE id = 1`))
		return err
	})
	return head, err
}
