package alerting_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// onLog returns a manager with a small buffer on a log that holds more.
func onLog(tb testing.TB, log alerting.Log, bufferSize int) *alerting.Manager {
	tb.Helper()
	manager, err := alerting.OpenManager(tb.Context(), everything(bufferSize), nil, log)
	require.NoError(tb, err)
	return manager
}

// brokenLog is a log that fails where it is told to.
type brokenLog struct {
	*alerting.MemoryLog
	attach, append, find, query, after, catchUp error
}

var errBroken = errors.New("broken")

func (l *brokenLog) Attach(ctx context.Context, sink alerting.Sink, recent int) error {
	return errors.Join(l.attach, l.MemoryLog.Attach(ctx, sink, recent))
}

func (l *brokenLog) Append(ctx context.Context, drafts []*alerting.Draft) ([]alerting.Appended, error) {
	if l.append != nil {
		return nil, l.append
	}
	return l.MemoryLog.Append(ctx, drafts)
}

func (l *brokenLog) Find(ctx context.Context, id alerting.EventID, key string) (*alerting.Event, error) {
	event, err := l.MemoryLog.Find(ctx, id, key)
	return event, errors.Join(l.find, err)
}

func (l *brokenLog) Query(ctx context.Context, q alerting.Query) (alerting.Page, error) {
	page, err := l.MemoryLog.Query(ctx, q)
	return page, errors.Join(l.query, err)
}

func (l *brokenLog) After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	stretch, err := l.MemoryLog.After(ctx, after, filter)
	return stretch, errors.Join(l.after, err)
}

func (l *brokenLog) CatchUp(ctx context.Context) error { return l.catchUp }

func TestTheBufferIsFilledFromTheLog(t *testing.T) {
	log := alerting.NewMemoryLog(100)
	fill(t, onLog(t, log, 100), 20)
	manager := onLog(t, log, 5)
	require.Equal(t, []alerting.Seq{16, 17, 18, 19, 20}, seqs(manager.AllEvents()))
	require.Zero(t, manager.Stats().SinceStart.Registered, "what was there before is not counted")
	require.Zero(t, manager.Stats().SinceStart.Dispatched)
	require.Equal(t, alerting.Seq(21), register(t, manager, varBreach()).Seq())

	_, err := alerting.OpenManager(t.Context(), everything(5), nil, &brokenLog{MemoryLog: log, attach: errBroken})
	require.ErrorIs(t, err, errBroken)
}

func TestQueryHasNoSeamBetweenBufferAndLog(t *testing.T) {
	manager := onLog(t, alerting.NewMemoryLog(100), 10)
	fill(t, manager, 60) // the buffer has 51 to 60
	for _, limit := range []int{1, 3, 9, 10, 11, 59, 60, 61} {
		var got []alerting.Seq
		for before := alerting.Seq(0); ; {
			page, err := manager.QueryEvents(t.Context(), alerting.Query{Limit: limit, Before: before})
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Events), limit)
			got = append(got, seqs(page.Events)...)
			if !page.More {
				break
			}
			before = got[len(got)-1]
		}
		require.Len(t, got, 60, "limit %d", limit)
		for i, seq := range got {
			require.Equal(t, alerting.Seq(60-i), seq)
		}
	}
	event := register(t, manager, varBreach())
	fill(t, manager, 20)
	found, err := manager.FindEvent(t.Context(), event.ID())
	require.NoError(t, err)
	require.Same(t, event, found)
	recent := manager.AllEvents()[0]
	found, err = manager.FindEvent(t.Context(), recent.ID())
	require.NoError(t, err)
	require.Same(t, recent, found)
	extent, err := manager.History(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(81), extent.Events())
}

func TestAnEmptyLogAnswers(t *testing.T) {
	manager := newManager(t, everything(5))
	page, err := manager.QueryEvents(t.Context(), alerting.Query{Limit: 5})
	require.NoError(t, err)
	require.Empty(t, page.Events)
	extent, err := manager.History(t.Context())
	require.NoError(t, err)
	require.Zero(t, extent.Events())
	stretch, err := alerting.NewMemoryLog(5).After(t.Context(), 0, alerting.Filter{})
	require.NoError(t, err)
	require.Less(t, stretch.Through, stretch.From)
}

func TestAFailureOfTheLogIsToldAndChangesNothing(t *testing.T) {
	log := &brokenLog{MemoryLog: alerting.NewMemoryLog(10)}
	manager := onLog(t, log, 5)
	fill(t, manager, 20)
	event := manager.AllEvents()[0]

	log.append = errBroken
	_, err := manager.Register(t.Context(), varBreach())
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, uint64(20), manager.Stats().SinceStart.Registered)

	log.append, log.find = nil, errBroken
	require.NoError(t, manager.Reconfigure(alerting.Config{MinSeverity: alerting.SeverityCritical, BufferSize: 5}))
	filtered := varBreach()
	filtered.EventID = alerting.NewEventID()
	_, err = manager.Register(t.Context(), filtered)
	require.ErrorIs(t, err, errBroken, "whether it was registered before is not known")
	require.Zero(t, manager.Stats().SinceStart.Filtered)

	log.query = errBroken
	_, err = manager.QueryEvents(t.Context(), alerting.Query{Limit: 10})
	require.ErrorIs(t, err, errBroken)

	found, err := manager.FindEvent(t.Context(), event.ID())
	require.NoError(t, err, "the buffer alone can answer")
	require.Same(t, event, found)
	_, err = manager.FindEvent(t.Context(), alerting.NewEventID())
	require.ErrorIs(t, err, errBroken)

	follow := func() error {
		_, err := manager.Follow(t.Context(), alerting.Filter{}, alerting.Resume{Active: true, After: 1}, func(alerting.Replay) error { return nil })
		return err
	}
	log.catchUp = errBroken
	require.ErrorIs(t, follow(), errBroken)
	log.catchUp, log.after = nil, errBroken
	require.ErrorIs(t, follow(), errBroken)
}

// replayed follows a manager's events and returns what was replayed, and waits by now.
func replayed(t *testing.T, manager *alerting.Manager, filter alerting.Filter, after alerting.Seq) (*alerting.Subscription, []alerting.Seq, []string) {
	t.Helper()
	var numbers []alerting.Seq
	var gaps []string
	s, err := manager.Follow(t.Context(), filter, alerting.Resume{Active: true, After: after}, func(missed alerting.Replay) error {
		if missed.Gap != nil {
			gaps = append(gaps, missed.Gap.Reason)
		}
		numbers = append(numbers, seqs(missed.Events)...)
		return nil
	})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	events, open := s.Take()
	require.True(t, open)
	return s, append(numbers, seqs(events)...), gaps
}

func TestAStreamResumesFromTheLogWithoutGapOrRepeat(t *testing.T) {
	manager := onLog(t, alerting.NewMemoryLog(100), 10)
	fill(t, manager, 60)
	s, numbers, gaps := replayed(t, manager, alerting.Filter{}, 3)
	require.Empty(t, gaps)
	require.Len(t, numbers, 57)
	for i, seq := range numbers {
		require.Equal(t, alerting.Seq(i+4), seq)
	}
	register(t, manager, varBreach())
	require.Equal(t, []alerting.Seq{61}, taken(t, s))

	_, numbers, _ = replayed(t, manager, alerting.Filter{Sources: []string{"kill_switch"}}, 0)
	require.Len(t, numbers, 20)

	manager = onLog(t, alerting.NewMemoryLog(20), 10) // forgets on its own
	fill(t, manager, 60)
	_, numbers, gaps = replayed(t, manager, alerting.Filter{}, 3)
	require.Equal(t, []string{"events 4 to 40 are no longer kept"}, gaps)
	require.Len(t, numbers, 20)

	_, numbers, gaps = replayed(t, manager, alerting.Filter{}, 99)
	require.Equal(t, []string{"event 99 is not known: this is another log, all its events follow", "events 1 to 40 are no longer kept"}, gaps)
	require.Len(t, numbers, 20)
}

// The reader registers alerts while it is given a part: if a lock were held, they would
// wait for ever.
func TestReplayHoldsUpNoRegistration(t *testing.T) {
	const before = 30_000
	manager := onLog(t, alerting.NewMemoryLog(100_000), 10)
	batch := make([]alerting.Alert, before)
	for i := range batch {
		batch[i] = varBreach()
	}
	_, err := manager.RegisterBatch(t.Context(), batch)
	require.NoError(t, err)
	next := alerting.Seq(1)
	follow := func(events []*alerting.Event) {
		for _, event := range events {
			require.Equal(t, next, event.Seq())
			next++
		}
	}
	parts := 0
	s, err := manager.Follow(t.Context(), alerting.Filter{}, alerting.Resume{Active: true}, func(missed alerting.Replay) error {
		require.Nil(t, missed.Gap)
		follow(missed.Events)
		require.LessOrEqual(t, len(missed.Events), 1000)
		parts++
		register(t, manager, varBreach())
		return nil
	})
	require.NoError(t, err)
	defer s.Close()
	require.GreaterOrEqual(t, parts, before/1000-1)
	backlog, _ := s.Take()
	require.LessOrEqual(t, len(backlog), 1000, "what is looked through at last is short")
	follow(backlog)
	require.Equal(t, alerting.Seq(before+parts+1), next)
	register(t, manager, varBreach())
	require.Equal(t, []alerting.Seq{next}, taken(t, s))
}

func TestAReplayEndsWhenItsReaderFails(t *testing.T) {
	manager := onLog(t, alerting.NewMemoryLog(50), 10)
	fill(t, manager, 60)
	for _, after := range []alerting.Seq{1, 99} {
		_, err := manager.Follow(t.Context(), alerting.Filter{}, alerting.Resume{Active: true, After: after}, func(alerting.Replay) error { return errBroken })
		require.ErrorIs(t, err, errBroken)
	}
}

func TestEventsOfOtherReplicasAreShownAndNotCounted(t *testing.T) {
	dispatcher := alerting.NewMemoryDispatcher(10)
	manager, err := alerting.NewManager(everything(10), dispatcher)
	require.NoError(t, err)
	draft, err := alerting.NewDraft(varBreach(), time.Now())
	require.NoError(t, err)
	require.False(t, draft.IDGiven())
	require.Positive(t, draft.Size())
	live := manager.Subscribe(alerting.Filter{})
	defer live.Close()
	manager.Publish([]*alerting.Event{draft.Finish(1)}, alerting.OriginElsewhere)
	require.Equal(t, []alerting.Seq{1}, taken(t, live))
	require.Zero(t, manager.Stats().SinceStart.Registered)
	require.Zero(t, dispatcher.Count())
}
