package searchindex

import (
	"context"
	"fmt"
	"log/slog"
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
		{maxIndexedMessage, 300 << 20, SegmentSize * maxIndexedMessage, 512 << 10},
		{maxIndexedMessage + 1, 8 << 20, SegmentSize * 8, 16 << 10},
		{alerting.MaxMessageLength, 8 << 20, SegmentSize * 8, 16 << 10},
	} {
		t.Run(fmt.Sprintf("%d bytes", c.bytes), func(t *testing.T) {
			events := longMessages(t, c.bytes)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			data := indexOf(events)
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, c.toBuild)
			onDisk := len(data.Zones) + len(data.Directory) + len(data.Presence)
			for _, block := range data.Blocks {
				onDisk += len(block)
			}
			require.Less(t, onDisk, c.onDisk)
			require.Less(t, len(data.Directory)+len(data.Presence), c.inMemory)
		})
	}
}

// indexOfWholeMessages returns the index of a segment as it was once written: with
// the text of long messages, and nothing that says which are long.
func indexOfWholeMessages(events []*alerting.Event) Segment {
	builder := NewBuilder()
	for _, event := range events {
		builder.Add([]*alerting.Event{event})
		if len(builder.long) == 0 {
			continue
		}
		folded := fold(event.Message())
		for at := range len(folded) {
			builder.text = append(builder.text, textTerm(folded, at)<<16|uint64(builder.long[0]))
		}
		builder.long = nil
	}
	return encodeSegment(SegmentOf(events[0].Seq()), &builder.zones, builder.postings())
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
		index  func([]*alerting.Event) Segment
		looked int // at how many events for a text of one long message
	}{
		"of before": {indexOfWholeMessages, long},
		"of now":    {indexOf, SegmentSize/long + long},
	} {
		t.Run(name, func(t *testing.T) {
			index := New(stored{c.index(events)}, slog.New(slog.DiscardHandler))
			require.False(t, index.Has(0))
			require.NoError(t, index.Load(t.Context()))
			require.True(t, index.Has(0))
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
				for walk := index.Backwards(NewPlan(filter), 1, SegmentSize+1); ; {
					batch, err := walk.Next(t.Context(), 1000)
					require.NoError(t, err)
					if len(batch) == 0 {
						break
					}
					for _, seq := range batch {
						if filter.Matches(events[seq-1]) {
							got = append(got, alerting.Seq(seq))
						}
					}
				}
				require.Equal(t, want, got, text)
			}
			candidates, err := index.Candidates(t.Context(), NewPlan(alerting.Filter{Text: "its End 4100"}), 0)
			require.NoError(t, err)
			require.LessOrEqual(t, candidates.count(), c.looked)
			require.True(t, candidates.Has(4101))
		})
	}
}

// stored is an index in memory: one segment.
type stored struct{ segment Segment }

func (s stored) Segments(_ context.Context, from int64, take func(number int64, s Segment)) error {
	if from == 0 {
		take(0, s.segment)
	}
	return nil
}

func (s stored) Blocks(_ context.Context, ids []int64) (map[int64][]byte, error) {
	blocks := map[int64][]byte{}
	for _, id := range ids {
		blocks[id] = s.segment.Blocks[id]
	}
	return blocks, nil
}
