package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/store"
)

var openCases = []testCase{
	{"opening again changes nothing in the schema", openAgain},
	{"a newer schema is refused", newerSchema},
	{"events that were not indexed before a crash are indexed", unindexedBacklog},
	{"a configuration that cannot be used is refused", badConfigurations},
}

func openAgain(t *testing.T, db Database) {
	for range 3 {
		log := db.Start(t)
		log.Add(t, Alert("alert"))
		log.Stop()
		require.Equal(t, db.Number(t, `SELECT count(DISTINCT version_id) FROM goose_db_version`), db.Number(t, `SELECT count(*) FROM goose_db_version`))
	}
	require.Equal(t, int64(3), db.Number(t, `SELECT count(*) FROM events`))
}

func newerSchema(t *testing.T, db Database) {
	db.Open(t).Stop()
	db.Exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)`)
	for range 2 {
		_, err := store.Open(t.Context(), db.Settings(t))
		require.ErrorContains(t, err, "schema version 99999 is newer than")
		require.ErrorContains(t, err, "the database is of a newer alertd; use that one, or restore a backup of before")
	}
	db.Exec(t, `DELETE FROM goose_db_version WHERE version_id = 99999`)
	db.Start(t).Add(t, Alert("nothing was held or changed"))
}

func unindexedBacklog(t *testing.T, db Database) {
	segments := 6 // more than the log keeps in memory for the indexer
	if Slow {
		segments = 2
	}
	db.Open(t).Stop() // makes the schema
	model := History(t, segments*segmentSize+10)
	db.Insert(t, model...)
	log := db.Start(t)
	waitUntil(t, func() bool { return log.Counts().Unindexed == 10 })
	require.Equal(t, int64(segments), db.Number(t, `SELECT count(*) FROM event_segments`))
	require.Equal(t, int64(segments-1), db.Number(t, `SELECT max(id) / 65536 FROM event_blocks`))
	log.Stop()
	blocks := db.Number(t, `SELECT count(*) FROM event_blocks`)
	log = db.Start(t)
	require.Equal(t, int64(10), log.Counts().Unindexed)
	log.Stop()
	require.Equal(t, blocks, db.Number(t, `SELECT count(*) FROM event_blocks`), "it is not built twice")
}

func badConfigurations(t *testing.T, db Database) {
	config := db.Settings(t)
	config.Logger = nil
	_, err := store.Open(t.Context(), config)
	require.ErrorContains(t, err, "Logger is required")
	config = db.Settings(t)
	config.Driver = "oracle"
	_, err = store.Open(t.Context(), config)
	require.ErrorContains(t, err, `driver "oracle" is not one of sqlite, postgres`)
}
