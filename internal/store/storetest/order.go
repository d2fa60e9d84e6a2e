package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
)

var orderCases = []testCase{
	{"numbers ascend by one from 1, also after a restart", numbersAscend},
	{"the sink has each event once, in order, before Append returns", sinkInOrder},
	{"concurrent requests share one order", concurrentRequests},
	{"concurrent requests share transactions", groupCommit},
	{"a batch is kept as a whole or not at all", batchIsAtomic},
	{"what a CatchUp publishes first still counts as registered here", originOfCatchUp},
	{"the buffer is filled at the start, however large it is", attachFillsTheBuffer},
}

func numbersAscend(t *testing.T, db Database) {
	next := alerting.Seq(1)
	for range 3 {
		log := db.Start(t)
		for _, n := range []int{1, 40, 1, 3} {
			for _, appended := range log.Add(t, Alerts(n)...) {
				require.False(t, appended.Duplicate)
				require.Equal(t, next, appended.Event.Seq())
				next++
			}
		}
		log.Stop()
	}
	log := db.Open(t)
	extent, err := log.Extent(t.Context())
	require.NoError(t, err)
	require.Equal(t, alerting.Seq(1), extent.First)
	require.Equal(t, next-1, extent.Last)
}

func sinkInOrder(t *testing.T, db Database) {
	log := db.Start(t)
	for i := range 20 {
		appended := log.Add(t, Alerts(i+1)...)
		published := log.Sink.Events()
		require.Equal(t, appended[i].Event.JSON(), published[len(published)-1].JSON())
	}
	requireSeqs(t, ascending(1, 210), seqsOf(log.Sink.Events()))
	requireSeqs(t, ascending(1, 210), log.Sink.Here())
}

func concurrentRequests(t *testing.T, db Database) {
	log := db.Start(t)
	var mu sync.Mutex
	given := map[alerting.Seq]string{}
	group, ctx := errgroup.WithContext(t.Context())
	for client := range 16 {
		group.Go(func() error {
			for i := range 20 {
				message := fmt.Sprintf("alert %d of client %d", i, client)
				appended, err := log.Append(ctx, Drafts(t, Alert(message), Alert(message+" again")))
				if err != nil {
					return err
				}
				mu.Lock()
				given[appended[0].Event.Seq()] = message
				given[appended[1].Event.Seq()] = message + " again"
				mu.Unlock()
				if appended[1].Event.Seq() != appended[0].Event.Seq()+1 {
					return errors.New("another request came between the alerts of one")
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	require.Len(t, given, 640)
	requireSeqs(t, ascending(1, 640), seqsOf(log.Sink.Events()))
	for _, event := range log.Sink.Events() {
		require.Equal(t, given[event.Seq()], event.Message())
	}
}

// groupCommit lets requests wait for the writer, which must take them into one
// transaction.
func groupCommit(t *testing.T, db Database) {
	log := db.Open(t)
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1000))
	var group errgroup.Group
	waiting := int64(0)
	for i := range 50 {
		drafts := Drafts(t, Alert(fmt.Sprintf("alert %d", i)))
		waiting += int64(drafts[0].Size())
		group.Go(func() error {
			_, err := log.Append(t.Context(), drafts)
			return err
		})
	}
	waitUntil(t, func() bool { return log.Counts().QueueBytes == waiting })
	log.Run()
	require.NoError(t, group.Wait())
	require.Equal(t, uint64(1), log.Counts().Commits)
	require.Len(t, log.Sink.Events(), 50)
}

// batchIsAtomic makes the middle of a batch fail: its id, which no client has
// given, is in the log already.
func batchIsAtomic(t *testing.T, db Database) {
	log := db.Open(t)
	drafts := Drafts(t, Alerts(40)...)
	db.Insert(t, drafts[20].Finish(1))
	require.NoError(t, log.Attach(t.Context(), log.Sink, 1000))
	log.Run()

	_, err := log.Append(t.Context(), drafts)
	requireUnavailable(t, err)
	require.Error(t, log.Ready())
	require.Equal(t, uint64(1), log.Counts().Failures)
	requireSeqs(t, ascending(1, 1), seqsOf(log.Sink.Events()))
	require.Len(t, log.Everything(t), 1)

	appended := log.Add(t, Alerts(3)...)
	require.Equal(t, alerting.Seq(4), appended[2].Event.Seq(), "the failed batch took no numbers")
	require.NoError(t, log.Ready())
}

// originOfCatchUp lets readers ask for all that is durable while there is
// ingest: they are often faster than the writer, once it has committed.
func originOfCatchUp(t *testing.T, db Database) {
	log := db.Start(t)
	reading, stop := context.WithCancel(t.Context())
	var readers errgroup.Group
	for range 2 {
		readers.Go(func() error {
			for reading.Err() == nil {
				if err := log.CatchUp(reading); err != nil && reading.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	for range 100 {
		log.Add(t, Alerts(2)...)
	}
	stop()
	require.NoError(t, readers.Wait())
	requireSeqs(t, ascending(1, 200), seqsOf(log.Sink.Events()))
	requireSeqs(t, ascending(1, 200), log.Sink.Here())
}

func attachFillsTheBuffer(t *testing.T, db Database) {
	events := 2000
	sizes := []int{1, 999, events, 2 * events}
	if !Slow { // more than the log keeps in memory for itself
		events = recentCapacity + 1000
		sizes = append(sizes, recentCapacity+500, 2*events)
	}
	db.Open(t).Stop() // makes the schema
	db.Insert(t, History(t, events)...)
	for _, size := range sizes {
		log := db.Open(t)
		require.NoError(t, log.Attach(t.Context(), log.Sink, size))
		published := seqsOf(log.Sink.Events())
		require.GreaterOrEqual(t, len(published), min(size, events))
		requireSeqs(t, ascending(alerting.Seq(events-len(published))+1, alerting.Seq(events)), published)
		require.Empty(t, log.Sink.Here())
		log.Stop()
	}
}

// requireUnavailable makes sure that an error tells the client to try again, and
// holds nothing that is not for its eyes.
func requireUnavailable(tb testing.TB, err error) {
	tb.Helper()
	var known *alerting.Error
	require.ErrorAs(tb, err, &known)
	require.Equal(tb, alerting.CodeUnavailable, known.Code)
	require.NotContains(tb, strings.ToLower(known.Error()), "insert")
}
