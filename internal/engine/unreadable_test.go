package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
)

// damagedRow is what stands in the place of what a row held.
const damagedRow = `'{"cut'`

// requireUnreadable waits until alertd has raised one alert about a row of a table that
// cannot be read, and checks that it was counted.
func (d *daemon) requireUnreadable(table string) {
	d.t.Helper()
	require.True(d.t, d.place.comes(func() bool { return len(d.own()) == 1 }), "one alert of its own")
	require.Contains(d.t, d.own()[0], "of table "+table+" cannot be read and")
	require.EqualValues(d.t, 1, d.raised.Load())
	require.Equal(d.t, 1, d.Store.Counts().Unreadable[table])
}

func TestUnreadableIncidentStopsNoFold(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		broken := d.incident(1)
		p.Exec(t, `UPDATE incidents SET state = `+damagedRow)
		d.post(alerting.SeverityCritical, "VaR limit breached")
		d.post(alerting.SeverityCritical, "feed is stale")
		d.untilTold(r, "1 opened", "2 opened", "3 opened", "4 opened")
		d.requireUnreadable("incidents")
		require.NoError(t, d.Engine.Ready())
		page, err := d.Work.Incidents(t.Context(), incident.Query{Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Incidents, 3)
		require.Equal(t, 1, page.Unreadable)
		_, err = d.Engine.Acknowledge(t.Context(), broken.ID, incident.Action{By: "ann"})
		requireCode(t, err, alerting.CodeInternal)
		require.ErrorContains(t, err, "incident 1 cannot be read")
	})
}

func TestUnreadableNoticeStopsNoClaim(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(down)
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.post(alerting.SeverityError, "feed is stale")
		d.post(alerting.SeverityError, "queue is full")
		require.True(t, p.comes(func() bool { return len(r.messages()) >= 3 }))
		p.Exec(t, `UPDATE notices SET notice = `+damagedRow+` WHERE incident IN (1, 2)`)
		p.Exec(t, `UPDATE incidents SET state = `+damagedRow+` WHERE number = 2`)
		r.answers(nil)
		require.True(t, p.comes(func() bool { return len(r.told()) >= 4 && len(d.own()) == 3 }), "alerts about both tables, and about the message that was given up")
		told := r.told()
		require.Contains(t, told, "1 opened", "it is told from what the incident is now")
		require.Contains(t, told, "3 opened")
		require.NotContains(t, told, "2 opened")
		for _, x := range d.deliveries() {
			if x.Incident == 2 {
				require.Equal(t, delivery.Failed, x.Status)
				require.Contains(t, x.Error, "cannot be read")
			}
		}
		require.Equal(t, 2, d.Store.Counts().Unreadable["notices"])
		require.Equal(t, 1, d.Store.Counts().Unreadable["incidents"])
		require.NoError(t, d.Engine.DeliveriesReady())
	})
}

func TestUnreadableIncidentStopsNoReminder(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		for range 2 {
			d.post(alerting.SeverityError, "VaR limit breached")
			d.post(alerting.SeverityError, "feed is stale")
		}
		d.untilTold(r, "1 opened", "2 opened")
		require.True(t, p.comes(func() bool { return d.incident(1).Count+d.incident(2).Count == 4 }))
		p.Exec(t, `UPDATE incidents SET state = `+damagedRow+` WHERE number = 1`)
		p.pass(t, 10*time.Minute)
		d.untilTold(r, "1 opened", "2 opened", "2 updated", "3 opened")
		d.requireUnreadable("incidents")
		require.NoError(t, d.Engine.TimersReady())
	})
}

func TestUnreadableEntryIsLeftOut(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		require.True(t, p.comes(func() bool { return d.delivery(0).Status == delivery.Delivered }))
		p.Exec(t, `UPDATE incident_entries SET entry = `+damagedRow+` WHERE id = (SELECT min(id) FROM incident_entries)`)
		require.Equal(t, []string{
			"notified: told to desk", "delivered: opened delivered", "unreadable: 1 entry cannot be read and is left out",
		}, d.timeline(1))
		d.requireUnreadable("incident_entries")
	})
}

func TestDamagedEventStopsNoFold(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel())
		d.post(alerting.SeverityError, "VaR limit breached")
		d.untilTold(r, "1 opened")
		d.stop()
		p.Exec(t, `UPDATE log_cursors SET seq = 0 WHERE name = 'engine'`)
		p.Exec(t, `UPDATE events SET json = `+damagedRow)
		p.Exec(t, `DELETE FROM incidents`)
		d.start()
		d.post(alerting.SeverityError, "feed is stale")
		d.untilTold(r, "1 opened", "2 opened", "3 opened")
		d.requireUnreadable("events")
		require.NoError(t, d.Engine.Ready())
	})
}
