package store_test

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
)

func openReader(tb testing.TB, config store.Config) *store.Reader {
	tb.Helper()
	reader, err := store.OpenReadOnly(tb.Context(), config)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, reader.Close()) })
	return reader
}

func TestAReaderSeesAllThatIsRegisteredWhileAnAlertdRuns(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		source := startStore(t, config)
		source.register(100)
		reader := openReader(t, config)
		source.register(1000)
		extent, err := reader.Extent(t.Context())
		require.NoError(t, err)
		require.EqualValues(t, 1100, extent.Last)
		require.Equal(t, everything(t, source, 1100), everything(t, reader, 1100))
	})
}

func TestAReaderFindsByTheIndexToo(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		source := startStore(t, config)
		for range 9 {
			source.register(1000) // more than a segment of the index
		}
		require.Eventually(t, func() bool { return source.Counts().Unindexed < 1000 }, patience, beat)
		reader := openReader(t, config)
		last, err := reader.After(t.Context(), 8999, alerting.Filter{})
		require.NoError(t, err)
		since := last.Events[0].Timestamp()
		stretch, err := reader.After(t.Context(), 0, alerting.Filter{Since: since.Add(1)})
		require.NoError(t, err)
		require.Empty(t, stretch.Events)
		require.EqualValues(t, 8192, stretch.Through, "nothing of the segment was read")
	})
}

func TestAReaderIsRefusedWhatIsNotALog(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		config.Path = filepath.Join(t.TempDir(), "empty.db")
		if config.Driver == store.SQLite {
			_, err := store.OpenReadOnly(t.Context(), config)
			require.ErrorIs(t, err, store.ErrNoDatabase)
			require.NoFileExists(t, config.Path)
			_, err = connect(t, config).ExecContext(t.Context(), `CREATE TABLE other (id INTEGER)`)
			require.NoError(t, err)
		}
		_, err := store.OpenReadOnly(t.Context(), config)
		require.ErrorContains(t, err, "there is no event log in it")

		startStore(t, config).stop()
		setSchemaVersion(t, config, 0)
		_, err = store.OpenReadOnly(t.Context(), config)
		require.ErrorContains(t, err, "there is no event log in it")
	})
}

func TestAReaderReadsFromAStandby(t *testing.T) {
	primary := pgtest.StartCluster(t)
	config := store.Config{Driver: store.Postgres, Logger: slog.New(slog.DiscardHandler)}
	config.DSN = primary.DSN(pgtest.MaintenanceDatabase)
	startStore(t, config).register(10)
	standby := pgtest.StartStandby(t, primary)
	config.DSN = standby.DSN(pgtest.MaintenanceDatabase)
	reader := openReader(t, config)
	require.Len(t, everything(t, reader, 10), 10)
	schema, err := store.CheckSchema(t.Context(), config)
	require.NoError(t, err)
	require.False(t, schema.Pending())
}

func TestAStretchOfTheLogIsBoundedByItsBytes(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, config store.Config) {
		source := startStore(t, config)
		big, err := alerting.ParseContext([]byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`))
		require.NoError(t, err)
		for i := range 10 {
			draft, err := alerting.NewDraft(alerting.Alert{
				Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "s", Message: strconv.Itoa(i), Context: big,
			}, time.Now())
			require.NoError(t, err)
			_, err = source.Append(t.Context(), []*alerting.Draft{draft})
			require.NoError(t, err)
		}
		reader := openReader(t, config)
		stretch, err := reader.After(t.Context(), 0, alerting.Filter{})
		require.NoError(t, err)
		require.LessOrEqual(t, len(stretch.Events), 5)
		require.EqualValues(t, len(stretch.Events), stretch.Through)
		require.Len(t, everything(t, reader, 10), 10)
	})
}
