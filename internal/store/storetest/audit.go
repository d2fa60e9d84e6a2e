package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/access"
	"alertd/internal/audit"
	"alertd/internal/store"
)

var auditCases = []testCase{
	{"records are chained, and read back as they were sealed", chainedRecords},
	{"records appended at once make one chain", recordsAtOnce},
	{"a transaction that fails leaves no record and no gap", failedRecord},
	{"what cannot be recorded does not happen", unrecordable},
	{"records are not changed, removed or replaced", recordsStay},
	{"a query finds by each of its fields, in pages", auditQueries},
	{"a damaged record stops nothing, and is named", damagedRecords},
	{"what somebody does to the chain is named", tamperedChain},
	{"retention deletes the beginning and signs it off", auditRetention},
	{"a run of retention that was cut short is signed off", auditRetentionCutShort},
	{"retention of events is recorded once for many runs", eventRetentionRecorded},
	{"a token's first use is recorded once", firstUses},
	{"a flood of failures is counted", failureFlood},
	{"what cannot be written behind requests is written or counted later", writtenLater},
}

// entry is like any other.
func entry(n int) audit.Entry {
	return audit.Entry{Actor: "ada", Kind: access.Token, Action: audit.Acknowledge, Object: fmt.Sprint("incident ", n)}
}

// recordAt appends a record of another time.
func (l *Log) recordAt(tb testing.TB, ago time.Duration, entries ...audit.Entry) {
	tb.Helper()
	require.NoError(tb, l.Transact(tb.Context(), true, func(ctx context.Context, tx store.Transaction, now time.Time) error {
		return l.Record(ctx, tx, now.Add(-ago), entries...)
	}))
}

// auditLog returns all records, oldest first.
func (l *Log) auditLog(tb testing.TB) []audit.Record {
	tb.Helper()
	page, err := l.AuditLog(tb.Context(), audit.Query{Ascending: true, Limit: 100_000})
	require.NoError(tb, err)
	require.Zero(tb, page.Unreadable)
	return page.Records
}

// VerifyAudit verifies the audit log from outside of the log.
func (db Database) VerifyAudit(tb testing.TB, noted ...audit.Mark) (audit.Verified, error) {
	tb.Helper()
	reader, err := store.OpenReadOnly(tb.Context(), db.Settings(tb))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, reader.Close()) }()
	return reader.VerifyAudit(tb.Context(), noted...)
}

// requireBroken makes sure that the verification names a record.
func (db Database) requireBroken(tb testing.TB, number int64, why string, noted ...audit.Mark) {
	tb.Helper()
	_, err := db.VerifyAudit(tb, noted...)
	named, is := errors.AsType[*audit.BrokenError](err)
	require.True(tb, is, "%v", err)
	require.Equal(tb, number, named.Number, err.Error())
	require.ErrorContains(tb, err, why)
}

func chainedRecords(t *testing.T, db Database) {
	log := db.Open(t)
	seen, err := db.VerifyAudit(t)
	require.NoError(t, err)
	require.Zero(t, seen)
	require.Empty(t, log.auditLog(t))

	full := audit.Entry{
		Actor: "desk\x00bot", Kind: access.Person, For: "ada 🚀", Address: "2001:db8::1", Action: audit.Resolve, Object: "é\xff",
	}.Changing(map[string]any{"status": "triggered", "n": 1.50}, []string{"\x00", "<&>"})
	require.NoError(t, log.Audit(t.Context(), full, entry(2)))
	require.NoError(t, log.Audit(t.Context(), entry(3)))
	require.NoError(t, log.Audit(t.Context()))
	records := log.auditLog(t)
	require.Len(t, records, 3)
	require.Equal(t, audit.Seal(audit.Mark{}, records[0].At, full), records[0])
	require.Equal(t, audit.Seal(records[1].Mark(), records[2].At, entry(3)), records[2])
	require.WithinDuration(t, time.Now(), records[2].At, time.Minute)
	log.Stop()

	log = db.Open(t)
	require.NoError(t, log.Audit(t.Context(), entry(4)))
	seen, err = db.VerifyAudit(t, records[1].Mark())
	require.NoError(t, err)
	require.Equal(t, audit.Verified{Records: 4, First: 1, Head: log.auditLog(t)[3].Mark()}, seen)
}

func recordsAtOnce(t *testing.T, db Database) {
	log := db.Open(t)
	var group errgroup.Group
	for i := range 8 {
		group.Go(func() error {
			for n := range 10 {
				if err := log.Audit(t.Context(), entry(10*i+n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	seen, err := db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, 80, seen.Records)
}

var errNotThis = errors.New("not this")

func failedRecord(t *testing.T, db Database) {
	log := db.Open(t)
	for n := range 3 {
		require.NoError(t, log.Audit(t.Context(), entry(n)))
		require.ErrorIs(t, log.Transact(t.Context(), true, func(ctx context.Context, tx store.Transaction, now time.Time) error {
			return errors.Join(log.Record(ctx, tx, now, entry(-n)), errNotThis)
		}), errNotThis)
	}
	seen, err := db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, 3, seen.Records)
}

// unrecordable has a database in which nothing can be recorded: an intruder has put in a
// record that was not there.
func unrecordable(t *testing.T, db Database) {
	log := db.Start(t)
	require.NoError(t, log.Audit(t.Context(), entry(1)))
	db.Exec(t, `INSERT INTO audit (`+auditColumns+`) SELECT 2, at, actor, kind, for_, address, action, object, before, after, hash, hash FROM audit`)
	act := func(ctx context.Context, tx store.Transaction, now time.Time) error {
		_, err := tx.ExecContext(ctx, `UPDATE log_cursors SET seq = 77 WHERE name = 'engine'`)
		if err == nil {
			err = log.Record(ctx, tx, now, entry(2))
		}
		return err
	}
	require.Error(t, log.Transact(t.Context(), true, act))
	require.Zero(t, db.Number(t, `SELECT seq FROM log_cursors WHERE name = 'engine'`))
	log.Add(t, Alert("alerts are taken all the same"))
	db.requireBroken(t, 2, "was changed")
}

const auditColumns = `number, at, actor, kind, for_, address, action, object, before, after, previous, hash`

func recordsStay(t *testing.T, db Database) {
	log := db.Open(t)
	require.NoError(t, log.Audit(t.Context(), entry(1), entry(2)))
	before := log.auditLog(t)
	for _, statement := range []string{
		`UPDATE audit SET actor = 'eve'`,
		`UPDATE audit SET number = number + 7`,
		`DELETE FROM audit`,
		`DELETE FROM audit WHERE number = 1`,
	} {
		_, err := db.SQL.ExecContext(t.Context(), statement)
		require.ErrorContains(t, err, "the audit log only grows", statement)
	}
	other := map[string]string{
		store.SQLite:   `INSERT OR REPLACE INTO audit (` + auditColumns + `) SELECT 1, at, 'eve', kind, for_, address, action, object, before, after, 'x', hash FROM audit WHERE number = 1`,
		store.Postgres: `TRUNCATE audit`,
	}
	_, err := db.SQL.ExecContext(t.Context(), other[db.Config.Driver])
	require.ErrorContains(t, err, "the audit log only grows")
	require.Equal(t, before, log.auditLog(t))

	// A fork is not possible either.
	_, err = db.SQL.ExecContext(t.Context(), `INSERT INTO audit (`+auditColumns+`)
		SELECT 3, at, actor, kind, for_, address, action, object, before, after, previous, hash FROM audit WHERE number = 2`)
	require.Error(t, err)
}

func auditQueries(t *testing.T, db Database) {
	log := db.Open(t)
	for n := range 10 {
		e := entry(n)
		if n%2 == 1 {
			e.Actor, e.Action = "grace", audit.Resolve
		}
		log.recordAt(t, time.Duration(10-n)*time.Hour, e)
	}
	all := log.auditLog(t)
	numbers := func(q audit.Query) (found []int64) {
		for {
			page, err := log.AuditLog(t.Context(), q)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Records), q.Limit)
			for _, r := range page.Records {
				found = append(found, r.Number)
			}
			if q.From = page.Next; q.From == 0 {
				return found
			}
			require.Len(t, page.Records, q.Limit)
		}
	}
	for limit := range 12 {
		require.Equal(t, []int64{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, numbers(audit.Query{Limit: limit + 1}))
		require.Equal(t, []int64{1, 3, 5, 7, 9}, numbers(audit.Query{Actors: []string{"ada", "eve"}, Ascending: true, Limit: limit + 1}))
	}
	for _, c := range []struct {
		q    audit.Query
		want []int64
	}{
		{audit.Query{Actions: []string{"incident.resolve"}}, []int64{10, 8, 6, 4, 2}},
		{audit.Query{Actions: []string{"incident.resolve", "incident.acknowledge"}, Actors: []string{"ada"}}, []int64{9, 7, 5, 3, 1}},
		{audit.Query{Object: "incident 3"}, []int64{4}},
		{audit.Query{Object: "incident"}, nil},
		{audit.Query{Actors: []string{"' OR 1=1 --"}}, nil},
		{audit.Query{Since: all[7].At}, []int64{10, 9, 8}},
		{audit.Query{Until: all[2].At}, []int64{2, 1}},
		{audit.Query{Since: all[2].At, Until: all[4].At, Actors: []string{"grace"}}, []int64{4}},
	} {
		c.q.Limit = 3
		require.Equal(t, c.want, numbers(c.q), "%+v", c.q)
	}
}

// unguard makes a database's owner able to change records, as one who can drop triggers
// is.
func (db Database) unguard(tb testing.TB) {
	tb.Helper()
	db.Exec(tb, `CREATE TABLE changed AS SELECT * FROM audit`)
	db.Exec(tb, `DROP TABLE audit`)
	db.Exec(tb, `ALTER TABLE changed RENAME TO audit`)
}

func damagedRecords(t *testing.T, db Database) {
	whole := db.Open(t)
	require.NoError(t, whole.Audit(t.Context(), entry(1), entry(2), entry(3)))
	whole.Stop()
	db.unguard(t)
	db.Exec(t, `CREATE TABLE whole AS SELECT * FROM audit`)
	for name, change := range map[string]string{
		"NULL":             `actor = NULL`,
		"not JSON":         `after = '{'`,
		"other JSON":       `after = '{ "a":1}'`,
		"without a hash":   `hash = ''`,
		"half a hash":      `hash = substr(hash, 9)`,
		"without a time":   `at = NULL`,
		"nothing previous": `previous = 'x'`,
	} {
		t.Run(name, func(t *testing.T) {
			db.Exec(t, `DELETE FROM audit`)
			db.Exec(t, `INSERT INTO audit SELECT * FROM whole`)
			db.Exec(t, `UPDATE audit_head SET number = 3, hash = (SELECT hash FROM whole WHERE number = 3)`)
			db.Exec(t, `UPDATE audit SET `+change+` WHERE number = 2`)

			log := db.Start(t)
			log.Add(t, Alert("alerts are taken"))
			require.NoError(t, log.Audit(t.Context(), entry(4)))
			page, err := log.AuditLog(t.Context(), audit.Query{Limit: 10})
			require.NoError(t, err)
			require.Equal(t, 1, page.Unreadable)
			require.Len(t, page.Records, 3)
			require.Equal(t, "incident 4", page.Records[0].Object)
			page, err = log.AuditLog(t.Context(), audit.Query{Limit: 1, Ascending: true, From: 1})
			require.NoError(t, err)
			require.Empty(t, page.Records)
			require.EqualValues(t, 2, page.Next)
			require.Equal(t, 1, log.Counts().Unreadable["audit"])
			db.requireBroken(t, 2, "was changed: it cannot be read")
			log.Stop()
		})
	}
}

func tamperedChain(t *testing.T, db Database) {
	log := db.Open(t)
	for n := range 6 {
		require.NoError(t, log.Audit(t.Context(), entry(n)))
	}
	records := log.auditLog(t)
	log.Stop()
	db.unguard(t)
	restore := func() {
		db.Exec(t, `DELETE FROM audit`)
		for _, r := range records {
			db.Exec(t, `INSERT INTO audit (`+auditColumns+`) VALUES ($1, $2, $3, $4, '', '', $5, $6, NULL, NULL, $7, $8)`,
				r.Number, r.At.UnixMicro(), r.Actor, string(r.Kind), string(r.Action), r.Object, r.Previous.String(), r.Hash.String())
		}
		db.Exec(t, `UPDATE audit_head SET number = 6, hash = $1`, records[5].Hash.String())
	}
	for _, c := range []struct {
		statement string
		number    int64
		why       string
	}{
		{`UPDATE audit SET actor = 'eve' WHERE number = 3`, 3, "was changed"},
		{`UPDATE audit SET at = at + 1 WHERE number = 1`, 1, "was changed"},
		{`DELETE FROM audit WHERE number = 3`, 3, "was removed or moved"},
		{`DELETE FROM audit WHERE number < 3`, 1, "no record of retention.audit signs that off"},
		{`DELETE FROM audit WHERE number > 4`, 5, "the log once had record 6"},
		{`DELETE FROM audit`, 1, "the log once had record 6"},
		{`UPDATE audit SET number = 7 - number WHERE number IN (3, 4)`, 3, "was changed"},
		{`UPDATE audit SET number = 9 WHERE number = 2`, 2, "was removed or moved: record 3"},
		{`UPDATE audit SET object = (SELECT object FROM audit WHERE number = 5) WHERE number = 4`, 4, "was changed"},
		{`UPDATE audit_head SET number = 5, hash = (SELECT hash FROM audit WHERE number = 5)`, 6, "was put in: record 5 is the last that alertd has written"},
	} {
		restore()
		_, err := db.VerifyAudit(t, records[5].Mark())
		require.NoError(t, err)
		db.Exec(t, c.statement)
		db.requireBroken(t, c.number, c.why)
	}
	// An end that was cut off with care.
	restore()
	db.Exec(t, `DELETE FROM audit WHERE number > 4`)
	db.Exec(t, `UPDATE audit_head SET number = 4, hash = (SELECT hash FROM audit WHERE number = 4)`)
	_, err := db.VerifyAudit(t)
	require.NoError(t, err, "it does not show")
	db.requireBroken(t, 5, "the log once had record 6", records[5].Mark())
}
