package main

import (
	"bytes"
	"flag"
	"net/url"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
	"alertd/internal/routing"
	"alertd/internal/store/storetest"
	"alertd/test/tradingday"
	"alertd/test/tradingday/alertmanager"
)

// besideFlag replays the trading day through Alertmanager too: make replay.
var (
	besideFlag = flag.Bool("alertmanager", false, "replay the trading day through Alertmanager too, which takes 2 min at -speed 60")
	speedFlag  = flag.Int("speed", 60, "how many seconds of the day pass in a second at Alertmanager")
)

// tradingDay is the folder with the day and its configurations.
const tradingDay = "../../testdata/tradingday"

// partOfDay returns the alerts of the day that the test replays: all, or with -short and
// under the race detector those of the halt.
func partOfDay(t *testing.T) []tradingday.Alert {
	t.Helper()
	alerts, err := tradingday.Load(filepath.Join(tradingDay, "alerts.jsonl.gz"))
	require.NoError(t, err)
	if !wholeDay() {
		return tradingday.Between(alerts, 15*time.Hour+35*time.Minute, 15*time.Hour+55*time.Minute)
	}
	return alerts
}

// story is an incident, with what is known about its alerts.
type story struct {
	alerts   []tradingday.Alert
	severity alerting.Severity
	// opened is when its first alert was sent, and begins when the first of its severity was.
	opened, begins time.Duration
	messages       []told

	number   incident.Number
	route    string
	timeline []entry
	channels []recipient
}

// recipient is what a channel knows of an incident.
type recipient struct{ Channel, State, Reason string }

// entry is one of a timeline.
type entry struct {
	At      time.Time `json:"at"`
	Kind    incident.EntryKind
	Reason  string
	Channel string
}

// stories returns the incidents with their alerts and messages, by id.
func (r *replay) stories(alerts []tradingday.Alert) map[string]*story {
	r.t.Helper()
	byID := make(map[string]tradingday.Alert, len(alerts))
	for n, a := range alerts {
		byID[idOf(n)] = a
	}
	stories := map[string]*story{}
	for path := "/events?limit=1000&order=asc"; path != ""; {
		var page struct {
			Events []struct {
				ID       string `json:"event_id"`
				Incident string `json:"incident_id"`
				Source   string
			}
			Next *string `json:"next_cursor"`
		}
		r.get(path, &page)
		if path = ""; page.Next != nil {
			path = "/events?limit=1000&order=asc&cursor=" + url.QueryEscape(*page.Next)
		}
		for _, e := range page.Events {
			a, known := byID[e.ID]
			require.True(r.t, known || e.Source == alerting.OwnSource, e)
			switch {
			case !known: // it is alertd's own
			case e.Incident == "":
				require.True(r.t, a.Body.Resolves, "it belongs to no incident: %v", a)
			case stories[e.Incident] == nil:
				stories[e.Incident] = &story{opened: a.At}
				fallthrough
			default:
				stories[e.Incident].add(a)
			}
		}
	}
	for id, s := range stories {
		var shown struct {
			Number   incident.Number
			Route    string
			Timeline []entry
			Channels []recipient
		}
		r.get("/incidents/"+id, &shown)
		s.number, s.route, s.timeline, s.channels = shown.Number, shown.Route, shown.Timeline, shown.Channels
	}
	for _, m := range r.postbox.got {
		if s := stories[m.n.Notice.Incident.ID.String()]; s != nil {
			s.messages = append(s.messages, m)
		}
	}
	return stories
}

func (s *story) add(a tradingday.Alert) {
	s.alerts = append(s.alerts, a)
	if a.Body.Severity > s.severity {
		s.severity, s.begins = a.Body.Severity, a.At
	}
}

// timeOfDay returns the time of day of a moment.
func timeOfDay(t time.Time) time.Duration { return t.Sub(tradingday.Date()) }

// messages returns what the channels were sent, as the report wants it.
func (r *replay) messages(alerts []tradingday.Alert, stories map[string]*story) []tradingday.Message {
	messages := make([]tradingday.Message, len(r.postbox.got))
	for n, sent := range r.postbox.got {
		m := tradingday.Message{At: timeOfDay(sent.at), Channel: sent.channel, About: map[string]alerting.Severity{}}
		switch i := sent.n.Notice.Incident; {
		case sent.n.Notice.Reason == incident.Digested:
			m.Digest = true
			for _, s := range stories {
				if s.inDigest(sent) {
					s.tellBy(&m)
				}
			}
		case i.Source == alerting.OwnSource && i.Pattern == routing.StormKey:
			// It names the sources of the storm.
			m.Incident, m.Opened = i.ID.String(), timeOfDay(i.FirstSeen)
			m.About[most(tradingday.Between(alerts, m.Opened-time.Minute, m.Opened))] = i.Severity
		case stories[i.ID.String()] != nil:
			s := stories[i.ID.String()]
			m.Incident, m.Opened = i.ID.String(), s.opened
			s.tellBy(&m)
		}
		messages[n] = m
	}
	return messages
}

// tellBy notes that a message tells of the alerts that have come until then.
func (s *story) tellBy(m *tradingday.Message) {
	for _, a := range s.alerts {
		if a.At <= m.At {
			m.About[a.Problem] = max(m.About[a.Problem], a.Body.Severity)
		}
	}
}

// most returns the problem that most alerts are about.
func most(alerts []tradingday.Alert) (problem string) {
	counts := map[string]int{}
	for _, a := range alerts {
		if counts[a.Problem]++; counts[a.Problem] > counts[problem] {
			problem = a.Problem
		}
	}
	return problem
}

// inDigest reports whether a digest tells of the incident.
func (s *story) inDigest(digest told) bool {
	return slices.ContainsFunc(s.timeline, func(e entry) bool {
		return e.Kind == incident.EntryPlanned && e.Channel == digest.channel && e.At.Equal(digest.n.Notice.At)
	})
}

// requireAccount checks that people were told of an incident, of a critical one at once and
// by itself, or that its timeline says what has held it back.
func (s *story) requireAccount(t *testing.T, digests []told) {
	t.Helper()
	for _, m := range s.messages {
		if s.severity < alerting.SeverityCritical {
			return
		}
		if m.n.Notice.Incident.Severity == alerting.SeverityCritical {
			require.LessOrEqual(t, timeOfDay(m.at)-s.begins, time.Second, "told late: %v", s.alerts[0])
			return
		}
	}
	require.Less(t, s.severity, alerting.SeverityCritical, "nobody was told that it is critical: %v", s.alerts[0])
	held := slices.ContainsFunc(s.timeline, func(e entry) bool { return e.Kind == incident.EntryHeldBack })
	require.True(t, held || slices.ContainsFunc(digests, s.inDigest), "neither told nor held back: %v", s.alerts[0])
}

// wholeDay reports whether the whole day is replayed, as make replay does, and not a part.
func wholeDay() bool { return !testing.Short() && !storetest.Slow }

func TestTradingDay(t *testing.T) {
	alerts := partOfDay(t)
	var reports []tradingday.Named
	var parts map[string]string
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(tradingday.Date().Add(alerts[0].At - time.Minute))) //nolint:forbidigo // in a bubble
		r := &operator{replay: newReplay(t)}
		r.live(alerts, r.acts())
		stories := r.stories(alerts)
		digests := r.digests()
		for _, s := range stories {
			s.requireAccount(t, digests)
		}
		report := tradingday.Measure(alerts, r.messages(alerts, stories))
		require.Empty(t, report.OnlyInDigest)
		require.Empty(t, report.Critical.Never)
		require.LessOrEqual(t, report.Critical.Max, time.Second)
		require.Empty(t, report.Others.Never)
		require.Zero(t, report.Explained)
		if wholeDay() { // else it is a part with little noise
			require.LessOrEqual(t, report.Percent(), 2.0)
		}
		reports = append(reports, tradingday.Named{Name: "alertd", Report: report})
		if wholeDay() {
			parts = day{r, alerts, stories}.parts()
		}
	})
	if *besideFlag {
		result, err := alertmanager.Replay(t.Context(), alertmanager.Day{
			Alerts: alerts, Config: filepath.Join(tradingDay, "alertmanager.yml"), Parts: 6, Speed: *speedFlag, Directory: t.TempDir(),
		})
		require.NoError(t, err)
		t.Logf("Alertmanager took %s of the day to accept an alert, at most for 99 of 100", result.Slack)
		reports = append(reports, tradingday.Named{Name: "Alertmanager", Report: result.Report})
	}
	var table bytes.Buffer
	require.NoError(t, tradingday.Table(&table, reports...))
	t.Logf("what people were told of the day:\n%s", &table)
	if parts != nil {
		parts["day"] = dayTable(t, table.String())
		requireNoiseDocument(t, parts)
	}
}
