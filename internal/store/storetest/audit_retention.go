package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/audit"
	"alertd/internal/store"
)

// keepAudit is a configuration that keeps the audit log for 24 hours.
func keepAudit(c *store.Config) { c.AuditRetention = 24 * time.Hour }

func auditRetention(t *testing.T, db Database) {
	log := db.Open(t, keepAudit)
	const old = 1203 // several transactions
	entries := make([]audit.Entry, old)
	for i := range entries {
		entries[i] = entry(i)
	}
	log.recordAt(t, 24*time.Hour+30*time.Minute, entries...)
	log.recordAt(t, time.Minute, entry(0), entry(1))
	records := log.auditLog(t)
	_, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.Equal(t, records, log.auditLog(t), "it waits until there is more to delete")

	log.Stop()
	log = db.Open(t, func(c *store.Config) { c.AuditRetention = 23 * time.Hour })
	for range 2 {
		_, err = log.Retain(t.Context())
		require.NoError(t, err)
	}
	kept := log.auditLog(t)
	require.Equal(t, records[old:], kept[:2])
	require.Len(t, kept, 3, "one record for the run, and none for a run with nothing to do")
	require.Equal(t, audit.RetainAudit, kept[2].Action)
	require.Equal(t, "alertd", kept[2].Actor)
	require.JSONEq(t, fmt.Sprintf(`{"through":%d,"hash":"%s"}`, old, records[old-1].Hash), string(kept[2].After))
	require.EqualValues(t, old, db.Number(t, `SELECT start_number FROM audit_head WHERE start_hash = '`+records[old-1].Hash.String()+`'`))
	seen, err := db.VerifyAudit(t, records[old-1].Mark(), records[old].Mark())
	require.NoError(t, err)
	require.Equal(t, audit.Verified{Records: 3, First: old + 1, Head: kept[2].Mark()}, seen)

	_, err = db.SQL.ExecContext(t.Context(), `DELETE FROM audit WHERE number = 1204`)
	require.ErrorContains(t, err, "the audit log only grows")
	log.Stop()

	// All of it is too old, and the newest record stays.
	log = db.Open(t, func(c *store.Config) { c.AuditRetention = time.Nanosecond })
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	seen, err = db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, old+3, seen.First)
	require.EqualValues(t, old+4, seen.Head.Number)
}

func auditRetentionCutShort(t *testing.T, db Database) {
	log := db.Open(t, func(c *store.Config) { c.AuditRetention = 24 * time.Hour })
	entries := make([]audit.Entry, 1203)
	log.recordAt(t, 48*time.Hour, entries...)
	log.recordAt(t, 0, entry(1))
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(0, func() { // somewhere on its way
		waitUntil(t, func() bool { return db.Number(t, `SELECT start_number FROM audit_head`) > 0 })
		cancel(errNotThis)
	})
	_, _ = log.Retain(ctx)
	<-ctx.Done()
	seen, err := db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, 1205, seen.Head.Number)
	_, err = log.Retain(t.Context())
	require.NoError(t, err)
	seen, err = db.VerifyAudit(t)
	require.NoError(t, err)
	require.EqualValues(t, 1204, seen.First)
}

func eventRetentionRecorded(t *testing.T, db Database) {
	db.Open(t).Stop()
	const most = 2400
	model := History(t, most+1000)
	db.Insert(t, model[:most+1]...)
	log := db.Open(t, keepEvents(most))
	for n := most + 1; n <= len(model); n += 37 {
		_, err := log.Retain(t.Context())
		require.NoError(t, err)
		db.Insert(t, model[n:min(n+37, len(model))]...)
	}
	_, err := log.Retain(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1001, db.Number(t, `SELECT min(seq) FROM events`))
	records := log.auditLog(t)
	require.Less(t, len(records), 11, "each covers 100 events, and there were 28 runs")
	covered := alerting.Seq(0)
	for _, r := range records {
		require.Equal(t, audit.RetainEvents, r.Action)
		var after struct {
			From    alerting.Seq `json:"from"`
			Through alerting.Seq `json:"through"`
			Events  int          `json:"retention_events"`
		}
		require.NoError(t, json.Unmarshal(r.After, &after))
		require.Equal(t, most, after.Events)
		require.LessOrEqual(t, after.From, covered+38)
		covered = after.Through
	}
	require.GreaterOrEqual(t, covered, alerting.Seq(1000), "all that is deleted is covered")
}
