package transfer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/pgtest"
	"alertd/internal/store"
	"alertd/internal/transfer"
)

// maxLine is the default of [server] max_body.
const maxLine = 8 << 20

func sqliteConfig(tb testing.TB) store.Config {
	tb.Helper()
	return store.Config{Driver: store.SQLite, Path: filepath.Join(tb.TempDir(), "alertd.db"), Logger: slog.New(slog.DiscardHandler)}
}

func postgresConfig(tb testing.TB) store.Config {
	tb.Helper()
	return store.Config{Driver: store.Postgres, DSN: pgtest.DSN(tb), Logger: slog.New(slog.DiscardHandler)}
}

func onEachDatabase(t *testing.T, test func(t *testing.T, config store.Config)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) { test(t, sqliteConfig(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, postgresConfig(t)) })
}

// newLog returns an empty log in memory, large enough for the tests.
func newLog(tb testing.TB) *alerting.MemoryLog {
	tb.Helper()
	log := alerting.NewMemoryLog(100_000)
	require.NoError(tb, log.Attach(tb.Context(), nobody{}, 0))
	return log
}

type nobody struct{}

func (nobody) Publish([]*alerting.Event, alerting.Origin) {}

// importInto imports a valid text.
func importInto(tb testing.TB, config store.Config, text string) transfer.Imported {
	tb.Helper()
	var imported transfer.Imported
	require.NoError(tb, store.Use(tb.Context(), config, func(ctx context.Context, s *store.Store) (err error) {
		imported, err = transfer.Import(ctx, s, strings.NewReader(text), transfer.ImportOptions{MaxLine: maxLine})
		return err
	}))
	return imported
}

// exportOf exports all of a database as NDJSON.
func exportOf(tb testing.TB, config store.Config) string {
	tb.Helper()
	reader, err := store.OpenReadOnly(tb.Context(), config)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, reader.Close()) }()
	return export(tb, reader, alerting.Filter{}, transfer.NDJSON)
}

func export(tb testing.TB, source transfer.Source, filter alerting.Filter, format transfer.Format) string {
	tb.Helper()
	var out strings.Builder
	exported, err := transfer.Export(tb.Context(), source, filter, format, &out)
	require.NoError(tb, err)
	require.Zero(tb, exported.Missed)
	if format == transfer.NDJSON {
		require.Equal(tb, exported.Events, int64(strings.Count(out.String(), "\n")))
	}
	return out.String()
}

// draftsOf returns the drafts of valid alerts, given as JSON.
func draftsOf(tb testing.TB, alerts ...string) []*alerting.Draft {
	tb.Helper()
	drafts := make([]*alerting.Draft, len(alerts))
	for i, text := range alerts {
		alert, err := alerting.DecodeAlert([]byte(text))
		require.NoError(tb, err)
		drafts[i], err = alerting.NewDraft(alert, time.Now())
		require.NoError(tb, err)
	}
	return drafts
}

// add registers alerts.
func add(tb testing.TB, target transfer.Target, alerts ...string) []*alerting.Event {
	tb.Helper()
	appended, err := target.Append(tb.Context(), draftsOf(tb, alerts...))
	require.NoError(tb, err)
	events := make([]*alerting.Event, len(appended))
	for i, one := range appended {
		events[i] = one.Event
	}
	return events
}

// alertAt returns the JSON of an alert with a timestamp.
func alertAt(at time.Time, message string) string {
	return fmt.Sprintf(`{"severity":"error","category":"risk_limit","source":"var_gate","message":%q,"timestamp":%q}`, message, at.Format(time.RFC3339Nano))
}

// numbered returns the lines of n events, from a number on, each with an id.
func numbered(from, n int) string {
	var out strings.Builder
	for i := from; i < from+n; i++ {
		_, _ = fmt.Fprintf(&out, `{"event_id":"00000000-0000-7000-8000-%012d","severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit of book %d breached: 0.05 > 0.03"}`+"\n", i, i)
	}
	return out.String()
}

// failing is a reader or writer that fails after some calls.
type failing struct {
	io.Reader
	io.Writer
	left int
	err  error
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.Reader.Read(p)
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, f.err
	}
	return f.Writer.Write(p)
}
