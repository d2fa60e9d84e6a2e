package main

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/store/storetest"
)

// silenced is a silence as clients see it.
type silenced struct {
	ID        string `json:"silence_id"`
	Status    string
	HeldBack  int `json:"held_back"`
	Incidents []struct {
		ID     string `json:"incident_id"`
		Number int
		Held   bool
		// What it is now.
		Status, Severity, Category, Source, Message string
	}
}

// about returns what one of its incidents is now.
func (s silenced) about(n int) string {
	i := s.Incidents[n]
	return fmt.Sprintf("%s %s %s %s: %s", i.Status, i.Severity, i.Category, i.Source, i.Message)
}

// silence makes a silence of a source. more are further members of its JSON.
func (a *teller) silence(source, duration, more string) (made silenced) {
	a.scene.t.Helper()
	a.ask(http.MethodPost, "/silences", fmt.Sprintf(`{"match":{"source":[%q]},"duration":%q,"by":"ada","comment":"we know"%s}`, source, duration, more), &made)
	return made
}

// ofIncident is an incident as clients see it, with what its channels know of it.
type ofIncident struct {
	Number   int
	Route    string
	Held     *struct{ By, Reason string }
	Channels []struct {
		Channel, State string
		By, Reason     *string
		ToldAt         *string `json:"told_at"`
	}
	Timeline []struct{ Kind, Reason string }
}

// states returns what channels know of an incident, as "CHANNEL STATE".
func (s *scene) states(number int) (states []string) {
	s.t.Helper()
	var found ofIncident
	s.alertd.get("/incidents/"+s.incident(number), &found)
	for _, c := range found.Channels {
		states = append(states, c.Channel+" "+c.State)
	}
	return states
}

func TestSilenceHoldsBackAndTellsOnceWhenItEnds(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		made := s.alertd.silence("feed", "1h", "")
		require.Equal(t, "active", made.Status)
		for range 3 {
			s.post("feed", "error", "no prices")
		}
		s.post("feed", "critical", "the feed is gone")
		s.post("var_gate", "error", "VaR is over")
		s.hears("desk: opened 2", "desk: opened 3") // critical ones are told all the same

		s.alertd.get("/silences/"+made.ID, &made)
		require.Equal(t, 1, made.HeldBack)
		require.Len(t, made.Incidents, 1)
		require.Equal(t, s.incident(1), made.Incidents[0].ID)
		require.True(t, made.Incidents[0].Held)
		require.Equal(t, "triggered error risk_limit feed: no prices", made.about(0))
		var list struct{ Silences []silenced }
		s.alertd.get("/silences", &list)
		require.Equal(t, made, list.Silences[0])
		require.Equal(t, []string{"desk held_back"}, s.states(1))
		require.Equal(t, []string{"desk told"}, s.states(2))
		var found ofIncident
		s.alertd.get("/incidents/"+s.incident(1), &found)
		require.Equal(t, "silence "+made.ID, found.Held.By)
		require.Contains(t, found.Held.Reason, "silenced by ada (we know)")
		require.Equal(t, "held_back", found.Timeline[1].Kind)
		require.Contains(t, found.Timeline[1].Reason, "not told that it was opened: silenced by ada (we know) until ")

		s.passes(time.Hour)
		s.hears("desk: opened 1")
		s.alertd.get("/silences/"+made.ID, &made)
		require.Equal(t, "expired", made.Status)
		require.False(t, made.Incidents[0].Held)
		require.Equal(t, []string{"desk told"}, s.states(1))
		s.passes(5 * time.Minute)
		s.hears()
		s.alertd.ask(http.MethodPost, "/incidents/"+made.Incidents[0].ID+"/resolve", `{"by":"ada"}`, new(struct{}))
		s.alertd.get("/silences/"+made.ID, &made)
		require.Equal(t, "resolved error risk_limit feed: no prices", made.about(0))
		s.db.Exec(t, `UPDATE incidents SET state = 'damaged' WHERE number = 1`)
		made = silenced{ID: made.ID}
		s.alertd.get("/silences/"+made.ID, &made)
		require.Equal(t, 1, made.Incidents[0].Number, "though no more is known of it")
		require.Empty(t, made.Incidents[0].Message)
	})
}

func TestSilenceOfCriticalIncidentsIsAskedFor(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		s.alertd.silence("feed", "1h", `,"allow_critical":true`)
		s.post("feed", "critical", "the feed is gone")
		s.post("feed", "error", "no prices")
		s.hears()
		var stats struct {
			Noise struct {
				Events, Incidents, Messages int
				HeldBack                    map[string]int `json:"held_back"`
			}
		}
		s.alertd.get("/stats", &stats)
		require.Equal(t, 2, stats.Noise.Events)
		require.Equal(t, 2, stats.Noise.Incidents)
		require.Zero(t, stats.Noise.Messages)
		require.Equal(t, 2, stats.Noise.HeldBack["silence"])
		require.Zero(t, stats.Noise.HeldBack["window"])
	})
}

func TestRiseToCriticalPassesASilence(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		s.alertd.silence("feed", "1h", "")
		s.post("feed", "error", "no prices")
		s.hears()
		s.post("feed", "critical", "no prices")
		s.hears("desk: opened 1") // what was held back is told with it
	})
}

func TestExpiredSilenceTellsAtOnce(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		made := s.alertd.silence("feed", "30d", "")
		s.post("feed", "error", "no prices")
		s.hears()
		s.alertd.ask(http.MethodDelete, "/silences/"+made.ID+"?by=grace", "", &made)
		require.Equal(t, "expired", made.Status)
		s.hears("desk: opened 1")
		s.post("feed", "error", "no quotes")
		s.hears("desk: opened 2")
		s.alertd.ask(http.MethodDelete, "/silences/"+made.ID, "", &made) // it has ended already
		require.Equal(t, 1, made.HeldBack)
	})
}

func TestSilenceBeginsAtItsTimeAndOutlivesARestart(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		var clock struct{ At string }
		s.alertd.ask(http.MethodPost, "/explain", `{"alert":{"severity":"error","category":"other","source":"s","message":"m"}}`, &clock)
		now, err := time.Parse(time.RFC3339, clock.At) // by the database
		require.NoError(t, err)
		made := s.alertd.silence("feed", "1h", fmt.Sprintf(`,"starts_at":%q`, now.Add(10*time.Minute).Format(time.RFC3339Nano)))
		require.Equal(t, "pending", made.Status)
		s.post("feed", "error", "no prices")
		s.hears("desk: opened 1")
		s.passes(11 * time.Minute)
		s.restart()
		s.post("feed", "error", "no quotes")
		s.hears()
		s.restart()
		s.passes(time.Hour)
		s.hears("desk: opened 2")
	})
}

func TestWhatASilenceHeldIsNotToldOnceItIsOver(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		made := s.alertd.silence("feed", "10m", "")
		s.post("feed", "error", "no prices")
		s.post("feed", "error", "no prices", `"resolves":true`)
		s.passes(11 * time.Minute)
		s.hears()
		require.Equal(t, []string{"desk held_back"}, s.states(1))
		var found ofIncident
		s.alertd.get("/incidents/"+s.incident(1), &found)
		require.Equal(t, "silence "+made.ID, *found.Channels[0].By)
		require.Equal(t, "the incident was over before people were told of it", *found.Channels[0].Reason)
	})
}

// A silence by every kind of condition holds what its preview has said.
func TestPreviewIsWhatIsThenHeld(t *testing.T) {
	for name, condition := range map[string]string{
		"by source":   `"match":{"source":["fe*"]}`,
		"by severity": `"match":{"max_severity":"warning"}`,
		"by message":  `"match":{"message":"(?i)QUOTES"}`,
		"by context":  `"match":{"context":{"venue":"XE*"}}`,
		"by no":       `"not":{"source":["feed"],"context":{"venue":"XNYS"}}`,
		"by critical": `"match":{"category":["risk_limit"]},"allow_critical":true`,
	} {
		t.Run(name, func(t *testing.T) {
			onBothStores(t, desk, func(t *testing.T, s *scene) {
				said := func(severity string) {
					s.post("feed", severity, "no prices", `"context":{"venue":"XETR"}`)
					s.post("feed", "critical", "no quotes", `"context":{"venue":"XNYS"}`)
					s.post("oms", severity, "no quotes", `"context":{"venue":"XNYS"}`)
					s.post("oms", severity, "rejected", `"context":{"venue":"XETR"}`)
				}
				said("info")
				s.hears("desk: opened 1", "desk: opened 2", "desk: opened 3", "desk: opened 4")
				var preview struct {
					Total     int
					Incidents []struct{ Number int }
				}
				s.alertd.ask(http.MethodPost, "/silences/preview", "{"+condition+"}", &preview)
				require.Len(t, preview.Incidents, preview.Total)
				require.NotEmpty(t, preview.Incidents)
				require.True(t, name == "by critical" || preview.Total < 4)

				var made silenced
				s.alertd.ask(http.MethodPost, "/silences", "{"+condition+`,"duration":"1h","by":"ada"}`, &made)
				said("warning")
				var want, got []int
				for _, i := range preview.Incidents {
					if i.Number != 2 { // its severity has not risen, so there is nothing to tell of it
						want = append(want, i.Number)
					}
				}
				s.alertd.get("/silences/"+made.ID, &made)
				for _, i := range made.Incidents {
					got = append(got, i.Number)
				}
				require.Equal(t, want, got)
				var told []string
				for _, n := range []int{1, 3, 4} {
					if !slices.Contains(want, n) {
						told = append(told, fmt.Sprintf("desk: severity_raised %d", n))
					}
				}
				s.hears(told...)
			})
		})
	}
}

func TestSilenceOfOneReplicaHoldsOnTheOtherAtOnce(t *testing.T) {
	t.Parallel()
	s := newScene(t, storetest.PostgreSQL(t), desk)
	other := s.replica()
	s.post("feed", "error", "no prices") // both know what stands
	other.post("feed", "error", "no quotes")
	s.hears("desk: opened 1", "desk: opened 2")
	for n := range 10 {
		makes, posts := s.alertd, other
		if n%2 == 1 {
			makes, posts = posts, makes
		}
		source := fmt.Sprintf("feed_%d", n)
		made := makes.silence(source, "1h", "")
		posts.post(source, "error", "no prices")
		s.hears()
		posts.get("/silences/"+made.ID, &made)
		require.Equal(t, 1, made.HeldBack)
		posts.ask(http.MethodDelete, "/silences/"+made.ID, "", &made)
		s.hears(fmt.Sprintf("desk: opened %d", n+3))
	}
}
