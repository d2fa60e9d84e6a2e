package work_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store"
	"alertd/internal/store/storetest"
	"alertd/internal/store/work"
)

// release returns a database that the release before stories has written: five incidents
// were told on three channels: "file" worked, "hook" did not, and "slow" is still
// tried.
func release(t *testing.T, db storetest.Database) {
	t.Helper()
	if db.Config.Driver == store.SQLite {
		require.NoError(t, os.Mkdir(filepath.Dir(db.Config.Path), 0o700))
		require.NoError(t, os.WriteFile(db.Config.Path, unpacked(t, "release.db.gz"), 0o600))
		return
	}
	conn, err := db.SQL.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for statement := range strings.SplitSeq(string(unpacked(t, "release.sql.gz")), ";\n") {
		_, err := conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	_, err = conn.ExecContext(t.Context(), `SET search_path TO DEFAULT`)
	require.NoError(t, err)
}

// goesOn has what waits be due now, as if the release had ended a moment ago.
func goesOn(t *testing.T, db storetest.Database) {
	t.Helper()
	now := time.Now()
	db.Exec(t, `UPDATE deliveries SET due = $1, give_up = $2 WHERE status = 1`, now.Add(-time.Second).UnixMicro(), now.Add(time.Hour).UnixMicro())
}

func unpacked(t *testing.T, name string) []byte {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	packed, err := gzip.NewReader(file)
	require.NoError(t, err)
	content, err := io.ReadAll(packed)
	require.NoError(t, err)
	return content
}

// rowsOf returns the rows of a query as texts.
func rowsOf(t *testing.T, db storetest.Database, query string) (texts []string) {
	t.Helper()
	rows, err := db.SQL.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		texts = append(texts, text)
	}
	require.NoError(t, rows.Err())
	return texts
}

// kept are queries whose answers are the same before and after the upgrade.
func kept(driver string) map[string]string {
	id := func(column string) string {
		if driver == store.SQLite {
			return `coalesce(hex(` + column + `), '')`
		}
		return `coalesce(` + column + `::text, '')`
	}
	return map[string]string{
		"events":    `SELECT seq || ' ' || ` + id("event_id") + ` || ' ' || received || ' ' || dispatch || ' ' || json FROM events ORDER BY seq`,
		"incidents": `SELECT number || ' ' || ` + id("incident_id") + ` || ' ' || fingerprint || ' ' || status || ' ' || severity || ' ' || category || ' ' || source || ' ' || last_seen || ' ' || coalesce(resolved, 0) || ' ' || state FROM incidents ORDER BY number`,
		"timelines": `SELECT id || ' ' || incident || ' ' || entry FROM incident_entries ORDER BY id`,
		"notices":   `SELECT incident || ' ' || number || ' ' || notice FROM notices ORDER BY incident, number`,
		"deliveries": `SELECT number || ' ' || ` + id("delivery_id") + ` || ' ' || incident || ' ' || notice || ' ' || channel || ' ' || created || ' ' || due || ' ' || give_up || ' ' ||
			coalesce(finished, 0) || ' ' || attempts || ' ' || ` + id("claim") + ` || ' ' || coalesce(lease, 0) || ' ' || error || ' ' || thread || ' ' || ` + id("fallback_for") + ` || ' ' || reported FROM deliveries ORDER BY number`,
		"attempts": `SELECT ` + id("delivery_id") + ` || ' ' || number || ' ' || at || ' ' || took || ' ' || outcome || ' ' || code || ' ' || error FROM delivery_attempts ORDER BY 1`,
		"folds":    `SELECT f.through || ' ' || m.incident FROM folds f JOIN incident_folds m ON m.through = f.through ORDER BY f.through, m.incident`,
		"records":  `SELECT channel || ' ' || successes || ' ' || failures || ' ' || consecutive || ' ' || last_error || ' ' || last_failure || ' ' || last_success FROM channel_records ORDER BY channel`,
		"places":   `SELECT name || ' ' || seq FROM log_cursors WHERE name <> 'tallies' ORDER BY name`,
	}
}

func TestAnUpgradeKeepsEverything(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		release(t, db)
		before := map[string][]string{}
		for what, query := range kept(db.Config.Driver) {
			before[what] = rowsOf(t, db, query)
			require.NotEmpty(t, before[what], what)
		}
		statuses := rowsOf(t, db, `SELECT number || ' ' || reason || ' ' || status FROM deliveries ORDER BY number`)
		hour := time.Now().Truncate(time.Hour).Add(-2 * time.Hour)
		db.Exec(t, `UPDATE delivery_attempts SET at = $1 WHERE number = 1`, hour.Add(time.Minute).UnixMicro())
		db.Exec(t, `UPDATE delivery_attempts SET at = 1 WHERE number > 1`)
		before["attempts"] = rowsOf(t, db, kept(db.Config.Driver)["attempts"])
		firsts := rowsOf(t, db, `SELECT d.channel || ' ' || sum(CASE WHEN a.outcome = 1 THEN 1 ELSE 0 END) || ' ' || sum(CASE WHEN a.outcome = 1 THEN 0 ELSE 1 END)
			FROM delivery_attempts a JOIN deliveries d ON d.delivery_id = a.delivery_id WHERE a.number = 1 GROUP BY d.channel ORDER BY d.channel`)
		require.Len(t, firsts, 3)
		b := start(t, db)
		var counted []string
		activity, err := b.ChannelActivity(t.Context(), time.Now().Add(-24*time.Hour))
		require.NoError(t, err)
		for name, hours := range activity {
			require.Len(t, hours, 1)
			require.Equal(t, hour.UTC(), hours[0].Start)
			counted = append(counted, fmt.Sprintf("%s %d %d", name, hours[0].Successes, hours[0].Failures))
		}
		require.ElementsMatch(t, firsts, counted, "what channels did before the upgrade")
		for what, query := range kept(db.Config.Driver) {
			require.Equal(t, before[what], rowsOf(t, db, query), what)
		}
		names := strings.NewReplacer("opened", "1", "severity_raised", "2", "acknowledged", "4", "resolved", "5")
		var after []string
		for _, text := range rowsOf(t, db, `SELECT number || ' ' || reason || ' ' || status FROM deliveries ORDER BY number`) {
			after = append(after, names.Replace(text))
		}
		require.Equal(t, statuses, after)

		// It is read as well.
		require.Len(t, b.log.Everything(t), 8)
		page, err := b.Incidents(t.Context(), incident.Query{Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Incidents, 5)
		require.Zero(t, page.Unreadable)
		entries, attempts := 0, 0
		for _, i := range page.Incidents {
			timeline, err := b.Timeline(t.Context(), i.ID)
			require.NoError(t, err)
			entries += len(timeline)
			require.Equal(t, 1, i.Generation)
		}
		require.Equal(t, 40, entries)
		deliveries, err := b.Deliveries(t.Context(), delivery.Query{Limit: 100})
		require.NoError(t, err)
		require.Len(t, deliveries.Deliveries, 16)
		for _, d := range deliveries.Deliveries {
			_, tried, err := b.Delivery(t.Context(), d.ID)
			require.NoError(t, err)
			require.Len(t, tried, d.Attempts)
			attempts += len(tried)
			require.Equal(t, d.Attempts > 0, !d.TriedAt.IsZero())
			require.Equal(t, []any{1, ""}, []any{d.Generation, d.Target})
		}
		require.Equal(t, 18, attempts)
		require.Equal(t, map[string]int{"events": 0}, b.log.Counts().Unreadable)
		of, err := b.IncidentsOf(t.Context(), b.log.Everything(t))
		require.NoError(t, err)
		require.Len(t, of, 8)
	})
}

func TestAnUpgradeGoesOnWithWhatWaits(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		release(t, db)
		goesOn(t, db)
		b := start(t, db)
		deliveries := func(status delivery.Status) (found []delivery.Delivery) {
			page, err := b.Deliveries(t.Context(), delivery.Query{Statuses: []delivery.Status{status}, Limit: 100})
			require.NoError(t, err)
			slices.Reverse(page.Deliveries)
			return page.Deliveries
		}
		require.Len(t, deliveries(delivery.Waiting), 5)
		require.Len(t, deliveries(delivery.Failed), 3)
		due := b.dueNow(true, 100)
		require.Len(t, due.Deliveries, 5, "each is looked at at once")

		// Each is tried in its order: the opening first.
		b.wakes()
		ready := b.claims("slow", 10)
		require.Equal(t, []incident.Number{1, 4, 5}, incidentsOf(ready))
		for _, c := range ready {
			require.NoError(t, c.Err)
			require.Equal(t, incident.Opened, c.Delivery.Reason)
			require.True(t, b.finishes(c.Delivery, delivered))
		}
		next := b.claimsOne("slow")
		require.Equal(t, []any{incident.Number(1), incident.SeverityRaised}, []any{next.Delivery.Incident, next.Delivery.Reason})
		require.True(t, b.finishes(next.Delivery, delivered))
		require.True(t, b.finishes(b.claimsOne("hook").Delivery, refused))

		// What has failed is tried again by hand.
		failed := deliveries(delivery.Failed)
		for _, d := range failed[:3] {
			b.inTurn(func(ctx context.Context, tx *work.Tx) { require.NoError(t, retry(ctx, tx, d.ID)) })
		}
		require.Len(t, b.claims("hook", 10), 3)

		// Numbers go on, and so does the log.
		i := b.opens("alert")
		require.Equal(t, incident.Number(6), i.Number)
		require.Equal(t, delivery.Number(20), b.plans(&i, incident.Opened, "chat").Number)
		require.Equal(t, alerting.Seq(9), b.log.Add(t, storetest.Alert("alert"))[0].Event.Seq())
		entries, err := b.Timeline(t.Context(), i.ID)
		require.NoError(t, err)
		require.Len(t, entries, 1)
	})
}

func incidentsOf(claimed []work.Claimable) (numbers []incident.Number) {
	for _, c := range claimed {
		numbers = append(numbers, c.Delivery.Incident)
	}
	slices.Sort(numbers)
	return numbers
}

// TestAnUpgradeEndsOldClaims has the release end in the middle of an attempt, and the
// database is another one's at once.
func TestAnUpgradeEndsOldClaims(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, db storetest.Database) {
		release(t, db)
		id := alerting.NewEventID()
		var claim any = id[:]
		if db.Config.Driver == store.Postgres {
			claim = id.String()
		}
		goesOn(t, db)
		db.Exec(t, `UPDATE deliveries SET claim = $1, lease = $2 WHERE number = 9`, claim, time.Now().Add(time.Minute).UnixMicro())
		b := start(t, db)
		sending, err := b.Deliveries(t.Context(), delivery.Query{Statuses: []delivery.Status{delivery.Sending}, Limit: 100})
		require.NoError(t, err)
		require.Len(t, sending.Deliveries, 1)
		require.Equal(t, delivery.Number(9), sending.Deliveries[0].Number)
		b.wakes()
		require.Equal(t, []incident.Number{1, 5}, incidentsOf(b.claims("slow", 10)))
		require.NoError(t, b.ForgetClaims(t.Context()))
		if db.Config.Driver == store.Postgres { // the replica may still be about to end
			require.Zero(t, b.wakes())
			db.Advance(t, 61*time.Second)
		}
		b.wakes()
		require.Contains(t, incidentsOf(b.claims("slow", 10)), incident.Number(4))
	})
}
