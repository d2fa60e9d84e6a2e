package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"alertd/internal/access"
	"alertd/internal/audit"
)

// The chain of the audit log has no fork and no gap: a transaction that appends holds the one row of
// audit_head until it has ended, and each number is taken once. The row is the
// last that a transaction locks. So nobody who waits for it holds up one who has it.

// Record appends entries to the audit log within a transaction, so that they are kept if
// and only if what they tell of is. now is the transaction's time. It is called once, after
// everything else that the transaction does.
func (s *Store) Record(ctx context.Context, tx Transaction, now time.Time, entries ...audit.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	head, err := s.holdAuditHead(ctx, tx)
	if err != nil {
		return err
	}
	rows := make([][]any, len(entries))
	for i, e := range entries {
		r := audit.Seal(head, now, e)
		rows[i] = []any{
			r.Number, r.At.UnixMicro(), r.Actor, string(r.Kind), r.For, r.Address, string(r.Action), r.Object,
			textOrNull(r.Before), textOrNull(r.After), r.Previous.String(), r.Hash.String(),
		}
		head = r.Mark()
	}
	kinds := []string{"bigint", "bigint", "text", "text", "text", "text", "text", "text", "text", "text", "text", "text"}
	if err := s.InsertRows(ctx, tx, `INSERT INTO audit (`+auditColumns+`) `, kinds, rows, ""); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	if _, err := tx.ExecContext(ctx, s.sql(`UPDATE audit_head SET number = ?, hash = ? WHERE id = 1`), head.Number, head.Hash.String()); err != nil {
		return fmt.Errorf("append to the audit log: %w", err)
	}
	return nil
}

// Audit appends entries to the audit log in a transaction of its own. While the database
// is away it fails after the store's timeout at the latest, and nothing is kept for later:
// the caller logs the error, and what the entries tell of stands. The error is as that of
// [Store.Transact].
func (s *Store) Audit(ctx context.Context, entries ...audit.Entry) error {
	return s.Transact(ctx, true, func(ctx context.Context, tx Transaction, now time.Time) error {
		return s.Record(ctx, tx, now, entries...)
	})
}

// holdAuditHead returns the end of the chain, and keeps others from it until the
// transaction has ended.
func (s *Store) holdAuditHead(ctx context.Context, tx Transaction) (audit.Mark, error) {
	return scanMark(tx.QueryRowContext(ctx, s.sql(`SELECT number, hash FROM audit_head WHERE id = 1`+s.db.dialect().Hold)))
}

// scanMark reads a number and a hash.
func scanMark(row *sql.Row) (m audit.Mark, err error) {
	var hash string
	if err = row.Scan(&m.Number, &hash); err == nil {
		m.Hash, err = audit.ParseHash(hash)
	}
	if err != nil {
		return audit.Mark{}, fmt.Errorf("read a place in the audit log: %w", err)
	}
	return m, nil
}

func textOrNull(value jsontext.Value) any {
	if value == nil {
		return nil
	}
	return string(value)
}

// firstUse notes that a token or a certificate is used, and writes an entry if that is the
// first time.
func (s *Store) firstUse(ctx context.Context, use firstUse) error {
	return s.Transact(ctx, true, func(ctx context.Context, tx Transaction, now time.Time) error {
		fresh, err := affected(tx.ExecContext(ctx, s.sql(`INSERT INTO token_uses (hash, name, first_used_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING`),
			use.credential, use.entry.Actor, now.UnixMicro()))
		if err != nil || fresh == 0 {
			return err
		}
		return s.Record(ctx, tx, now, use.entry)
	})
}

// firstUse is the use of a token or a certificate.
type firstUse struct {
	credential string
	entry      audit.Entry
}

// newFirstUse returns the use of what an identity has shown.
func newFirstUse(ctx context.Context, i *access.Identity) (firstUse, bool) {
	credential := i.Subject
	if i.Kind == access.Token {
		credential = i.Hash.String()
	}
	e := audit.By(ctx, audit.TokenFirstUse, i.Name).Changing(nil, map[string]any{"role": i.Role})
	e.Actor, e.Kind = i.Name, i.Kind
	return firstUse{credential, e}, credential != ""
}

// auditTable is what [Store.SetAside] calls the table.
const auditTable = "audit"

// auditColumns are what [scanRecord] reads.
const auditColumns = `number, at, actor, kind, for_, address, action, object, before, after, previous, hash`

// scanRecord reads a record. The error says that the row is none; the record has nothing
// but the number then.
func scanRecord(rows *sql.Rows) (audit.Record, error) {
	var number, at sql.NullInt64
	var texts [10]sql.NullString
	into := []any{&number, &at}
	for i := range texts {
		into = append(into, &texts[i])
	}
	if err := rows.Scan(into...); err != nil {
		return audit.Record{Number: number.Int64}, err
	}
	r := audit.Record{Number: number.Int64, At: time.UnixMicro(at.Int64).UTC(), Entry: audit.Entry{
		Actor: texts[0].String, Kind: access.Kind(texts[1].String), For: texts[2].String, Address: texts[3].String,
		Action: audit.Action(texts[4].String), Object: texts[5].String,
	}}
	var errs [5]error
	for i, column := range texts {
		if !column.Valid && i != 6 && i != 7 || !at.Valid {
			errs[0] = errors.New("a column is NULL")
		}
	}
	r.Before, errs[1] = readValue(texts[6])
	r.After, errs[2] = readValue(texts[7])
	r.Previous, errs[3] = audit.ParseHash(texts[8].String)
	r.Hash, errs[4] = audit.ParseHash(texts[9].String)
	if err := errors.Join(errs[:]...); err != nil {
		return audit.Record{Number: number.Int64}, err
	}
	return r, nil
}

func readValue(column sql.NullString) (jsontext.Value, error) {
	if !column.Valid {
		return nil, nil
	}
	value, err := audit.ReadValue(jsontext.Value(column.String))
	if err == nil && string(value) != column.String {
		err = errors.New("is not as it was written")
	}
	return value, err
}
