package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

// idsOf returns the ids of incidents by their numbers; 0 stands for an incident that is not.
func (d *daemon) idsOf(numbers ...incident.Number) []incident.ID {
	d.t.Helper()
	ids := make([]incident.ID, len(numbers))
	for n, number := range numbers {
		if ids[n] = incident.NewID(); number > 0 {
			ids[n] = d.incident(number).ID
		}
	}
	return ids
}

func TestActionOnSeveralIncidentsSparesThoseThatItCannotBeOn(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		for _, message := range []string{"no prices", "no quotes", "no fills", "no orders"} {
			d.sends("feed", failure, message)
		}
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "4 opened")
		ids := d.idsOf(1, 0, 3, 4, 2, 1)
		_, err := d.Engine.Resolve(t.Context(), ids[2], incident.Action{By: "grace"})
		require.NoError(t, err)
		_, err = d.Engine.Acknowledge(t.Context(), ids[3], incident.Action{By: "grace"})
		require.NoError(t, err)
		before := len(d.audited())

		results, err := d.Engine.AcknowledgeAll(asDesk(t), ids, incident.Action{By: "desk-bot for ada", Note: "on them"})
		require.NoError(t, err)
		require.Len(t, results, len(ids))
		changed := make([]bool, len(ids))
		for n, result := range results {
			require.Equal(t, ids[n], result.ID)
			changed[n] = result.Changed
		}
		require.Equal(t, []bool{true, false, false, false, true, false}, changed)
		requireCode(t, results[1].Err, alerting.CodeNotFound)
		requireCode(t, results[2].Err, alerting.CodeConflict)
		for _, n := range []int{0, 3, 4, 5} {
			require.NoError(t, results[n].Err)
			require.Equal(t, incident.Acknowledged, results[n].Incident.Status)
		}
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "4 opened", "3 resolved", "4 acknowledged", "1 acknowledged", "2 acknowledged")
		require.Equal(t, "desk-bot for ada", d.incident(2).AcknowledgedBy)
		require.Equal(t, "grace", d.incident(4).AcknowledgedBy, "the first acknowledgement stays")
		var objects []string
		for _, e := range d.audited()[before:] {
			require.Equal(t, "ada", e.For)
			objects = append(objects, e.Object)
		}
		require.Equal(t, []string{ids[0].String(), ids[4].String()}, objects)
	})
}

func TestActionOnSeveralIncidentsHappensWholeOrNotAtAll(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		d.untilTold(r, "1 opened", "2 opened")
		ids := d.idsOf(1, 2)
		allow := p.refuse(t, "INSERT", "audit", "NEW.object = '"+ids[1].String()+"'")
		_, err := d.Engine.ResolveAll(asDesk(t), ids, incident.Action{By: "desk-bot"})
		require.Error(t, err)
		require.True(t, d.incident(1).Status.Open(), "its record could be written, the other's not")
		require.Empty(t, d.audited())
		allow()
		results, err := d.Engine.ResolveAll(asDesk(t), ids, incident.Action{By: "desk-bot"})
		require.NoError(t, err)
		require.True(t, results[0].Changed && results[1].Changed)
		require.Len(t, d.audited(), 2)
		d.untilTold(r, "1 opened", "2 opened", "1 resolved", "2 resolved")
	})
}

func TestActionOnSeveralIncidentsSparesThoseThatCannotBeRead(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		d := p.start(t)
		d.sends("feed", failure, "no prices")
		d.sends("feed", failure, "no quotes")
		d.untilCounted(2, 1)
		ids := d.idsOf(1, 2)
		p.Exec(t, `UPDATE incidents SET state = 'damaged' WHERE number = 1`)
		results, err := d.Engine.ResolveAll(asDesk(t), ids, incident.Action{By: "desk-bot"})
		require.NoError(t, err)
		requireCode(t, results[0].Err, alerting.CodeInternal)
		require.ErrorContains(t, results[0].Err, "incident 1 cannot be read")
		require.True(t, results[1].Changed)
		require.Equal(t, incident.Resolved, d.incident(2).Status)
	})
}

func TestResolvingSeveralIncidentsLetsGoOfWhatTheyHold(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, routing.Settings{Inhibitions: []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("oms")}}}, r)
		d.sends("kill_switch", worst, "halted")
		d.sends("kill_switch", worst, "halted by hand")
		d.untilCounted(2, 1)
		d.sends("oms", failure, "order rejected")
		d.sends("oms", failure, "order lost")
		d.untilCounted(4, 1)
		d.untilTold(r, "1 opened", "2 opened")
		_, err := d.Engine.ResolveAll(t.Context(), d.idsOf(1, 2, 3), incident.Action{By: "ada"})
		require.NoError(t, err)
		d.untilTold(r, "1 opened", "2 opened", "1 resolved", "2 resolved", "4 opened")
	})
}
