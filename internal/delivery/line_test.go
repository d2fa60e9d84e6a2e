package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// TestWhatIsPlannedLaterThanARecordIsWoken has a message planned by a transaction that the
// record of the attempt before it has waited for, so that it is due after the record's now.
func TestWhatIsPlannedLaterThanARecordIsWoken(t *testing.T) {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	later := now.Add(time.Second)
	number := delivery.Number(0)
	mint := func() (delivery.ID, delivery.Number) { number++; return delivery.NewID(), number }
	p := delivery.DefaultPolicy()
	p.Name, p.Enabled = "chat", true
	story := delivery.NewStory(1)
	first, _ := story.Plan(incident.Notice{Number: 1, Reason: incident.Opened}, p, "", mint, now)
	story.Claim(first, delivery.NewID(), now.Add(time.Minute))
	second, _ := story.Plan(incident.Notice{Number: 2, Reason: incident.WasResolved}, p, "", mint, later)

	loaded := delivery.NewStory(1)
	loaded.Load(*first)
	loaded.Load(*second)
	loaded.Finish(loaded.Find(first.Number), channel.Result{Outcome: channel.Delivered}, p.Retry, 0, now)
	d := loaded.Find(second.Number)
	require.Contains(t, loaded.Changed(), d)
	require.False(t, d.Ready)
	require.Equal(t, later, d.WakeAt(now))
}
