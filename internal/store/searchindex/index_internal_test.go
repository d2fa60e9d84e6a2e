package searchindex

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// segmentEvents returns the events of one segment, with messages of some 60
// characters that differ in their numbers.
func segmentEvents(tb testing.TB) []*alerting.Event {
	tb.Helper()
	return segmentOfMessages(tb, func(i int) string {
		return fmt.Sprintf("VaR limit breached: %.4f > %.4f for desk %d", float64(i*7919%10_000)/1e4, float64(i)/1e4, i%50)
	})
}

// longMessages returns those of one segment, each of n bytes, such as of stack
// traces: words and numbers, no two alike.
func longMessages(tb testing.TB, n int) []*alerting.Event {
	tb.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	return segmentOfMessages(tb, func(int) string {
		text := make([]byte, 0, n+20)
		for len(text) < n {
			text = append(text, "worker.go:"...)
			text = strconv.AppendUint(text, random.Uint64(), 36)
			text = append(text, ' ')
		}
		return string(text[:n])
	})
}

// indexOf returns the index of a segment's events.
func indexOf(events []*alerting.Event) Segment {
	builder := NewBuilder()
	builder.Add(events)
	return builder.Segment(SegmentOf(events[0].Seq()))
}

func segmentOfMessages(tb testing.TB, message func(i int) string) []*alerting.Event {
	tb.Helper()
	events := make([]*alerting.Event, 0, SegmentSize)
	for i := range SegmentSize {
		draft, err := alerting.NewDraft(alerting.Alert{
			Severity: alerting.Severities()[i%5], Category: alerting.Categories()[i%8], Source: fmt.Sprintf("source-%d", i%500),
			Message: message(i),
		}, time.UnixMicro(int64(i+1)))
		require.NoError(tb, err)
		events = append(events, draft.Finish(alerting.Seq(i+1)))
	}
	return events
}

// BenchmarkIndex is what the index costs an event, in the background: time, memory
// while a segment is built, and room.
func BenchmarkIndex(b *testing.B) {
	for _, c := range []struct {
		name   string
		events func(testing.TB) []*alerting.Event
	}{
		{"messages of 60 characters", segmentEvents},
		{"messages of 512 bytes", func(tb testing.TB) []*alerting.Event { tb.Helper(); return longMessages(tb, 512) }},
		{"messages of 8 KiB", func(tb testing.TB) []*alerting.Event { tb.Helper(); return longMessages(tb, 8192) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			events := c.events(b)
			bytes := 0
			for _, block := range indexOf(events).Blocks {
				bytes += len(block)
			}
			b.ReportAllocs()
			for b.Loop() {
				indexOf(events)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*SegmentSize), "ns/event")
			b.ReportMetric(float64(bytes)/SegmentSize, "bytes/event")
		})
	}
}

func TestAPresenceKnowsEveryTermThatItHasAndFewOthers(t *testing.T) {
	const terms = 5000
	p := newPresence(terms)
	for i := range uint64(terms) {
		p.add(termText | i)
	}
	wrong := 0
	for i := range uint64(terms) {
		require.True(t, p.may(termText|i))
		if p.may(termSource | i) {
			wrong++
		}
	}
	require.Less(t, wrong, terms*3/100, "about one of a hundred is expected")
}

func TestAPlanLooksForWhatNarrowsMostFirst(t *testing.T) {
	p := NewPlan(alerting.Filter{
		MinSeverity: alerting.SeverityError, Categories: []alerting.Category{alerting.CategoryOther}, Sources: []string{"a", "b"}, Text: "Kill switch",
	})
	require.Len(t, p.stages, 3)
	require.Equal(t, group{only(sourceTerm("a")), only(sourceTerm("b"))}, p.stages[0][0])
	require.Len(t, p.stages[0], 1+firstTextTerms)
	require.Len(t, p.stages[1], maxTextTerms-firstTextTerms)
	require.Equal(t, []group{{
		only(kindTerm(alerting.SeverityError, alerting.CategoryOther)), only(kindTerm(alerting.SeverityCritical, alerting.CategoryOther)),
	}}, p.stages[2])
	require.Empty(t, NewPlan(alerting.Filter{}).stages)

	for text, folded := range map[string]string{"É": "é", "x": "x", "Ab": "ab", "abc": "abc", "0.5123": "0.5123"} {
		for _, groups := range NewPlan(alerting.Filter{Text: text}).stages {
			for _, g := range groups {
				has := false
				for at := range len(folded) {
					term := textTerm(folded, at)
					has = has || (g[0].from <= term && term <= g[0].to)
				}
				require.True(t, has, "a message that is %q has what is looked for", folded)
			}
		}
	}
}

func TestASegmentWhoseBeginningIsGoneIsIndexedInItsPlace(t *testing.T) {
	const gone = 1000
	events := segmentEvents(t)[gone:]
	built, err := decodeSegment(0, indexOf(events))
	require.NoError(t, err)
	everything := NewPlan(alerting.Filter{})
	set := everything.inTime(built)
	require.False(t, set.has(gone/zoneSize*zoneSize-1), "a zone without events is never in time")
	require.True(t, set.has(gone))

	term := sourceTerm(events[0].Source())
	var found Slots
	data := indexOf(events)
	from, to := built.blocksOf(only(term))
	for n := from; n < to; n++ {
		block, err := unseal(BlockID(0, n), data.Blocks[n])
		require.NoError(t, err)
		require.NoError(t, readTerms(block, built.directory[n], only(term), &found))
	}
	require.True(t, found.has(gone), "an event is found at its own slot")
	require.False(t, found.has(0))
}
