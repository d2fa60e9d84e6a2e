package engine_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
	"alertd/internal/incident"
)

// engineBeat is a heartbeat with 15 s from one ping to its miss.
func engineBeat() heartbeat.Spec { return heartbeat.NewSpec("var-engine", 10*time.Second) }

// hears starts an alertd that waits for heartbeats.
func (p *place) hears(t *testing.T, r *receiver, specs ...heartbeat.Spec) *daemon {
	t.Helper()
	d := p.start(t, r.channel())
	d.listens(specs...)
	return d
}

// listens gives alertd these heartbeats, as a reload does.
func (d *daemon) listens(specs ...heartbeat.Spec) {
	d.t.Helper()
	d.settings.Heartbeats = specs
	d.reconfigure()
	require.True(d.t, d.place.comes(func() bool {
		states, err := d.Work.StatesOf(d.t.Context(), "heartbeat")
		require.NoError(d.t, err)
		return len(states) == len(specs)
	}))
}

func (d *daemon) ping(p heartbeat.Ping) heartbeat.Status {
	d.t.Helper()
	h, err := d.Engine.Heartbeat(d.t.Context(), "var-engine", p)
	require.NoError(d.t, err)
	return h.State.Status
}

// status is what the list of heartbeats says of the only one.
func (d *daemon) status() heartbeat.Status {
	d.t.Helper()
	all, err := d.Engine.Heartbeats(d.t.Context())
	require.NoError(d.t, err)
	require.Len(d.t, all, 1)
	return all[0].State.Status
}

// isAway has no alertd there for an hour, and returns once one is that knows.
func (d *daemon) isAway() {
	d.t.Helper()
	heard := func() (at string) {
		require.NoError(d.t, d.place.SQL.QueryRowContext(d.t.Context(), `SELECT state FROM states WHERE kind = 'hearing'`).Scan(&at))
		return at
	}
	d.stop()
	before := heard()
	d.place.pass(d.t, time.Hour)
	d.start()
	require.True(d.t, d.place.comes(func() bool { return heard() != before }))
}

func TestASilentComponentIsAccusedOnceAndAPingResolvesIt(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		require.Equal(t, heartbeat.Waiting, d.status())
		for range 3 {
			require.Equal(t, heartbeat.Alive, d.ping(heartbeat.Ping{}))
			p.pass(t, 14*time.Second)
		}
		require.Equal(t, heartbeat.Alive, d.status())
		require.Empty(t, r.told())
		p.pass(t, 2*time.Second)
		d.untilTold(r, "1 opened")
		require.Equal(t, heartbeat.Missed, d.status())
		i := d.incident(1)
		require.Equal(t, alerting.OwnSource, i.Source)
		require.Equal(t, alerting.SeverityCritical, i.Severity)
		require.Contains(t, i.Message, "heartbeat var-engine is missed: last seen at ")
		last, err := d.Work.IncidentEvents(t.Context(), i.ID, 1)
		require.NoError(t, err)
		require.Contains(t, last[0].Context().String(), `"heartbeat":"var-engine"`, "a route can match it")

		p.pass(t, time.Minute)
		require.Equal(t, heartbeat.Alive, d.ping(heartbeat.Ping{}))
		d.untilTold(r, "1 opened", "1 resolved")
		require.Equal(t, heartbeat.Alive, d.status())
		p.pass(t, 16*time.Second)
		d.untilTold(r, "1 opened", "1 resolved", "2 opened")
		require.EqualValues(t, 1, d.incident(2).Count, "one miss, one event")
	})
}

func TestAComponentThatSaysThatItFailsIsToldAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		require.Equal(t, heartbeat.Failing, d.ping(heartbeat.Ping{Failing: true, Message: "no prices"}))
		d.untilTold(r, "1 opened")
		require.Equal(t, "heartbeat var-engine says that it is failing: no prices", d.incident(1).Message)
		require.Equal(t, heartbeat.Failing, d.ping(heartbeat.Ping{Failing: true}))
		require.Equal(t, heartbeat.Alive, d.ping(heartbeat.Ping{}))
		d.untilTold(r, "1 opened", "1 resolved")
		require.EqualValues(t, 2, d.incident(1).Count)
	})
}

func TestAlertdThatWasAwayAccusesNobodyEarly(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		d.ping(heartbeat.Ping{})
		d.isAway()
		p.pass(t, 14*time.Second)
		require.Equal(t, heartbeat.Alive, d.status())
		p.pass(t, 2*time.Second)
		d.untilTold(r, "1 opened")

		d.isAway()
		require.Equal(t, heartbeat.Missed, d.status(), "it was accused before")
		d.ping(heartbeat.Ping{})
		d.untilTold(r, "1 opened", "1 resolved")
	})
}

// On one machine nobody else has heard what came while alertd was away.
func TestAShortRestartIsAnAbsenceToo(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.listens(heartbeat.NewSpec("var-engine", 2*time.Second))
		d.ping(heartbeat.Ping{})
		d.stop()
		wait(4 * time.Second)
		d.start()
		wait(2 * time.Second)
		require.Equal(t, heartbeat.Alive, d.status())
		wait(2 * time.Second)
		require.Equal(t, heartbeat.Missed, d.status())
	})
}

func TestAHeartbeatThatIsRemovedIsForgottenAndItsIncidentResolved(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat(), heartbeat.NewSpec("feed", time.Hour))
		p.pass(t, 16*time.Second)
		d.untilTold(r, "1 opened")
		d.listens(heartbeat.NewSpec("feed", time.Hour))
		d.untilTold(r, "1 opened", "1 resolved")
		_, err := d.Engine.Heartbeat(t.Context(), "var-engine", heartbeat.Ping{})
		requireCode(t, err, alerting.CodeNotFound)
		d.listens()
		all, err := d.Engine.Heartbeats(t.Context())
		require.NoError(t, err)
		require.Empty(t, all)
		require.True(t, p.comes(func() bool {
			states, err := d.Work.StatesOf(t.Context(), "hearing")
			require.NoError(t, err)
			return len(states) == 0
		}), "nothing is written when there is nobody to hear")
		d.listens(engineBeat())
		p.pass(t, 16*time.Second)
		d.untilTold(r, "1 opened", "1 resolved", "2 opened")
	})
}

func TestNobodyIsAccusedWhileAlertingIsOff(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		d.enable(false)
		d.ping(heartbeat.Ping{})
		p.pass(t, time.Minute)
		require.Equal(t, heartbeat.Missed, d.status(), "it is shown all the same")
		d.ping(heartbeat.Ping{})
		d.enable(true)
		p.pass(t, 10*time.Second)
		require.Zero(t, d.raised.Load(), "that is over")

		d.enable(false)
		p.pass(t, time.Minute)
		d.enable(true)
		d.untilTold(r, "1 opened")
	})
}

// What is over is not resolved before it has begun, however often raising fails.
func TestAMissAndItsEndAreRaisedInTheirOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		allow := p.refuse(t, "INSERT", "events", "1 = 1")
		d.ping(heartbeat.Ping{Failing: true})
		require.True(t, p.comes(func() bool { return d.raised.Load() > 0 }))
		d.ping(heartbeat.Ping{})
		p.wait(time.Second)
		allow()
		for range 12 {
			p.pass(t, 10*time.Second) // they are tried again every minute
			d.ping(heartbeat.Ping{})
		}
		var page incident.Page
		require.True(t, p.comes(func() bool {
			var err error
			page, err = d.Work.Incidents(t.Context(), incident.Query{Limit: 10})
			require.NoError(t, err)
			return len(page.Incidents) > 0 && page.Incidents[0].Status == incident.Resolved
		}))
		require.Len(t, page.Incidents, 1)
		require.EqualValues(t, 2, page.Incidents[0].Count)
	})
}

func TestReplicasAccuseOnce(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		replicas := []*daemon{p.hears(t, r, engineBeat()), p.hears(t, r, engineBeat())}
		for n := range 6 {
			replicas[n%2].ping(heartbeat.Ping{})
			p.pass(t, 10*time.Second)
			replicas[1].reconfigure()
		}
		require.Empty(t, r.told())
		p.pass(t, 10*time.Second)
		replicas[1].reconfigure()
		replicas[0].untilTold(r, "1 opened")
		replicas[1].ping(heartbeat.Ping{})
		replicas[0].untilTold(r, "1 opened", "1 resolved")
		require.EqualValues(t, 2, replicas[0].incident(1).Count)
	})
}

func TestAnUnreadableStateIsBegunAnew(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.hears(t, r, engineBeat())
		p.Exec(t, `UPDATE states SET state = '{"status": 5}' WHERE kind = 'heartbeat'`)
		p.pass(t, 10*time.Second)
		require.Equal(t, heartbeat.Waiting, d.status())
		p.pass(t, 14*time.Second)
		p.pass(t, 2*time.Second)
		require.True(t, p.comes(func() bool { return d.status() == heartbeat.Missed }))
	})
}
