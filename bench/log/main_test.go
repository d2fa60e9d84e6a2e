package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestWrongOptionsAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-many", "0"}, {"-rounds", "x"}, {"extra"}} {
		require.Error(t, run(t.Context(), args, io.Discard))
	}
	require.ErrorContains(t, run(t.Context(), []string{"-dir", t.TempDir(), "-alertd", "/nowhere"}, io.Discard), "/nowhere")
}

func TestQueriesCombineFilters(t *testing.T) {
	names := make(map[string]bool)
	for _, q := range queries() {
		require.False(t, names[q.name], q.name)
		names[q.name] = true
	}
	require.True(t, names["none"])
	require.True(t, names["category=compliance"])
	require.True(t, names["until, half + q, digits"])
	require.False(t, names["q, common + q, digits"])
}

func TestFillStoresWhatItCounts(t *testing.T) {
	json, disk, err := fill(t.Context(), filepath.Join(t.TempDir(), "a.db"), 2500)
	require.NoError(t, err)
	require.Greater(t, json, int64(2500*200))
	require.Greater(t, disk, json)
}

func TestBareLoopInsertsEverything(t *testing.T) {
	bodies, events := batches(2)
	require.Len(t, bodies, 2)
	require.Len(t, events, 2000)
	require.Equal(t, batchSize, strings.Count(string(bodies[0]), "\n"))
	for _, table := range bareTables {
		rate, err := insertBare(t.Context(), filepath.Join(t.TempDir(), "bare.db"), table.indexes, events)
		require.NoError(t, err, table.name)
		require.Positive(t, rate)
	}
}

func TestPercentilesAreOfTheSortedTimes(t *testing.T) {
	times := make([]time.Duration, 100)
	for i := range times {
		times[i] = time.Duration(100 - i)
	}
	require.Equal(t, [2]time.Duration{50, 99}, percentiles(times))
}
