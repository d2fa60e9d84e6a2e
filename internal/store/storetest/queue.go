package storetest

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/store"
)

var queueCases = []testCase{
	{"a full queue refuses, and takes again once there is room", fullQueue},
	{"a request that is larger than the queue is taken alone", largerThanTheQueue},
	{"requests that do not fit into one transaction take several", severalTransactions},
	{"what was written is no longer in memory for it", writtenIsForgotten},
	{"large events do not fill the memory", largeEventsInMemory},
	{"a client that goes away leaves its batch whole or leaves none", clientGoesAway},
	{"Run writes what waits before it returns, and then nothing is taken", runDrains},
}

func maxQueue(bytes int64) func(*store.Config) {
	return func(c *store.Config) { c.MaxQueue = bytes }
}

// waiting are requests for a log that does not run yet.
type waiting struct {
	log    *Log
	bytes  int64
	errors errgroup.Group
}

// add makes a request and waits until it waits.
func (w *waiting) add(ctx context.Context, tb testing.TB, alerts ...alerting.Alert) {
	tb.Helper()
	drafts := Drafts(tb, alerts...)
	for _, draft := range drafts {
		w.bytes += int64(draft.Size())
	}
	w.errors.Go(func() error {
		_, err := w.log.Append(ctx, drafts)
		return err
	})
	waitUntil(tb, func() bool { return w.log.Counts().QueueBytes == w.bytes })
}

// attached opens a log that does not run yet.
func attached(tb testing.TB, db Database, changes ...func(*store.Config)) *Log {
	tb.Helper()
	log := db.Open(tb, changes...)
	require.NoError(tb, log.Attach(tb.Context(), log.Sink, 1000))
	return log
}

func fullQueue(t *testing.T, db Database) {
	const most = 100_000
	log := attached(t, db, maxQueue(most))
	requests := waiting{log: log}
	size := int64(Drafts(t, Alert(strings.Repeat("x", 1000)))[0].Size())
	for requests.bytes+size <= most {
		requests.add(t.Context(), t, Alert(strings.Repeat("x", 1000)))
	}
	full := log.Counts()
	for i := range 3 {
		_, err := log.Append(t.Context(), Drafts(t, Alert(strings.Repeat("x", 1000))))
		requireUnavailable(t, err)
		require.Equal(t, uint64(i+1), log.Counts().QueueFull)
	}
	require.Equal(t, full.QueueBytes, log.Counts().QueueBytes)
	require.Equal(t, int64(most), log.Counts().QueueCapacity)
	require.NoError(t, log.Ready(), "the database works")

	log.Run()
	require.NoError(t, requests.errors.Wait())
	require.Zero(t, log.Counts().QueueBytes)
	stored := alerting.Seq(requests.bytes / size)
	require.Equal(t, stored+1, log.Add(t, Alert("there is room"))[0].Event.Seq(), "no refused request took a number")
}

func largerThanTheQueue(t *testing.T, db Database) {
	log := attached(t, db, maxQueue(1000))
	requests := waiting{log: log}
	requests.add(t.Context(), t, Alerts(100)...)
	_, err := log.Append(t.Context(), Drafts(t, Alert("small")))
	requireUnavailable(t, err)
	log.Run()
	require.NoError(t, requests.errors.Wait())
	log.Add(t, Alerts(200)...)
	requireSeqs(t, ascending(1, 300), seqsOf(log.Sink.Events()))
}

func severalTransactions(t *testing.T, db Database) {
	log := attached(t, db)
	requests := waiting{log: log}
	for range 3 {
		requests.add(t.Context(), t, Alerts(1500)...) // two of them have not too many alerts
	}
	requests.add(t.Context(), t, repeat(Alert(strings.Repeat("x", 8000)), 300)...)
	requests.add(t.Context(), t, repeat(Alert(strings.Repeat("x", 8000)), 300)...) // too many bytes
	requests.add(t.Context(), t, Alerts(5000)...)                                  // more than there may be
	log.Run()
	require.NoError(t, requests.errors.Wait())
	require.Equal(t, uint64(4), log.Counts().Commits)
	requireSeqs(t, ascending(1, 4500+600+5000), seqsOf(log.Sink.Events()))
}

// writtenIsForgotten watches the drafts of requests that waited together: none
// may stay behind in the queue.
func writtenIsForgotten(t *testing.T, db Database) {
	log := attached(t, db)
	var drafts []weak.Pointer[alerting.Draft]
	var group errgroup.Group
	for i := range 50 {
		request := Drafts(t, Alert(fmt.Sprintf("alert %d", i)))
		drafts = append(drafts, weak.Make(request[0]))
		group.Go(func() error {
			_, err := log.Append(t.Context(), request)
			return err
		})
	}
	log.Run()
	require.NoError(t, group.Wait())
	group = errgroup.Group{}
	log.Add(t, Alert("the next transaction"))
	waitUntil(t, func() bool {
		runtime.GC()
		for _, draft := range drafts {
			if draft.Value() != nil {
				return false
			}
		}
		return true
	})
}

// largeEventsInMemory has more bytes of events than the log keeps in memory, if
// far fewer events than it would keep otherwise.
func largeEventsInMemory(t *testing.T, db Database) {
	const most = 64 << 20
	context, err := alerting.ParseContext(fmt.Appendf(nil, `{"trace":%q}`, strings.Repeat("x", 1<<20)))
	require.NoError(t, err)
	alert := Alert("large")
	alert.Context = context
	log := attached(t, db)
	log.Run()
	var events []weak.Pointer[alerting.Event]
	for i := range 80 {
		log.Add(t, alert)
		for _, event := range log.Sink.Forget() {
			events = append(events, weak.Make(event))
		}
		require.Len(t, events, i+1)
	}
	waitUntil(t, func() bool {
		runtime.GC()
		alive := 0
		for _, event := range events {
			if event.Value() != nil {
				alive++
			}
		}
		return alive <= most>>20
	})
	page, err := log.Query(t.Context(), alerting.Query{Limit: 200})
	require.NoError(t, err)
	require.Len(t, page.Events, 80)
}

func clientGoesAway(t *testing.T, db Database) {
	log := attached(t, db)
	patient, impatient := waiting{log: log}, waiting{log: log}
	patient.add(t.Context(), t, Alerts(10)...)
	ctx, goAway := context.WithCancel(t.Context())
	impatient.bytes = patient.bytes
	impatient.add(ctx, t, Alerts(10)...)
	goAway()
	require.ErrorIs(t, impatient.errors.Wait(), context.Canceled)
	log.Run()
	require.NoError(t, patient.errors.Wait())
	next := log.Add(t, Alert("next"))[0].Event.Seq()
	require.Contains(t, []alerting.Seq{11, 21}, next)
	requireKept(t, log, 1, next)
}

func runDrains(t *testing.T, db Database) {
	log := attached(t, db)
	requests := waiting{log: log}
	for range 5 {
		requests.add(t.Context(), t, Alerts(1000)...)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, log.Store.Run(ctx))
	require.NoError(t, requests.errors.Wait())
	_, err := log.Append(t.Context(), Drafts(t, Alert("late")))
	requireUnavailable(t, err)
	requireKept(t, log, 1, 5000)
}

func repeat(alert alerting.Alert, n int) []alerting.Alert {
	alerts := make([]alerting.Alert, n)
	for i := range alerts {
		alerts[i] = alert
	}
	return alerts
}
