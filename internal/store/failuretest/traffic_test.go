package failuretest_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// logged is an event as the database holds it.
type logged struct {
	seq  alerting.Seq
	id   alerting.EventID
	json string
}

// account is what clients were told.
type account struct {
	mu      sync.Mutex
	acked   map[alerting.EventID]*alerting.Event
	refused map[alerting.EventID]string // the last answer, until one is acknowledged
	unknown map[alerting.EventID]bool   // the answer said so, at least once
}

func newAccount() *account {
	return &account{
		acked:   make(map[alerting.EventID]*alerting.Event),
		refused: make(map[alerting.EventID]string), unknown: make(map[alerting.EventID]bool),
	}
}

// note notes what a client was told. It returns an error that must not be.
func (a *account) note(id alerting.EventID, event *alerting.Event, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.acked[id] = event
		delete(a.refused, id)
		return nil
	}
	known, ok := errors.AsType[*alerting.Error](err)
	if !ok || known.Code != alerting.CodeUnavailable {
		return err
	}
	a.refused[id] = known.Message
	if strings.Contains(known.Message, "not known") {
		a.unknown[id] = true
	}
	return nil
}

// check compares what clients were told with what the database holds.
func (a *account) check(tb testing.TB, log []logged) {
	tb.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	held := make(map[alerting.EventID]logged, len(log))
	for i, event := range log {
		require.Equal(tb, alerting.Seq(i+1), event.seq, "numbers ascend by one, from 1")
		_, twice := held[event.id]
		require.False(tb, twice, "event %d is in the log twice", event.seq)
		held[event.id] = event
	}
	for id, event := range a.acked {
		found, ok := held[id]
		require.True(tb, ok, "event %d was acknowledged and is not in the log", event.Seq())
		require.Equal(tb, event.Seq(), found.seq)
		require.Equal(tb, event.JSON(), found.json)
	}
	for id, message := range a.refused {
		if event, ok := held[id]; ok && !a.unknown[id] {
			assert.Fail(tb, "what was refused is in the log", "event %d: %s", event.seq, message)
		}
	}
}

// traffic is clients that register alerts until they are told to stop. One half
// of them tries again what was refused, with the same event_id, the other goes on
// to the next alert.
type traffic struct {
	account *account
	count   atomic.Int64 // acknowledged
	refused atomic.Int64
	stop    func() // may be called more than once
}

// run starts clients with an account of their own.
func run(tb testing.TB, s *service) *traffic {
	tb.Helper()
	return runOn(tb, newAccount(), s, 8)
}

func runOn(tb testing.TB, account *account, s *service, clients int) *traffic {
	tb.Helper()
	t := &traffic{account: account}
	ctx, cancel := context.WithCancel(tb.Context())
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() { t.client(ctx, tb, s, i%2 == 0) })
	}
	t.stop = sync.OnceFunc(func() {
		cancel()
		group.Wait()
	})
	tb.Cleanup(t.stop)
	return t
}

func (t *traffic) client(ctx context.Context, tb testing.TB, s *service, insists bool) {
	tb.Helper()
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	next := alert()
	for ctx.Err() == nil {
		// Not with ctx: what became of an alert whose client is gone is not known.
		result, err := s.manager.Register(context.WithoutCancel(ctx), next)
		if wrong := t.account.note(next.EventID, result.Event, err); wrong != nil {
			tb.Errorf("a client got an error that is none for clients: %s", wrong)
			return
		}
		if err == nil {
			t.count.Add(1)
			next = alert()
		} else {
			t.refused.Add(1)
			if !insists {
				next = alert()
			}
		}
		<-pause.C
	}
}

// waitMore waits until n more alerts have been acknowledged.
func (t *traffic) waitMore(tb testing.TB, n int64) {
	tb.Helper()
	most := t.count.Load() + n
	require.Eventually(tb, func() bool { return t.count.Load() >= most }, patience, time.Millisecond, "no alerts are taken")
}

// waitRefused waits until some more alerts have been refused.
func (t *traffic) waitRefused(tb testing.TB) {
	tb.Helper()
	most := t.refused.Load() + 20
	require.Eventually(tb, func() bool { return t.refused.Load() >= most }, patience, time.Millisecond, "all alerts are taken")
}

// follower is a stream of events, as a dashboard has one.
type follower struct {
	subscription *alerting.Subscription
	mu           sync.Mutex
	seen         []*alerting.Event
}

// follow reads the live events of a service until the test ends.
func follow(tb testing.TB, s *service) *follower {
	tb.Helper()
	f := &follower{}
	var err error
	f.subscription, err = s.manager.Follow(tb.Context(), alerting.Filter{}, alerting.Resume{Active: true}, func(missed alerting.Replay) error {
		f.seen = append(f.seen, missed.Events...)
		return nil
	})
	require.NoError(tb, err)
	var group sync.WaitGroup
	group.Go(func() {
		for open := true; open; {
			<-f.subscription.Ready()
			var events []*alerting.Event
			events, open = f.subscription.Take()
			f.mu.Lock()
			f.seen = append(f.seen, events...)
			f.mu.Unlock()
		}
	})
	tb.Cleanup(func() {
		f.subscription.Close()
		group.Wait()
	})
	return f
}

// check waits until the follower has seen all events, and compares.
func (f *follower) check(tb testing.TB, log []logged) {
	tb.Helper()
	has := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.seen)
	}
	require.Eventually(tb, func() bool { return has() >= len(log) }, patience, time.Millisecond, "a follower does not see all events")
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Len(tb, f.seen, len(log))
	for i, event := range f.seen {
		require.Equal(tb, log[i].seq, event.Seq(), "a follower sees each event once, in order")
		require.Equal(tb, log[i].id, event.ID())
	}
}

// checkCounted holds the counters since the start to the events of the log. The
// services have registered all of these themselves.
func checkCounted(tb testing.TB, log []logged, services ...*service) {
	tb.Helper()
	var registered uint64
	for _, s := range services {
		registered += s.manager.Stats().SinceStart.Registered
	}
	require.Equal(tb, len(log), int(registered), "each event counts as registered where it was")
}
