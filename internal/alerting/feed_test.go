package alerting_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestASubscriptionGetsWhatMatchesFromThenOn(t *testing.T) {
	manager := newManager(t, everything(100))
	fill(t, manager, 5)
	s, err := manager.Follow(t.Context(), alerting.Filter{Sources: []string{"kill_switch"}}, alerting.Resume{}, nil)
	require.NoError(t, err)
	require.Empty(t, s.Ready())
	fill(t, manager, 6)
	require.Equal(t, []alerting.Seq{8, 11}, taken(t, s))
	require.Empty(t, s.Ready())
	fill(t, manager, 3)
	require.Equal(t, []alerting.Seq{14}, taken(t, s))
	s.Close()
	s.Close()
	fill(t, manager, 3)
	require.NotEmpty(t, s.Ready(), "it is told that it has ended")
	events, open := s.Take()
	require.Empty(t, events)
	require.False(t, open)
}

func TestAResumedStreamGoesOnWithoutGapOrRepeat(t *testing.T) {
	manager := newManager(t, everything(100))
	fill(t, manager, 10)
	s, numbers, gaps := replayed(t, manager, alerting.Filter{}, 7)
	fill(t, manager, 2)
	require.Empty(t, gaps)
	require.Equal(t, []alerting.Seq{8, 9, 10}, numbers)
	require.Equal(t, []alerting.Seq{11, 12}, taken(t, s))
}

func TestAResumedStreamIsToldWhatItCannotGet(t *testing.T) {
	manager := newManager(t, everything(5))
	fill(t, manager, 20)
	for after, want := range map[alerting.Seq]struct {
		numbers []alerting.Seq
		gaps    []string
	}{
		10:  {[]alerting.Seq{16, 17, 18, 19, 20}, []string{"events 11 to 15 are no longer kept"}},
		15:  {[]alerting.Seq{16, 17, 18, 19, 20}, nil},
		20:  {},
		900: {[]alerting.Seq{16, 17, 18, 19, 20}, []string{"event 900 is not known: this is another log, all its events follow", "events 1 to 15 are no longer kept"}},
	} {
		_, numbers, gaps := replayed(t, manager, alerting.Filter{}, after)
		require.Equal(t, want.numbers, numbers, "after %d", after)
		require.Equal(t, want.gaps, gaps, "after %d", after)
	}
	manager.Clear()
	_, numbers, gaps := replayed(t, manager, alerting.Filter{}, 18)
	require.Empty(t, gaps, "the log has them still")
	require.Equal(t, []alerting.Seq{19, 20}, numbers)
}

func TestSlowSubscriberIsDropped(t *testing.T) {
	manager := newManager(t, everything(10))
	slow := manager.Subscribe(alerting.Filter{})
	batch := make([]alerting.Alert, 10_000)
	for i := range batch {
		batch[i] = varBreach()
	}
	for range 2 {
		_, err := manager.RegisterBatch(t.Context(), batch)
		require.NoError(t, err)
	}
	events, open := slow.Take()
	require.False(t, open)
	for i, event := range events {
		require.Equal(t, alerting.Seq(i+1), event.Seq(), "what was queued before is whole")
	}
	require.Len(t, events, 16_384)
	slow.Close()
}

func TestSubscriptionsWithLikeFiltersGetTheSame(t *testing.T) {
	now := time.Now()
	filters := []alerting.Filter{
		{},
		{},
		{MinSeverity: alerting.SeverityCritical},
		{Sources: []string{"kill_switch"}},
		{Sources: []string{"kill_switch"}},
		{Sources: []string{"kill_switch", "x"}},
		{Text: "kill_switch"},
		{Categories: []alerting.Category{alerting.CategoryOther}},
		{Since: now.Add(time.Hour)},
		{Until: now.Add(time.Hour)},
	}
	manager := newManager(t, everything(100))
	subscriptions := make([]*alerting.Subscription, len(filters))
	for i, filter := range filters {
		subscriptions[i] = manager.Subscribe(filter)
	}
	fill(t, manager, 12)
	subscriptions[0].Close() // the other with the same filter stays
	fill(t, manager, 1)
	for i, s := range subscriptions {
		s.Close()
		var got []alerting.Seq
		events, _ := s.Take()
		for _, event := range events {
			require.True(t, filters[i].Matches(event))
			got = append(got, event.Seq())
		}
		var want []alerting.Seq
		for _, event := range manager.RecentEvents(alerting.Query{Filter: filters[i], Limit: 100}).Events {
			if i > 0 || event.Seq() <= 12 {
				want = append(want, event.Seq())
			}
		}
		slices.Sort(want)
		require.Equal(t, want, got, "%+v", filters[i])
	}
}
