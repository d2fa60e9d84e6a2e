package engine_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/heartbeat"
	"alertd/internal/incident"
	"alertd/internal/store/work"
)

// Each would wait for the log, and all together for long.
func TestWhileTheLogTakesNothingOneAlertIsTried(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		var specs []heartbeat.Spec
		for n := range 5 {
			specs = append(specs, heartbeat.NewSpec(fmt.Sprintf("engine-%d", n), time.Minute))
		}
		d.listens(specs...)
		allow := d.place.refuse(t, "INSERT", "events", "1 = 1")
		wait(time.Minute + 45*time.Second)
		require.EqualValues(t, 1, d.raised.Load())
		allow()
		wait(2 * time.Minute)
		require.ElementsMatch(t, []string{"1 opened", "2 opened", "3 opened", "4 opened", "5 opened"}, r.told())
		require.EqualValues(t, 6, d.raised.Load())
	})
}

func TestAnAlertThatNobodyTakesIsGivenUp(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		d := p.start(t, newReceiver("desk").channel())
		now, err := d.Work.Now(t.Context())
		require.NoError(t, err)
		require.NoError(t, d.Work.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error {
			key := func() work.StateKey { return work.StateKey{Kind: "raise", Name: incident.NewID().String()} }
			return tx.Save(ctx, work.Changes{States: []work.State{
				{StateKey: key(), Value: map[string]string{}, DueAt: now},
				{StateKey: key(), Value: map[string]string{"severity": "error", "category": "system_health"}, DueAt: now},
			}})
		}))
		require.True(t, p.comes(func() bool {
			states, err := d.Work.StatesOf(t.Context(), "raise")
			require.NoError(t, err)
			return d.raised.Load() == 1 && len(states) == 0
		}))
	})
}
