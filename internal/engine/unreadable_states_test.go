package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/delivery"
	"alertd/internal/heartbeat"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/work"
)

// Nothing that the engine remembers, damaged or of a newer alertd, stops what does not need
// it.
func TestUnreadableStateStopsNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		storm := routing.DefaultStorm()
		storm.Threshold = 1000
		d := p.startWith(t, routing.Settings{
			Inhibitions: []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("oms")}}, Storm: storm,
		}, r)
		d.settings.Channels[0] = r.channel(func(p *delivery.Policy) { p.RateLimit = delivery.Rate{Count: 2, Per: time.Minute} })
		d.settings.Heartbeats = []heartbeat.Spec{heartbeat.NewSpec("var-engine", time.Hour)}
		d.reconfigure()
		d.silence("feed", time.Hour)
		d.sends("kill_switch", worst, "halted")
		d.sends("var_gate", failure, "VaR is over")
		d.sends("var_gate", failure, "VaR is far over") // in a digest
		d.untilTold(r, "1 opened", "2 opened")
		d.untilCounted(3, 1)
		d.stop()
		p.Exec(t, `UPDATE states SET state = `+damagedRow)
		d.start()
		var damaged []work.State
		now, err := d.Work.Now(t.Context())
		require.NoError(t, err)
		for _, kind := range []work.StateKind{"raise", "digest", "of a newer alertd"} {
			damaged = append(damaged, work.State{StateKey: work.StateKey{Kind: kind, Name: "x"}, Value: "not what it should be", DueAt: now})
		}
		require.NoError(t, d.Work.InTurn(t.Context(), func(ctx context.Context, tx *work.Tx) error { return tx.Save(ctx, work.Changes{States: damaged}) }))
		p.Exec(t, `INSERT INTO timers (kind, subject, due) VALUES (4, 1, 1)`) // of nothing
		d.sends("feed", worst, "no prices")
		require.True(t, p.comes(func() bool { return r.about("4 opened").Number > 0 }))
		p.pass(t, 2*time.Minute)
		require.True(t, p.comes(func() bool {
			n := r.about("0 digest")
			return n.Digest != nil && n.Digest.Worst[0].Number == 3
		}), "what is in a digest is told")
		d.sends("feed", worst, "no quotes")
		require.True(t, p.comes(func() bool { return r.about("5 opened").Number > 0 || r.about("6 opened").Number > 0 }))
		require.NoError(t, d.Engine.Ready())
		require.Positive(t, d.Store.Counts().Unreadable["states"])
		require.True(t, p.comes(func() bool { return len(d.own()) > 0 }), "and people are told of it")
	})
}

func TestUnreadableIncidentHoldsBackNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, halted(), r)
		d.sends("kill_switch", worst, "halted")
		d.sends("oms", failure, "order rejected")
		d.untilCounted(2, 1)
		d.untilTold(r, "1 opened")
		p.Exec(t, `UPDATE incidents SET state = `+damagedRow+` WHERE number = 1`)
		d.sends("kill_switch", worst, "halted") // opens another one, as that cannot be read
		require.True(t, p.comes(func() bool { return slices.Contains(r.told(), "3 opened") }))
		_, err := d.Engine.Resolve(t.Context(), d.incident(3).ID, incident.Action{By: "ada"})
		require.NoError(t, err)
		d.stop()
		d.start()
		require.True(t, p.comes(func() bool { return slices.Contains(r.told(), "2 opened") }))
	})
}
