package alerting_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestAnAlertBelowTheMinimumMakesNoEvent(t *testing.T) {
	manager := newManager(t, alerting.Config{Enabled: true, MinSeverity: alerting.SeverityWarning, BufferSize: 10})
	alert := varBreach()
	alert.Severity = alerting.SeverityInfo
	result, err := manager.Register(t.Context(), alert)
	require.NoError(t, err)
	require.Equal(t, alerting.Registration{Outcome: alerting.OutcomeFiltered, Reason: "severity info is below min_severity warning"}, result)
	require.Zero(t, manager.Count())
	require.Equal(t, uint64(1), manager.Stats().SinceStart.Filtered)
	require.Equal(t, uint64(1), manager.Totals().Filtered[alerting.SeverityInfo-1][alerting.CategoryRiskLimit-1])

	alert.Severity = alerting.SeverityWarning
	register(t, manager, alert)
}

func TestTheEndOfAnIncidentIsAnEventAtAnySeverity(t *testing.T) {
	manager := newManager(t, alerting.Config{Enabled: true, MinSeverity: alerting.SeverityCritical, BufferSize: 10})
	alert := varBreach()
	alert.Severity, alert.Resolves = alerting.SeverityDebug, true
	event := register(t, manager, alert)
	require.True(t, event.Resolves())
	require.Equal(t, true, decodeEvent(t, event)["resolves"])
}

func TestDisabledAlertingKeepsEventsAndDispatchesNone(t *testing.T) {
	dispatcher := alerting.NewMemoryDispatcher(10)
	config := alerting.Config{Enabled: false, MinSeverity: alerting.SeverityDebug, BufferSize: 10}
	manager, err := alerting.NewManager(config, dispatcher)
	require.NoError(t, err)
	register(t, manager, varBreach())
	require.Equal(t, 1, manager.Count())
	require.Zero(t, dispatcher.Count())

	config.Enabled = true
	require.NoError(t, manager.Reconfigure(config))
	require.Zero(t, dispatcher.Count(), "what came while disabled is never dispatched")
	second := register(t, manager, varBreach())
	require.Equal(t, []*alerting.Event{second}, dispatcher.DispatchedEvents())
	require.Equal(t, uint64(1), manager.Totals().Dispatched)
}

func TestTheMemoryDispatcherKeepsTheLastAndCountsAll(t *testing.T) {
	dispatcher := alerting.NewMemoryDispatcher(2)
	manager, err := alerting.NewManager(everything(10), dispatcher)
	require.NoError(t, err)
	fill(t, manager, 3)
	require.Equal(t, []alerting.Seq{2, 3}, seqs(dispatcher.DispatchedEvents()))
	require.Equal(t, 3, dispatcher.Count())
	dispatcher.Clear()
	require.Zero(t, dispatcher.Count())
	require.Empty(t, dispatcher.DispatchedEvents())
}

func TestTheBufferDropsTheOldestFirst(t *testing.T) {
	manager := newManager(t, everything(300))
	fill(t, manager, 1000)
	all := manager.AllEvents()
	require.Len(t, all, 300)
	require.Equal(t, alerting.Seq(701), all[0].Seq())
	require.Equal(t, alerting.Seq(1000), all[299].Seq())
	require.Equal(t, 300, manager.Count())
	for _, event := range all {
		found, ok := manager.Event(event.ID())
		require.True(t, ok)
		require.Same(t, event, found)
	}
	manager.Clear()
	require.Zero(t, manager.Count())
	require.Empty(t, manager.AllEvents())
	require.Empty(t, manager.RecentEvents(alerting.Query{}).Events)
	_, ok := manager.Event(all[0].ID())
	require.False(t, ok)
	require.Equal(t, alerting.Seq(1001), register(t, manager, varBreach()).Seq(), "numbers go on")
}

func TestRecentEventsAreNewestFirstAndCanBePaged(t *testing.T) {
	manager := newManager(t, everything(1000))
	fill(t, manager, 600)
	filter := alerting.Filter{Sources: []string{"kill_switch"}}
	page := manager.RecentEvents(alerting.Query{Filter: filter, Limit: 3})
	require.Equal(t, []alerting.Seq{600, 597, 594}, seqs(page.Events))
	require.True(t, page.More)
	fill(t, manager, 10) // new ones do not disturb the next page
	page = manager.RecentEvents(alerting.Query{Filter: filter, Limit: 300, Before: 594})
	require.Len(t, page.Events, 197)
	require.Equal(t, alerting.Seq(591), page.Events[0].Seq())
	require.False(t, page.More)
	require.Empty(t, manager.RecentEvents(alerting.Query{Before: 1}).Events)
}

func TestAKnownIDOrKeyAnswersWithTheFirstEvent(t *testing.T) {
	manager := newManager(t, everything(2))
	alert := varBreach()
	alert.EventID = alerting.NewEventID()
	alert.IdempotencyKey = "order-7"
	first := register(t, manager, alert)

	again := varBreach()
	again.EventID, again.Message = alert.EventID, "another text"
	result, err := manager.Register(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, alerting.Registration{Outcome: alerting.OutcomeDuplicate, Event: first}, result)

	again = varBreach()
	again.IdempotencyKey = alert.IdempotencyKey
	again.Severity = alerting.SeverityDebug
	require.NoError(t, manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityWarning, BufferSize: 2}))
	result, err = manager.Register(t.Context(), again)
	require.NoError(t, err)
	require.Same(t, first, result.Event, "also when it would be filtered today")
	require.Equal(t, 1, manager.Count())
	require.Equal(t, uint64(2), manager.Stats().SinceStart.Duplicate)

	register(t, manager, varBreach())
	register(t, manager, varBreach()) // the first one leaves the buffer
	require.NotSame(t, first, register(t, manager, alert))
	for i := range 8 { // keys are forgotten with their events
		keyed := varBreach()
		keyed.IdempotencyKey = fmt.Sprintf("order-%d", i+10)
		register(t, manager, keyed)
	}
	keyed := varBreach()
	keyed.IdempotencyKey = "order-10"
	register(t, manager, keyed)
}

func TestABatchTellsEachAlertsFate(t *testing.T) {
	manager := newManager(t, alerting.Config{MinSeverity: alerting.SeverityWarning, BufferSize: 10})
	good, low, bad := varBreach(), varBreach(), varBreach()
	good.EventID = alerting.NewEventID()
	low.Severity = alerting.SeverityDebug
	bad.Source = ""
	results, err := manager.RegisterBatch(t.Context(), []alerting.Alert{good, low, bad, good})
	require.NoError(t, err)
	var outcomes []string
	for _, result := range results {
		outcomes = append(outcomes, result.Outcome.String())
	}
	require.Equal(t, []string{"registered", "filtered", "rejected", "duplicate"}, outcomes)
	require.Same(t, results[0].Event, results[3].Event)
	requireInvalid(t, results[2].Err, "source", "1 to 255")
	require.Equal(t, 1, manager.Count())
}

func TestACallerThatHasGoneAwayRegistersNothing(t *testing.T) {
	manager := newManager(t, everything(10))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := manager.Register(gone, varBreach())
	require.ErrorIs(t, err, context.Canceled)
	_, err = manager.RegisterBatch(gone, []alerting.Alert{varBreach()})
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, manager.Count())
}

func TestStatisticsFollowTheBufferAndTheCountersDoNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager := newManager(t, everything(20))
		started := time.Now().UTC()
		fill(t, manager, 40)
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		register(t, manager, varBreach())
		manager.CountRejected(alerting.RejectMalformed, 2)
		manager.CountRejected(alerting.RejectTooLarge, -5)
		stats := manager.Stats()
		require.Equal(t, 20, stats.TotalEvents)
		require.Equal(t, 20, stats.BufferSize)
		require.Equal(t, 20, stats.BufferCapacity)
		require.Positive(t, stats.BufferBytes)
		require.EqualValues(t, alerting.DefaultBufferBytes, stats.BufferBytesCapacity)
		require.Len(t, stats.BySeverity, 5)
		require.Len(t, stats.ByCategory, 8)
		bySeverity, byCategory, bySource := map[alerting.Severity]int{}, map[alerting.Category]int{}, map[string]int{}
		for _, event := range manager.AllEvents() {
			bySeverity[event.Severity()]++
			byCategory[event.Category()]++
			bySource[event.Source()]++
		}
		require.Equal(t, bySeverity, stats.BySeverity)
		require.Equal(t, byCategory, stats.ByCategory)
		require.Equal(t, bySource, stats.BySource)
		require.Equal(t, alerting.SinceStart{Registered: 41, Rejected: 2, Dispatched: 41}, stats.SinceStart)
		require.True(t, stats.Enabled)
		require.Equal(t, alerting.SeverityDebug, stats.MinSeverity)
		require.Equal(t, started, stats.Oldest)
		require.Equal(t, started.Add(time.Minute), stats.Newest)

		totals := manager.Totals()
		require.Equal(t, uint64(41), totals.Registered.Sum())
		require.Equal(t, uint64(2), totals.Rejected[alerting.RejectMalformed])
		require.Len(t, totals.Rejected, 6)
		require.Equal(t, 20, totals.BufferSize)
		require.Equal(t, 20, totals.BufferCapacity)
		require.Positive(t, totals.BufferBytes)
		require.EqualValues(t, alerting.DefaultBufferBytes, totals.BufferBytesCapacity)
		require.Equal(t, "unsupported_media_type", alerting.RejectUnsupported.String())

		manager.Clear()
		stats = manager.Stats()
		require.Empty(t, stats.BySource)
		require.Zero(t, stats.BySeverity[alerting.SeverityError])
		require.True(t, stats.Oldest.IsZero())
	})
}

func TestABadConfigurationChangesNothing(t *testing.T) {
	_, err := alerting.NewManager(alerting.Config{}, nil)
	require.Error(t, err)
	manager := newManager(t, everything(10))
	require.Error(t, manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityError}))
	require.Equal(t, everything(10), manager.Config())
}

func TestConcurrentRegistrationLosesAndRepeatsNothing(t *testing.T) {
	const writers, each = 8, 500
	dispatcher := alerting.NewMemoryDispatcher(writers * each)
	manager, err := alerting.NewManager(everything(writers*each), dispatcher)
	require.NoError(t, err)
	subscription := manager.Subscribe(alerting.Filter{})
	defer subscription.Close()
	shared := make([]alerting.EventID, each)
	for i := range shared {
		shared[i] = alerting.NewEventID()
	}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				alert := varBreach()
				alert.Source = fmt.Sprintf("writer-%d", w)
				if w%2 == 0 { // half of the writers race for the same ids
					alert.EventID = shared[i]
				}
				if _, err := manager.Register(context.Background(), alert); err != nil { //nolint:usetesting // outlives nothing
					panic(err)
				}
			}
		})
		group.Go(func() {
			for range 50 {
				manager.RecentEvents(alerting.Query{Filter: alerting.Filter{Sources: []string{"writer-1"}, Text: "var"}, Limit: 10})
				manager.AllEvents()
				manager.Stats()
				manager.Totals()
			}
		})
	}
	group.Wait()
	const want = writers/2*each + each
	all := manager.AllEvents()
	live, _ := subscription.Take()
	require.Equal(t, all, live)
	require.Len(t, all, want)
	seen := map[alerting.EventID]bool{}
	for i, event := range all {
		require.Equal(t, alerting.Seq(i+1), event.Seq())
		require.False(t, seen[event.ID()])
		seen[event.ID()] = true
	}
	require.Equal(t, all, dispatcher.DispatchedEvents())
}

// noting is a log that notes the drafts it is handed.
type noting struct {
	alerting.Log
	dispatch []bool
}

func (n *noting) Append(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error) {
	for _, draft := range drafts {
		n.dispatch = append(n.dispatch, draft.Dispatch())
	}
	return n.Log.Append(ctx, drafts)
}

func TestDispatchIsDecidedAtRegistration(t *testing.T) {
	log := &noting{Log: alerting.NewMemoryLog(10)}
	config := everything(10)
	manager, err := alerting.OpenManager(t.Context(), config, nil, log)
	require.NoError(t, err)
	for _, enabled := range []bool{true, false, true} {
		config.Enabled = enabled
		require.NoError(t, manager.Reconfigure(config))
		_, err := manager.Register(t.Context(), alerting.Alert{
			Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "gate", Message: "m",
		})
		require.NoError(t, err)
	}
	require.Equal(t, []bool{true, false, true}, log.dispatch)
	draft, err := alerting.NewDraft(alerting.Alert{
		Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: "gate", Message: "m",
	}, time.Now())
	require.NoError(t, err)
	require.False(t, draft.Dispatch(), "it is only kept")
}

func TestBufferBytesAreTakenFromTheConfiguration(t *testing.T) {
	config := everything(1000)
	config.BufferBytes = 20_000
	manager := newManager(t, config)
	fill(t, manager, 200)
	require.Less(t, manager.Stats().BufferBytes, int64(20_001))
	require.InDelta(t, 30, manager.Count(), 10)
	require.Equal(t, int64(20_000), manager.Totals().BufferBytesCapacity)
	config.BufferBytes = 2000
	require.NoError(t, manager.Reconfigure(config))
	require.InDelta(t, 3, manager.Count(), 1)
	require.True(t, manager.AllEvents()[0].Dispatch())
}
