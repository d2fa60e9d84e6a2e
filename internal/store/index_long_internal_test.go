package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// Not parallel: it looks at what the whole process allocates.
func TestLongMessagesTakeNoMoreMemoryAndRoomThanOthers(t *testing.T) {
	for _, c := range []struct {
		bytes            int
		toBuild          uint64 // at most, of memory
		onDisk, inMemory int    // at most, of its index
	}{
		{maxIndexedMessage, 300 << 20, segmentSize * maxIndexedMessage, 512 << 10},
		{maxIndexedMessage + 1, 8 << 20, segmentSize * 8, 16 << 10},
		{alerting.MaxMessageLength, 8 << 20, segmentSize * 8, 16 << 10},
	} {
		t.Run(fmt.Sprintf("%d bytes", c.bytes), func(t *testing.T) {
			events := longMessages(t, c.bytes)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			data := indexOf(events)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, c.toBuild)
			onDisk := len(data.zones) + len(data.directory) + len(data.presence)
			for _, block := range data.blocks {
				onDisk += len(block)
			}
			require.Less(t, onDisk, c.onDisk)
			require.Less(t, len(data.directory)+len(data.presence), c.inMemory)
		})
	}
}

// indexOfWholeMessages returns the index of a segment as it was once written: with
// the text of long messages, and nothing that says which are long.
func indexOfWholeMessages(events []*alerting.Event) segmentData {
	builder := newSegmentBuilder()
	for _, event := range events {
		builder.add([]*alerting.Event{event})
		if len(builder.long) == 0 {
			continue
		}
		folded := fold(event.Message())
		for at := range len(folded) {
			builder.text = append(builder.text, textTerm(folded, at)<<16|uint64(builder.long[0]))
		}
		builder.long = nil
	}
	return encodeSegment(segmentOf(events[0].Seq()), &builder.zones, builder.postings())
}

func TestAnIndexOfWholeMessagesIsStillRight(t *testing.T) {
	const long = 50 // every so many
	events := segmentOfMessages(t, func(i int) string {
		message := fmt.Sprintf("begins %d", i)
		if i%long == 0 {
			message += strings.Repeat(" and goes on", 100) + fmt.Sprintf(" to its End %d", i)
		}
		return message
	})
	for name, c := range map[string]struct {
		index  func([]*alerting.Event) segmentData
		looked int // at how many events for a text of one long message
	}{
		"of before": {indexOfWholeMessages, long},
		"of now":    {indexOf, segmentSize/long + long},
	} {
		t.Run(name, func(t *testing.T) {
			s := storeWith(t, events, c.index(events))
			for text, some := range map[string]bool{
				"BEGINS": true, "begins 77": true, "its end": true, "End 4100": true, "0": true, "4": true, "end 4101": false, "nowhere": false,
			} {
				filter := alerting.Filter{Text: text}
				var want, got []alerting.Seq
				for _, event := range slices.Backward(events) {
					if filter.Matches(event) {
						want = append(want, event.Seq())
					}
				}
				require.Equal(t, some, len(want) > 0, text)
				page, err := s.Query(t.Context(), alerting.Query{Filter: filter, Limit: segmentSize})
				require.NoError(t, err)
				for _, event := range page.Events {
					got = append(got, event.Seq())
				}
				require.Equal(t, want, got, text)
			}
			candidates, err := s.index.candidates(t.Context(), newPlan(alerting.Filter{Text: "its End 4100"}), 0)
			require.NoError(t, err)
			require.LessOrEqual(t, candidates.count(), c.looked)
			require.True(t, candidates.has(4100))
		})
	}
}

// storeWith returns a log with the events of the first segment and their index, and
// nothing in memory.
func storeWith(t *testing.T, events []*alerting.Event, data segmentData) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Driver: SQLite, Path: filepath.Join(t.TempDir(), "alertd.db"), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	for some := range slices.Chunk(events, 1024) {
		require.NoError(t, s.write(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			for _, event := range some {
				id := event.ID()
				if _, err := tx.ExecContext(ctx, `INSERT INTO events (seq, event_id, received, json) VALUES (?, ?, ?, ?)`,
					int64(event.Seq()), id[:], event.ReceivedAt().UnixMicro(), event.JSON()); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	require.NoError(t, s.index.save(t.Context(), 0, data))
	require.Nil(t, s.index.segment(0))
	require.NoError(t, s.index.load(t.Context()))
	require.NotNil(t, s.index.segment(0))
	return s
}
