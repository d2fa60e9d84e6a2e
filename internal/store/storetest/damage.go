package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

var indexDamageCases = []testCase{
	{"an index whose blocks are damaged gives no wrong answer", damagedBlocks},
	{"an index whose segments are damaged gives no wrong answer", damagedSegments},
	{"an index that has lost its blocks gives no wrong answer", lostBlocks},
}

var damageCases = []testCase{
	{"a damaged event is an error, which names it", damagedEvent},
	{"a duplicate of a damaged event fails alone", duplicateOfADamagedEvent},
}

// column is one that holds bytes of the index.
type column struct{ table, key, name string }

// damage changes one bit in each of some values of a column, or cuts it.
func damage(tb testing.TB, db Database, c column, where string) {
	tb.Helper()
	rows, err := db.SQL.QueryContext(tb.Context(), fmt.Sprintf(`SELECT %s, %s FROM %s WHERE %s`, c.key, c.name, c.table, where))
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	values := map[int64][]byte{}
	for rows.Next() {
		var id int64
		var data []byte
		require.NoError(tb, rows.Scan(&id, &data))
		values[id] = data
	}
	require.NoError(tb, rows.Err())
	require.NotEmpty(tb, values)
	seed := rand.Uint64()
	tb.Logf("the damage's seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	tx, err := db.SQL.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	for id, data := range values {
		if at := random.IntN(len(data)); random.IntN(10) == 0 {
			data = data[:at]
		} else {
			data[at] ^= 1 << random.IntN(8)
		}
		_, err := tx.ExecContext(tb.Context(), fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s = $2`, c.table, c.name, c.key), data, id)
		require.NoError(tb, err)
	}
	require.NoError(tb, tx.Commit())
}

// indexed fills a log of some segments and a bit, and waits for their index.
func indexed(tb testing.TB, db Database, segments int) []*alerting.Event {
	tb.Helper()
	db.Open(tb).Stop() // makes the schema
	model := History(tb, segments*segmentSize+100)
	db.Insert(tb, model...)
	r := openReader(tb, db)
	r.log.Run()
	r.waitForIndex(tb)
	r.log.Stop()
	return model
}

func damagedBlocks(t *testing.T, db Database) {
	model := indexed(t, db, 2)
	r := openReader(t, db)
	damage(t, db, column{"event_blocks", "id", "data"}, "id > 0")
	checkParts(t, r, model, 0)
}

func damagedSegments(t *testing.T, db Database) {
	model := indexed(t, db, 2)
	damage(t, db, column{"event_segments", "segment", "zones"}, "segment = 0")
	damage(t, db, column{"event_segments", "segment", "directory"}, "segment = 1")
	checkParts(t, openReader(t, db), model, 0)
}

func lostBlocks(t *testing.T, db Database) {
	model := indexed(t, db, 2)
	db.Exec(t, `DELETE FROM event_blocks WHERE id % 3 = 0`)
	checkParts(t, openReader(t, db), model, 0)
}

func damagedEvent(t *testing.T, db Database) {
	model := indexed(t, db, 1)
	for name, change := range map[string]func(json string) string{
		"cut":                 func(json string) string { return json[:len(json)/2] },
		"empty":               func(string) string { return "" },
		"another event's":     func(string) string { return model[8].JSON() },
		"with another number": func(json string) string { return json[:len(json)-40] + "9" + json[len(json)-40:] },
	} {
		t.Run(name, func(t *testing.T) {
			db.Exec(t, `UPDATE events SET json = $1 WHERE seq = 7`, change(model[6].JSON()))
			r := openReader(t, db) // of a log whose newest events are whole
			_, err := r.log.Query(t.Context(), alerting.Query{Limit: 10, Before: 10})
			require.ErrorContains(t, err, "event 7")
			_, err = r.manager.QueryEvents(t.Context(), alerting.Query{Limit: 10, Before: 10})
			require.ErrorContains(t, err, "event 7")
			_, err = r.log.After(t.Context(), 5, alerting.Filter{})
			require.ErrorContains(t, err, "event 7")
			_, err = r.log.Find(t.Context(), model[6].ID(), "")
			require.ErrorContains(t, err, "event 7")
			page, err := r.log.Query(t.Context(), alerting.Query{Limit: 10, Before: 7})
			require.NoError(t, err)
			require.Len(t, page.Events, 6)
			r.log.Stop()
		})
	}
}

// duplicateOfADamagedEvent shares a transaction with others.
func duplicateOfADamagedEvent(t *testing.T, db Database) {
	alert := withID(Alert("first"))
	log := db.Start(t)
	log.Add(t, alert)
	log.Add(t, Alerts(2)...)
	log.Stop()
	db.Exec(t, `UPDATE events SET json = '{' WHERE seq = 1`)

	log = db.Open(t)
	require.NoError(t, log.Attach(t.Context(), log.Sink, 2))
	requests := make([]waiting, 3)
	for i := range requests {
		requests[i].log = log
		if i > 0 {
			requests[i].bytes = requests[i-1].bytes
		}
		alerts := Alerts(2)
		if i == 1 {
			alerts[1] = alert
		}
		requests[i].add(t.Context(), t, alerts...)
	}
	log.Run()
	require.NoError(t, requests[0].errors.Wait())
	require.ErrorContains(t, requests[1].errors.Wait(), "event 1")
	require.NoError(t, requests[2].errors.Wait())
	require.NoError(t, log.Ready(), "the database works")
	requireSeqs(t, ascending(2, 7), seqsOf(log.Sink.Events()))
	require.Equal(t, int64(7), db.Number(t, `SELECT count(*) FROM events`))
}
