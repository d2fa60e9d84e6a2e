package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
)

func alertOf(source string, severity alerting.Severity, message string, changes ...func(a *alerting.Alert)) alerting.Alert {
	a := alerting.Alert{Severity: severity, Category: alerting.CategoryRiskLimit, Source: source, Message: message}
	for _, change := range changes {
		change(&a)
	}
	return a
}

// sendsAtOnce registers alerts that one transaction folds.
func (d *daemon) sendsAtOnce(alerts ...alerting.Alert) {
	d.t.Helper()
	_, err := d.RegisterBatch(d.t.Context(), alerts)
	require.NoError(d.t, err)
	if d.place.inBubble() {
		wait(time.Millisecond)
	}
}

func halted() routing.Settings {
	return routing.Settings{Inhibitions: []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("oms")}}}
}

func TestIncidentHeldInTheTurnThatEndsItsInhibitionIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.startWith(t, halted(), r)
		d.sends("kill_switch", worst, "halted")
		d.untilTold(r, "1 opened")
		d.sendsAtOnce(alertOf("oms", failure, "order rejected"), alertOf("kill_switch", worst, "halted", resolves))
		d.untilTold(r, "1 opened", "1 resolved", "2 opened")
	})
}

func TestIncidentLookedAtInTheTurnThatEndsItsInhibitionIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		settings := halted()
		settings.Routes = []routing.Route{{Name: "all", ResolveAfter: time.Hour}}
		d := p.startWith(t, settings, r)
		d.silence("oms", time.Hour)
		// Both are looked at in an hour: one is over, as it is quiet, and the other not silenced any more.
		d.sendsAtOnce(alertOf("oms", failure, "order rejected"), alertOf("kill_switch", worst, "halted"))
		d.untilTold(r, "2 opened")
		p.pass(t, 30*time.Minute)
		d.sends("oms", failure, "order rejected")
		d.untilCounted(1, 2)
		p.pass(t, 30*time.Minute)
		d.untilTold(r, "2 opened", "2 resolved", "1 opened")
	})
}

func TestAcknowledgementLeavesWhatIsToBeLookedAt(t *testing.T) {
	story(t, func(t *testing.T) {
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.settings.Routing = halted()
		d.reconfigure()
		d.sends("kill_switch", worst, "halted")
		d.sends("oms", failure, "order rejected")
		allow := d.place.refuse(t, "UPDATE", "incidents", "NEW.number = 2")
		d.resolve("ada")
		wait(time.Second)
		require.Equal(t, []string{"1 opened", "1 resolved"}, r.told(), "what is let go is told later")
		allow()
		d.acknowledge(2, "ada")
		wait(2 * time.Minute)
		require.Equal(t, []string{"1 opened", "1 resolved", "2 opened"}, r.told())
	})
}

func TestAnEventLeavesWhatIsToBeLookedAt(t *testing.T) {
	story(t, func(t *testing.T) {
		first, err := calendar.New(calendar.Spec{Name: "first", TimeZone: "UTC", Hours: []string{"00:00-00:30"}})
		require.NoError(t, err)
		r := newReceiver("desk")
		d := start(t, r.channel())
		d.settings.Routing = halted()
		d.settings.Routing.Calendars = map[string]*calendar.Calendar{"first": first}
		d.settings.Routing.Routes = []routing.Route{{Name: "first", During: "first"}, {Name: "then", ResolveAfter: time.Hour}}
		d.reconfigure()
		d.sends("kill_switch", worst, "halted")
		d.sends("oms", failure, "order rejected") // it is not looked at by itself
		wait(40 * time.Minute)
		allow := d.place.refuse(t, "UPDATE", "incidents", "NEW.number = 2")
		d.resolve("ada")
		wait(time.Second)
		require.Equal(t, []string{"1 opened", "1 resolved"}, r.told(), "what is let go is told later")
		allow()
		d.sends("oms", failure, "order rejected")
		wait(2 * time.Minute)
		require.Equal(t, []string{"1 opened", "1 resolved", "2 opened"}, r.told())
	})
}

func TestManyOpenIncidentsAreJudgedInSeveralTurns(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		d := p.start(t, r.channel(func(p *delivery.Policy) { p.MinSeverity = worst }))
		var alerts []alerting.Alert
		for n := range 1100 {
			alerts = append(alerts, alertOf("feed", failure, "no prices", func(a *alerting.Alert) { a.DedupKey = fmt.Sprint(n) }))
		}
		d.sendsAtOnce(alerts[:600]...)
		d.sendsAtOnce(alerts[600:]...)
		d.sends("kill_switch", worst, "halted")
		d.untilTold(r, "1101 opened")
		d.settings.Routing = halted()
		d.reconfigure()
		judged := func() int64 { return p.Number(t, `SELECT count(*) FROM states WHERE kind = 'inhibitor'`) }
		require.True(t, p.comes(func() bool { return judged() == 1 }))
		d.sends("oms", worst, "order rejected")
		d.untilCounted(1102, 1)
		require.NotNil(t, d.incident(1102).Hold)
		_, err := d.Engine.Resolve(t.Context(), d.incident(1101).ID, incident.Action{By: "ada"})
		require.NoError(t, err)
		d.untilTold(r, "1101 opened", "1101 resolved", "1102 opened")
	})
}

func TestReplicaThatReloadsLaterKnowsWhatItOpenedMeanwhile(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		late := p.startWith(t, routing.Settings{}, r)
		early := p.startWith(t, halted(), r)
		early.stop()
		late.sends("kill_switch", worst, "halted")
		late.untilTold(r, "1 opened")
		late.settings.Routing = halted()
		late.reconfigure()
		late.sends("oms", failure, "order rejected")
		late.untilCounted(2, 1)
		require.NotNil(t, late.incident(2).Hold)
	})
}

func TestIncidentInhibitsAlsoOnceItsEventIsNotKept(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		context, err := alerting.ParseContext([]byte(`{"venue":"XETR"}`))
		require.NoError(t, err)
		venue := func(a *alerting.Alert) { a.Context = context }
		r := newReceiver("desk")
		settings := halted()
		settings.Inhibitions[0].Equal = []string{"venue"}
		d := p.startWith(t, settings, r)
		d.sendsAtOnce(alertOf("kill_switch", worst, "halted", venue))
		d.sends("feed", failure, "no prices")
		d.untilTold(r, "1 opened", "2 opened")
		d.stop()
		p.Exec(t, `DELETE FROM events WHERE seq = 1`) // as retention does
		d.settings.Routing.Inhibitions = append(d.settings.Routing.Inhibitions, routing.Inhibition{Name: "other", While: from("x"), Hold: from("y")})
		d.start()
		d.sendsAtOnce(alertOf("oms", failure, "order rejected", venue))
		d.untilCounted(3, 1)
		require.NotNil(t, d.incident(3).Hold)
		d.untilTold(r, "1 opened", "2 opened")
	})
}

func TestIncidentThatInhibitsOthersThanBeforeLetsThoseGo(t *testing.T) {
	onBoth(t, func(t *testing.T, p *place) {
		at := func(venue string) func(a *alerting.Alert) {
			context, err := alerting.ParseContext([]byte(`{"venue":"` + venue + `"}`))
			require.NoError(t, err)
			return func(a *alerting.Alert) { a.Context = context }
		}
		one := func(a *alerting.Alert) { a.DedupKey = "halt" }
		r := newReceiver("desk")
		settings := halted()
		settings.Inhibitions[0].Equal = []string{"venue"}
		d := p.startWith(t, settings, r)
		d.sendsAtOnce(alertOf("kill_switch", failure, "halted", at("XETR"), one))
		d.sendsAtOnce(alertOf("oms", failure, "order rejected", at("XETR")))
		d.untilCounted(2, 1)
		d.untilTold(r, "1 opened")
		d.sendsAtOnce(alertOf("kill_switch", worst, "halted", at("XLON"), one))
		d.untilTold(r, "1 opened", "1 severity_raised", "2 opened")
	})
}
