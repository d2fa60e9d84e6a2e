package alerting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestASubscriptionGetsWhatMatchesFromThenOn(t *testing.T) {
	manager := newManager(t, everything(100))
	fill(t, manager, 5)
	s := manager.Subscribe(alerting.Filter{Sources: []string{"kill_switch"}}, alerting.Resume{})
	require.Empty(t, s.Backlog())
	require.Nil(t, s.Gap())
	fill(t, manager, 6)
	require.Equal(t, alerting.Seq(8), (<-s.Events()).Seq())
	require.Equal(t, alerting.Seq(11), (<-s.Events()).Seq())
	s.Close()
	s.Close()
	_, open := <-s.Events()
	require.False(t, open)
	require.False(t, s.Dropped())
	fill(t, manager, 3) // nobody is told
}

func TestAResumedSubscriptionGoesOnWithoutGapOrRepeat(t *testing.T) {
	manager := newManager(t, everything(100))
	fill(t, manager, 10)
	s := manager.Subscribe(alerting.Filter{}, alerting.Resume{Active: true, After: 7})
	defer s.Close()
	fill(t, manager, 2)
	require.Nil(t, s.Gap())
	require.Equal(t, []alerting.Seq{8, 9, 10}, seqs(s.Backlog()))
	require.Equal(t, alerting.Seq(11), (<-s.Events()).Seq())
	require.Equal(t, alerting.Seq(12), (<-s.Events()).Seq())
}

func TestAResumedSubscriptionIsToldWhatItCannotGet(t *testing.T) {
	manager := newManager(t, everything(5))
	fill(t, manager, 20)
	subscribe := func(after alerting.Seq) *alerting.Subscription {
		s := manager.Subscribe(alerting.Filter{}, alerting.Resume{Active: true, After: after})
		s.Close()
		return s
	}
	s := subscribe(10)
	require.Equal(t, &alerting.Gap{From: 11, To: 15, Reason: "events 11 to 15 have left the buffer"}, s.Gap())
	require.Equal(t, []alerting.Seq{16, 17, 18, 19, 20}, seqs(s.Backlog()))

	require.Nil(t, subscribe(15).Gap())
	require.Nil(t, subscribe(20).Gap())
	require.Empty(t, subscribe(20).Backlog())

	s = subscribe(900)
	require.Contains(t, s.Gap().Reason, "event 900 is not known")
	require.Len(t, s.Backlog(), 5, "all that there is")

	manager.Clear()
	s = subscribe(18)
	require.Equal(t, alerting.Seq(19), s.Gap().From)
	require.Equal(t, alerting.Seq(20), s.Gap().To)
	require.Nil(t, subscribe(20).Gap())
}

func TestASubscriberThatDoesNotReadIsDroppedAndHoldsUpNothing(t *testing.T) {
	manager := newManager(t, everything(10))
	slow := manager.Subscribe(alerting.Filter{}, alerting.Resume{})
	batch := make([]alerting.Alert, 10_000)
	for i := range batch {
		batch[i] = varBreach()
	}
	for range 2 {
		_, err := manager.RegisterBatch(t.Context(), batch)
		require.NoError(t, err)
	}
	require.True(t, slow.Dropped())
	var last alerting.Seq
	for event := range slow.Events() {
		require.Equal(t, last+1, event.Seq(), "what was queued before is whole")
		last = event.Seq()
	}
	require.Equal(t, alerting.Seq(16_384), last)
	slow.Close()
}
