package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/calendar"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/storetest"
)

// desk is an alertd to which everything happens, at random.
type desk struct {
	*daemon
	random    *rand.Rand
	receivers []*receiver
	silences  []string
	hours     *calendar.Calendar
	faulty    bool // the database has refused something
}

func (d *desk) chance(one int) bool { return d.random.IntN(one) == 0 }

func (d *desk) pick(texts ...string) string { return texts[d.random.IntN(len(texts))] }

func (d *desk) alert() alerting.Alert {
	return alertOf(d.pick("a", "b", "c", "d"), warning+alerting.Severity(d.random.IntN(3)), d.pick("x", "y"), func(a *alerting.Alert) {
		a.Resolves = d.chance(4)
	})
}

// reload puts other rules into force.
func (d *desk) reload() {
	rate := delivery.Rate{Count: 2, Per: time.Minute}
	var s routing.Settings
	if d.chance(2) {
		s.Routes = []routing.Route{
			{Name: "first", Condition: from("a"), GroupWait: 30 * time.Second, RateLimit: rate, Continue: d.chance(2)},
			{Name: "second", Condition: from("a", "b"), ResolveAfter: 5 * time.Minute, RepeatInterval: time.Minute},
		}
	}
	if d.chance(2) {
		s.Inhibitions = []routing.Inhibition{{Name: "ac", While: from("a"), Hold: from("c")}, {Name: "cd", While: from("c"), Hold: from("d", "a")}}
	}
	if d.chance(2) {
		s.Promotions = []routing.Promotion{{Name: "often", Count: 3, Within: time.Minute, Up: 1}}
	}
	if d.chance(2) {
		s.Storm = routing.Storm{Threshold: 15, Pass: worst, DigestEvery: time.Minute}
	}
	if d.chance(2) {
		s.Flapping = routing.Flapping{Count: 3, Within: 2 * time.Minute}
	}
	if d.chance(3) {
		s.Calendars = map[string]*calendar.Calendar{"hours": d.hours}
		s.Windows = []routing.Window{{Name: "hours", Condition: from("b", "c"), During: "hours", AllowCritical: d.chance(2)}}
	}
	d.settings.Routing = s
	d.settings.Enabled = !d.chance(6)
	for n, r := range d.receivers {
		d.settings.Channels[n] = r.channel(func(p *delivery.Policy) {
			if d.chance(2) {
				p.RateLimit = rate
			}
		})
	}
	d.reconfigure()
}

// act does something to an incident by hand.
func (d *desk) act() {
	page, err := d.Work.Incidents(d.t.Context(), incident.Query{Limit: 20})
	require.NoError(d.t, err)
	if len(page.Incidents) == 0 {
		return
	}
	i, ada := page.Incidents[d.random.IntN(len(page.Incidents))], incident.Action{By: "ada"}
	switch {
	case !i.Status.Open() || i.Source == alerting.OwnSource:
	case d.chance(2):
		_, err = d.Engine.Resolve(d.t.Context(), i.ID, ada)
	default:
		_, err = d.Engine.Acknowledge(d.t.Context(), i.ID, ada)
	}
	require.NoError(d.t, err)
}

func (d *desk) step() {
	switch d.random.IntN(14) {
	case 0, 1, 2, 3:
		d.sendsAtOnce(d.alert())
	case 4, 5, 6:
		var batch []alerting.Alert
		for range 2 + d.random.IntN(8) {
			batch = append(batch, d.alert())
		}
		d.sendsAtOnce(batch...)
	case 7:
		d.silences = append(d.silences, d.silence(d.pick("a", "b", "c", "d"), time.Duration(1+d.random.IntN(4))*time.Minute,
			func(s *routing.Silence) { s.AllowCritical = d.chance(2) }).ID)
	case 8:
		if len(d.silences) > 0 {
			_, err := d.Engine.ExpireSilence(d.t.Context(), d.pick(d.silences...), "ada")
			require.NoError(d.t, err)
		}
	case 9, 10:
		d.act()
	case 11:
		d.reload()
	case 12:
		if d.receivers[0].answers(nil); d.chance(3) {
			d.receivers[0].answers(down)
		}
	case 13:
		switch d.random.IntN(6) {
		case 0, 1:
			d.stop()
			d.start()
		case 2: // the database takes a part of nothing for a while
			d.faulty = true
			d.stop()
			allow := d.place.refuse(d.t, d.pick("INSERT", "UPDATE"), d.pick("incidents", "notices", "holds", "states", "timers", "deliveries", "incident_entries"), "1 = 1")
			d.start()
			d.sendsAtOnce(d.alert(), d.alert(), d.alert())
			wait(4 * time.Second)
			d.stop()
			allow()
			d.start()
			wait(2 * time.Minute) // what was postponed is tried again
		}
	}
	wait([]time.Duration{time.Millisecond, time.Second, 30 * time.Second, time.Minute}[d.random.IntN(4)])
	d.checkHolds()
}

// checkHolds checks that what is held back now is let go some day.
func (d *desk) checkHolds() {
	t := d.t
	page, err := d.Work.Incidents(t.Context(), incident.Query{Statuses: []incident.Status{incident.Triggered, incident.Acknowledged}, Limit: 10_000})
	require.NoError(t, err)
	count := func(query string, args ...any) int64 { return d.place.Number(t, fmt.Sprintf(query, args...)) }
	open, held := map[string]bool{}, int64(0)
	for _, i := range page.Incidents {
		open[fmt.Sprint(i.Number)] = true
	}
	for _, i := range page.Incidents {
		due := i.UpdateDue
		if i.Hold != nil {
			story := fmt.Sprintf("%+v %+v\n%s", i.Hold, i, strings.Join(d.timeline(i.Number), "\n"))
			if due = i.Hold.Until; routing.KindOf(i.Hold.Holder) == routing.HeldByInhibition {
				require.True(t, open[strings.Fields(i.Hold.Why)[4]], "held back by nobody: %s", story)
			}
			if i.Hold.Holder != routing.HeldByGroupWait {
				held++
				require.EqualValues(t, 1, count(`SELECT held FROM holds WHERE holder = '%s' AND incident = %d`, i.Hold.Holder, i.Number), story)
			}
		}
		if !due.IsZero() {
			require.True(t, due.After(time.Now()), "it is overdue: %+v", i)
			require.LessOrEqual(t, count(`SELECT due FROM timers WHERE kind = 1 AND subject = %d`, i.Number), due.UnixMicro(), "it is looked at in time")
		}
	}
	require.Equal(t, held, count(`SELECT count(*) FROM holds WHERE held = 1 AND holder NOT LIKE 'digest %%'`))
	require.Zero(t, count(`SELECT count(*) FROM holds WHERE held = 1 AND holder LIKE 'digest %%'
		AND NOT EXISTS (SELECT 1 FROM states s JOIN timers t ON t.kind = 4 AND t.subject = s.number WHERE s.kind = 'digest' AND 'digest ' || s.name = holder)`))
}

// settle lets everything come to its end that holds back.
func (d *desk) settle() {
	d.receivers[0].answers(nil)
	d.settings.Routing, d.settings.Enabled = routing.Settings{Storm: routing.DefaultStorm(), Flapping: routing.DefaultFlapping()}, true
	for n, r := range d.receivers {
		d.settings.Channels[n] = r.channel()
	}
	d.reconfigure()
	wait(40 * time.Minute)
}

// check checks that each event is told, counted in a digest, or held back for a reason.
func (d *desk) check() {
	t := d.t
	require.NoError(t, d.Engine.Ready())
	require.Zero(t, d.place.Number(t, `SELECT count(*) FROM holds WHERE held = 1`), "nothing is held any more")
	require.Zero(t, d.place.Number(t, `SELECT count(*) FROM states WHERE kind IN ('digest', 'raise')`), "nothing gathers")
	keys := map[string]bool{}
	for _, r := range d.receivers {
		for _, m := range r.messages() {
			if m.outcome == delivered {
				require.False(t, keys[m.n.Key] && !d.faulty, "it is told twice")
				keys[m.n.Key] = true
			}
		}
	}
	page, err := d.Work.Incidents(t.Context(), incident.Query{Limit: 10_000})
	require.NoError(t, err)
	for _, i := range page.Incidents {
		d.checkOne(i)
	}
}

func (d *desk) checkOne(i incident.Incident) {
	t := d.t
	story := fmt.Sprintf("%+v\n%s", i, strings.Join(d.timeline(i.Number), "\n"))
	require.Empty(t, i.News, story)
	require.Nil(t, i.Hold, story)
	require.Equal(t, i.Count, i.ToldCount, story)
	told := d.place.Number(t, fmt.Sprintf(`SELECT coalesce(sum(json_extract(notice, '$.since')), 0) FROM notices WHERE incident = %d`, i.Number))
	require.EqualValues(t, i.Count, told, "each event is counted in one notice: %s", story)
	for _, r := range d.receivers {
		d.checkTold(i, r.name, story)
	}
}

// checkTold checks what a channel was told of an incident.
func (d *desk) checkTold(i incident.Incident, channel, story string) {
	t := d.t
	page, err := d.Work.Deliveries(t.Context(), delivery.Query{Incident: i.ID, Channel: channel, Limit: 1000})
	require.NoError(t, err)
	var itself, digests, ends int
	last := time.Time{} // when a digest was made
	for _, x := range page.Deliveries {
		require.False(t, x.Open(), story)
		switch {
		case x.Status != delivery.Delivered:
		case x.Reason == incident.Digested:
			if digests++; x.CreatedAt.After(last) {
				last = x.CreatedAt
			}
		case x.Reason == incident.WasResolved:
			ends++
		default:
			itself++
		}
	}
	untold := slices.ContainsFunc(d.timeline(i.Number), func(line string) bool {
		return strings.HasPrefix(line, "held_back: not told that it was opened") && strings.HasSuffix(line, "it is over")
	})
	require.Equal(t, itself+digests == 0, untold, story)
	switch {
	case i.Status.Open():
		require.Zero(t, ends, story)
	case itself > 0:
		require.Equal(t, 1, ends, "its end is told once: %s", story)
	case digests > 0:
		require.False(t, last.Before(i.ResolvedAt), "a digest tells that it is over: %s", story)
	}
}

func TestWhateverHappensEachEventIsAccountedFor(t *testing.T) {
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			story(t, func(t *testing.T) {
				hours, err := calendar.New(calendar.Spec{Name: "hours", TimeZone: "UTC", Hours: []string{"00:05-00:15", "00:20-00:25"}})
				require.NoError(t, err)
				d := &desk{random: rand.New(rand.NewPCG(seed, 11)), receivers: []*receiver{newReceiver("desk"), newReceiver("page")}, hours: hours}
				d.daemon = (&place{Database: storetest.SQLite(t)}).startWith(t, routing.Settings{}, d.receivers...)
				d.reload()
				for range 80 {
					d.step()
				}
				d.settle()
				d.check()
			})
		})
	}
}

const seeds = 3
