package heartbeat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
)

var start = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

func aMinute() heartbeat.Spec { return heartbeat.NewSpec("var-engine", time.Minute) }

func TestDefaultsAreHalfOfEveryAndTheWorst(t *testing.T) {
	require.Equal(t, heartbeat.Spec{
		Name: "var-engine", Every: time.Minute, Grace: 30 * time.Second,
		Severity: alerting.SeverityCritical, Category: alerting.CategorySystemHealth,
	}, aMinute())
}

func TestOneThatNeverPingsIsMissedAfterItsTime(t *testing.T) {
	state, alerts := heartbeat.State{}.Check(aMinute(), start)
	require.Empty(t, alerts)
	require.Equal(t, heartbeat.State{Status: heartbeat.Waiting, Since: start, From: start, DueAt: start.Add(90 * time.Second)}, state)

	same, alerts := state.Check(aMinute(), state.DueAt.Add(-1))
	require.Empty(t, alerts)
	require.Equal(t, state, same)

	state, alerts = state.Check(aMinute(), state.DueAt)
	require.Equal(t, heartbeat.Missed, state.Status)
	require.Equal(t, start.Add(90*time.Second), state.DueAt, "it stays when it was due")
	require.Len(t, alerts, 1)
	require.Equal(t, "heartbeat var-engine is missed: never seen, due every 1m with a grace of 30s", alerts[0].Message)
	require.JSONEq(t, `{"heartbeat":"var-engine"}`, alerts[0].Context.String())

	_, alerts = state.Check(aMinute(), start.Add(time.Hour))
	require.Empty(t, alerts, "one miss, one alert")
}

func TestAMissIsAnAlertOfAlertdsOwn(t *testing.T) {
	spec := heartbeat.Spec{Name: "feed", Every: time.Hour, Grace: 90 * time.Minute, Severity: alerting.SeverityError, Category: alerting.CategoryDataQuality}
	state, _ := heartbeat.State{}.Ping(spec, heartbeat.Ping{}, start)
	state, alerts := state.Check(spec, start.Add(150*time.Minute))
	require.Len(t, alerts, 1)
	missed := alerts[0]
	require.NoError(t, missed.Validate())
	require.Equal(t, alerting.SeverityError, missed.Severity)
	require.Equal(t, alerting.CategoryDataQuality, missed.Category)
	require.Equal(t, alerting.OwnSource, missed.Source)
	require.Equal(t, "alertd.heartbeat.feed", missed.DedupKey)
	require.Equal(t, start.Add(150*time.Minute), missed.Timestamp)
	require.Equal(t, "heartbeat feed is missed: last seen at 2026-03-02T09:30:00Z, due every 1h with a grace of 1h30m", missed.Message)
	require.JSONEq(t, `{"heartbeat":"feed","last_seen":"2026-03-02T09:30:00.000000Z"}`, missed.Context.String())
	require.False(t, missed.Resolves)

	_, alerts = state.Ping(spec, heartbeat.Ping{Message: "here again"}, start.Add(4*time.Hour))
	require.Len(t, alerts, 1)
	back := alerts[0]
	require.NoError(t, back.Validate())
	require.True(t, back.Resolves)
	require.Equal(t, missed.DedupKey, back.DedupKey)
	require.Equal(t, missed.Category, back.Category)
	require.Equal(t, alerting.SeverityInfo, back.Severity)
	require.Equal(t, "heartbeat feed is back, 1h30m after it was due", back.Message)
}

func TestAPingMayComeLateWithinTheGrace(t *testing.T) {
	state, now := heartbeat.State{}, start
	for range 100 {
		var alerts, missed []alerting.Alert
		state, missed = state.Check(aMinute(), now)
		state, alerts = state.Ping(aMinute(), heartbeat.Ping{Message: "m"}, now)
		require.Empty(t, append(alerts, missed...))
		require.Equal(t, heartbeat.Alive, state.Status)
		require.Equal(t, now, state.LastSeen)
		require.Equal(t, "m", state.Message)
		now = now.Add(90*time.Second - 1)
	}
}

func TestOneThatSaysThatItFailsIsToldAtOnceAndOnce(t *testing.T) {
	state, alerts := heartbeat.State{}.Ping(aMinute(), heartbeat.Ping{Failing: true, Message: "no prices"}, start)
	require.Equal(t, heartbeat.Failing, state.Status)
	require.Len(t, alerts, 1)
	require.Equal(t, "heartbeat var-engine says that it is failing: no prices", alerts[0].Message)
	require.Equal(t, "alertd.heartbeat.var-engine", alerts[0].DedupKey)

	state, alerts = state.Ping(aMinute(), heartbeat.Ping{Failing: true, Message: "still none"}, start.Add(time.Minute))
	require.Empty(t, alerts)
	require.Equal(t, "still none", state.Message)
	require.Equal(t, start.Add(150*time.Second), state.DueAt)

	missed, alerts := state.Check(aMinute(), state.DueAt)
	require.Len(t, alerts, 1, "and silent it is worse")
	require.Equal(t, heartbeat.Missed, missed.Status)

	_, alerts = missed.Ping(aMinute(), heartbeat.Ping{Failing: true}, start.Add(time.Hour))
	require.Len(t, alerts, 1)
	require.Equal(t, "heartbeat var-engine says that it is failing", alerts[0].Message)
	require.False(t, alerts[0].Resolves)

	state, alerts = state.Ping(aMinute(), heartbeat.Ping{}, start.Add(2*time.Minute))
	require.Equal(t, heartbeat.Alive, state.Status)
	require.Len(t, alerts, 1)
	require.True(t, alerts[0].Resolves)
	require.Equal(t, "heartbeat var-engine works again", alerts[0].Message)
}

func TestTheLongestMessageOfAPingFitsAnAlert(t *testing.T) {
	spec := heartbeat.NewSpec(strings.Repeat("n", 100), time.Minute)
	_, alerts := heartbeat.State{}.Ping(spec, heartbeat.Ping{Failing: true, Message: strings.Repeat("é", heartbeat.MaxMessageLength)}, start)
	require.NoError(t, alerts[0].Validate())
}

func TestOneThatIsRemovedIsNotAccusedAnyMore(t *testing.T) {
	alive, _ := heartbeat.State{}.Ping(aMinute(), heartbeat.Ping{}, start)
	require.Empty(t, alive.Remove("var-engine", start))

	missed, _ := alive.Check(aMinute(), start.Add(time.Hour))
	alerts := missed.Remove("var-engine", start.Add(2*time.Hour))
	require.Len(t, alerts, 1)
	require.NoError(t, alerts[0].Validate())
	require.True(t, alerts[0].Resolves)
	require.Equal(t, "alertd.heartbeat.var-engine", alerts[0].DedupKey)
	require.Equal(t, "heartbeat var-engine is not configured any more", alerts[0].Message)
}

func TestASpecThatHasChangedHoldsFromItsChange(t *testing.T) {
	state, _ := heartbeat.State{}.Ping(aMinute(), heartbeat.Ping{}, start)
	longer, alerts := state.Check(heartbeat.NewSpec("var-engine", time.Hour), start.Add(90*time.Second))
	require.Empty(t, alerts)
	require.Equal(t, start.Add(90*time.Second+90*time.Minute), longer.DueAt)

	shorter, alerts := longer.Check(aMinute(), start.Add(10*time.Minute))
	require.Empty(t, alerts, "it did not know")
	require.Equal(t, start.Add(10*time.Minute+90*time.Second), shorter.DueAt)
}

func TestOneThatAlertdHadForgottenIsMissedAnew(t *testing.T) {
	missed := func(since time.Time) alerting.EventID {
		state := heartbeat.State{}.Resume(aMinute(), since)
		_, alerts := state.Check(aMinute(), state.DueAt)
		require.Len(t, alerts, 1)
		return alerts[0].EventID
	}
	require.NotEqual(t, missed(start), missed(start.Add(time.Hour)))
}

// life is a component, what alertd remembers of it, and what it has told.
type life struct {
	spec  heartbeat.Spec
	state heartbeat.State
	// real is the time that goes by, and wall what the clock says, which may step.
	real, wall time.Time
	// fair is when the component has had all its time, by real, and late when it must have
	// been accused. Only a clock that steps back makes them differ.
	fair, late time.Time
	stepped    bool // the clock has stepped back since it was read last

	quiet, ill, told bool // missed; says that it fails; people were told and not that it is over
	ids              map[alerting.EventID]bool
}

// saw takes what has become of the component. It is the same if it is done again, as after a
// transaction that came to nothing.
func (l *life) saw(t *rapid.T, step func(heartbeat.State) (heartbeat.State, []alerting.Alert)) []alerting.Alert {
	state, alerts := step(l.state)
	again, same := step(l.state)
	require.Equal(t, state, again)
	require.Equal(t, alerts, same)
	text, err := json.Marshal(state)
	require.NoError(t, err)
	l.state = heartbeat.State{}
	require.NoError(t, json.Unmarshal(text, &l.state))
	require.Equal(t, state, l.state, "it survives a restart")
	for _, alert := range alerts {
		require.NoError(t, alert.Validate())
		require.False(t, l.ids[alert.EventID], "each is an event of its own")
		l.ids[alert.EventID] = true
		require.True(t, l.told || !alert.Resolves, "nothing is resolved that was not told")
		l.told = !alert.Resolves
	}
	return alerts
}

func (l *life) patience() time.Duration { return l.spec.Every + l.spec.Grace }

func (l *life) check(t *rapid.T) {
	alerts := l.saw(t, func(s heartbeat.State) (heartbeat.State, []alerting.Alert) { return s.Check(l.spec, l.wall) })
	if l.stepped {
		l.late, l.stepped = l.real.Add(l.patience()), false
	}
	switch {
	case len(alerts) > 0:
		require.Len(t, alerts, 1)
		require.False(t, l.real.Before(l.fair), "it is not accused within its time")
		require.False(t, l.quiet, "one miss, one alert")
		l.quiet = true
	case !l.quiet:
		require.True(t, l.real.Before(l.late), "it is accused some day")
	}
	require.Equal(t, l.quiet, l.state.Status == heartbeat.Missed)
	require.False(t, l.state.Status != heartbeat.Missed && l.state.DueAt.After(l.wall.Add(l.patience())), "it has no more than its time")
}

func (l *life) ping(t *rapid.T) {
	ping := heartbeat.Ping{Failing: rapid.Bool().Draw(t, "failing")}
	told := l.told
	alerts := l.saw(t, func(s heartbeat.State) (heartbeat.State, []alerting.Alert) { return s.Ping(l.spec, ping, l.wall) })
	switch {
	case ping.Failing && (l.quiet || !l.ill):
		require.Len(t, alerts, 1, "it is told at once")
		require.False(t, alerts[0].Resolves)
	case ping.Failing:
		require.Empty(t, alerts, "it was told before")
	case told:
		require.Len(t, alerts, 1, "it is over once")
		require.True(t, alerts[0].Resolves)
	default:
		require.Empty(t, alerts)
	}
	l.quiet, l.ill = false, ping.Failing
	l.begin()
}

// begin has the component's time begin to run.
func (l *life) begin() {
	l.fair, l.late, l.stepped = l.real.Add(l.patience()), l.real.Add(l.patience()), false
}

func TestNobodyIsAccusedEarlyOrTwiceOrForGood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seconds := func(most int, label string) time.Duration {
			return time.Duration(rapid.IntRange(1, most).Draw(t, label)) * time.Second
		}
		l := &life{real: start, wall: start, ids: map[alerting.EventID]bool{}}
		l.spec = heartbeat.NewSpec("x", seconds(100, "every"))
		l.spec.Grace = seconds(100, "grace")
		l.begin()
		l.check(t)
		t.Repeat(map[string]func(*rapid.T){
			"time goes by": func(t *rapid.T) {
				d := time.Duration(rapid.IntRange(1, 120).Draw(t, "by")) * time.Second
				l.real, l.wall = l.real.Add(d), l.wall.Add(d)
			},
			"it is checked": l.check,
			"it pings":      l.ping,
			"the clock steps back": func(t *rapid.T) {
				l.wall = l.wall.Add(-time.Duration(rapid.IntRange(1, 1000).Draw(t, "step")) * time.Second)
				l.stepped = true
			},
			"alertd was away, and so may its clock": func(t *rapid.T) {
				away := time.Duration(rapid.IntRange(30, 3000).Draw(t, "away")) * time.Second
				l.real = l.real.Add(away)
				l.wall = l.wall.Add(away).Add(time.Duration(rapid.IntRange(-1000, 1000).Draw(t, "step")) * time.Second)
				l.state = l.state.Resume(l.spec, l.wall)
				l.begin()
				l.check(t)
			},
		})
	})
}
