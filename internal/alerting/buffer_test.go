package alerting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// numbered returns events from one number to another, whose messages have so many bytes.
func numbered(tb testing.TB, from, to alerting.Seq, size int) []*alerting.Event {
	tb.Helper()
	var events []*alerting.Event
	for seq := from; seq <= to; seq++ {
		alert := varBreach()
		alert.Message = strings.Repeat("x", size)
		draft, err := alerting.NewDraft(alert, time.Now())
		require.NoError(tb, err)
		events = append(events, draft.Finish(seq))
	}
	return events
}

func TestBufferIsBoundedByBytes(t *testing.T) {
	buffer := alerting.NewBuffer(1000)
	buffer.Append(numbered(t, 100, 100, 4000)...)
	one, most := buffer.Bytes()
	require.Greater(t, one, int64(8000), "the JSON and the message")
	require.EqualValues(t, alerting.DefaultBufferBytes, most)

	buffer.Resize(1000, 10*one)
	buffer.Append(numbered(t, 101, 300, 4000)...)
	require.Len(t, buffer.All(), 10)
	require.Equal(t, alerting.Seq(291), buffer.All()[0].Seq())
	taken, most := buffer.Bytes()
	require.Equal(t, []int64{10 * one, 10 * one}, []int64{taken, most})

	buffer.Resize(1000, 3*one)
	require.Len(t, buffer.All(), 3)
	buffer.Append(numbered(t, 301, 301, 8000)...)
	require.Equal(t, []alerting.Seq{300, 301}, seqs(buffer.All()))
	buffer.Append(numbered(t, 302, 302, 8192)...)
	buffer.Resize(1000, 1)
	require.Equal(t, []alerting.Seq{302}, seqs(buffer.All()), "the newest stays")

	_, known := buffer.Find(numbered(t, 1, 1, 1)[0].ID())
	require.False(t, known)
	require.Equal(t, 1, buffer.Len())
}

func TestBufferKeepsMoreThanItShows(t *testing.T) {
	buffer := alerting.NewBuffer(5)
	buffer.Keep(600)
	events := numbered(t, 1, 1000, 1)
	buffer.Append(events...)
	require.Equal(t, []alerting.Seq{996, 997, 998, 999, 1000}, seqs(buffer.All()))
	require.Len(t, buffer.Recent(alerting.Query{}).Events, 5)
	require.Equal(t, alerting.Seq(401), buffer.Query(alerting.Query{}).Oldest)
	require.Len(t, buffer.Query(alerting.Query{}).Events, 600)
	_, shown := buffer.Get(events[500].ID())
	require.False(t, shown)
	kept, _ := buffer.Find(events[500].ID())
	require.Same(t, events[500], kept)

	stretch, some := buffer.After(900, alerting.Filter{}, 7)
	require.True(t, some)
	require.Equal(t, []alerting.Seq{901, 902, 903, 904, 905, 906, 907}, seqs(stretch.Events))
	require.Equal(t, []alerting.Seq{901, 907}, []alerting.Seq{stretch.From, stretch.Through})
	for _, after := range []alerting.Seq{399, 1000, 1001} {
		_, some = buffer.After(after, alerting.Filter{}, 7)
		require.False(t, some, "after %d", after)
	}

	buffer.Clear()
	require.Empty(t, buffer.All())
	require.Len(t, buffer.Query(alerting.Query{}).Events, 600)
	_, shown = buffer.Get(events[999].ID())
	require.False(t, shown)

	buffer.Forget(990)
	require.Len(t, buffer.Query(alerting.Query{}).Events, 11)
	buffer.Forget(5000)
	require.Empty(t, buffer.Query(alerting.Query{}).Events)
	buffer.Append(numbered(t, 1001, 1001, 1)...)
	require.Equal(t, []alerting.Seq{1001}, seqs(buffer.All()))
}

func TestChunksWithoutWantedEventsArePassedOver(t *testing.T) {
	buffer := alerting.NewBuffer(2000)
	buffer.Append(numbered(t, 1, 1000, 1)...)
	alert := varBreach()
	alert.Severity, alert.Source, alert.Timestamp = alerting.SeverityCritical, "other", time.Now().Add(time.Hour)
	draft, err := alerting.NewDraft(alert, time.Now())
	require.NoError(t, err)
	buffer.Append(draft.Finish(1001))
	for name, filter := range map[string]alerting.Filter{
		"severity": {MinSeverity: alerting.SeverityCritical}, "source": {Sources: []string{"other"}}, "time": {Since: alert.Timestamp.Add(-time.Minute)},
	} {
		stretch, some := buffer.After(0, filter, 2000)
		require.True(t, some)
		require.Equal(t, []alerting.Seq{1001}, seqs(stretch.Events), name)
		require.Equal(t, []alerting.Seq{1001}, seqs(buffer.Query(alerting.Query{Filter: filter}).Events), name)
	}
}

func TestQueryEndsWhereEventsWereDroppedMeanwhile(t *testing.T) {
	buffer := alerting.NewBuffer(100_000)
	buffer.Append(numbered(t, 1, 2000, 1)...)
	later := numbered(t, 2001, 12_000, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, event := range later {
			buffer.Append(event)
			buffer.Forget(event.Seq() - 10)
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		page := buffer.Query(alerting.Query{})
		for i, event := range page.Events {
			require.Equal(t, page.Events[0].Seq()-alerting.Seq(i), event.Seq())
		}
		if n := len(page.Events); n > 0 {
			require.Equal(t, page.Events[n-1].Seq(), page.Oldest)
		}
		from := max(page.Oldest, 1) - 1
		if stretch, some := buffer.After(from, alerting.Filter{}, 5000); some {
			for i, event := range stretch.Events {
				require.Equal(t, from+1+alerting.Seq(i), event.Seq())
			}
		}
	}
}
