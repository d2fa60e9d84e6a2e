package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// explained is an explanation as clients see it.
type explained struct {
	At          string
	Registered  bool
	Reason      *string
	Fingerprint *string
	Opens       bool
	Incident    *struct{ Number, Count int }
	Held        *struct{ By string }
	NextUpdate  *string `json:"next_update_at"`
	Decisions   []struct {
		News, Channel, Decision string
		By                      *string
	}
	Timeline []struct{ Kind, Reason string }
	Words    []string
	Text     string
}

const noPrices = `{"severity":"error","category":"risk_limit","source":"feed","message":"no prices"}`

// explain asks what an alert would do at a time, or now if that is zero.
func (s *scene) explain(alert string, at time.Time) (x explained) {
	s.t.Helper()
	body := `{"alert":` + alert
	if !at.IsZero() {
		body += fmt.Sprintf(`,"at":%q`, at.Format(time.RFC3339Nano))
	}
	s.alertd.ask(http.MethodPost, "/explain", body+"}", &x)
	return x
}

// decided returns what would happen, as "CHANNEL: NEWS DECISION".
func (x explained) decided() (texts []string) {
	for _, d := range x.Decisions {
		texts = append(texts, d.Channel+": "+d.News+" "+d.Decision)
	}
	return texts
}

func TestExplanationChangesNothingAndIsWhatThenHappens(t *testing.T) {
	const two = desk + `
[alerting.channels.page]
kind = "console"
enabled = true
min_severity = "critical"
`
	onBothStores(t, two, func(t *testing.T, s *scene) {
		s.post("oms", "error", "rejected")
		s.hears("desk: opened 1")
		before := s.tables()
		x := s.explain(noPrices, time.Time{})
		require.True(t, x.Registered)
		require.True(t, x.Opens)
		require.Nil(t, x.Incident)
		require.Equal(t, []string{"desk: opened send", "page: opened not_asked"}, x.decided())
		require.Contains(t, x.Words, "desk would be told at once that the incident is open.")
		require.Contains(t, x.Words, "page would not be told that the incident is open: severity error is below its min_severity critical.")
		require.Contains(t, x.Text, "no prices")
		require.Equal(t, before, s.tables())

		s.post("feed", "error", "no prices")
		s.hears("desk: opened 2")
		var happened ofIncident
		s.alertd.get("/incidents/"+s.incident(2), &happened)
		for n, entry := range x.Timeline {
			require.Equal(t, happened.Timeline[n].Reason, entry.Reason)
		}
		require.Equal(t, []string{"desk told", "page not_asked"}, s.states(2))

		x = s.explain(noPrices, time.Time{})
		require.Equal(t, 2, x.Incident.Count)
		require.Empty(t, x.Decisions)
		require.NotNil(t, x.NextUpdate)
		require.Contains(t, strings.Join(x.Words, "\n"), "it would be counted, and the next update is due at ")
		x = s.explain(strings.Replace(noPrices, "{", `{"resolves":true,`, 1), time.Time{})
		require.Equal(t, []string{"desk: resolved send"}, x.decided()[:1])
		s.hears()
	})
}

func TestExplanationForALaterTime(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		made := s.alertd.silence("feed", "10m", "")
		s.post("feed", "error", "no prices")
		x := s.explain(noPrices, time.Time{})
		require.Equal(t, "silence "+made.ID, x.Held.By)
		require.Empty(t, x.Decisions)
		now, err := time.Parse(time.RFC3339, x.At)
		require.NoError(t, err)
		other := strings.Replace(noPrices, "prices", "quotes", 1)
		require.Equal(t, []string{"desk: opened held_back"}, s.explain(other, now.Add(time.Minute)).decided())

		x = s.explain(other, now.Add(11*time.Minute))
		require.Nil(t, x.Held)
		require.Equal(t, []string{"desk: opened send"}, x.decided())
		x = s.explain(noPrices, now.Add(11*time.Minute)) // by then people know of it
		require.Nil(t, x.Held)
		require.Empty(t, x.Decisions)
		require.Contains(t, strings.Join(x.Words, "\n"), "it would be counted, and the next update is due at ")
		s.hears()
	})
}

func TestExplanationOfWhatNobodyIsToldOf(t *testing.T) {
	onBothStores(t, "[alerting]\nmin_severity = \"warning\"\n", func(t *testing.T, s *scene) {
		x := s.explain(strings.Replace(noPrices, "error", "info", 1), time.Time{})
		require.False(t, x.Registered)
		require.Nil(t, x.Fingerprint)
		require.Equal(t, "severity info is below min_severity warning", *x.Reason)
		x = s.explain(noPrices, time.Time{})
		require.True(t, x.Registered)
		require.Equal(t, "alerting is off, so nobody is told", *x.Reason)
		require.Empty(t, x.Decisions)
		require.NotNil(t, x.Fingerprint)
		require.Equal(t, http.StatusUnprocessableEntity, s.alertd.do(http.MethodPost, "/explain", `{"alert":{"severity":"error"}}`).status)
	})
}

func TestDigestAsPeopleFindIt(t *testing.T) {
	onBothStores(t, desk+"rate_limit = \"1/m\"\n", func(t *testing.T, s *scene) {
		s.post("feed", "error", "no prices")
		s.hears("desk: opened 1")
		x := s.explain(strings.Replace(noPrices, "prices", "quotes", 1), time.Time{})
		require.Equal(t, []string{"desk: opened digest"}, x.decided())
		require.Contains(t, strings.Join(x.Words, "\n"), "desk would be told that the incident is open in its next digest, due at ")
		s.post("feed", "error", "no quotes")
		s.post("oms", "error", "rejected")
		s.hears()
		require.Equal(t, []string{"desk digest"}, s.states(2))
		s.passes(61 * time.Second)
		s.hears("desk: digest of 2")

		var page struct {
			Deliveries []struct {
				Reason, Status string
				Incident       *string  `json:"incident_id"`
				Incidents      []string `json:"incident_ids"`
			}
		}
		s.alertd.get("/deliveries?limit=1", &page)
		require.Equal(t, []string{"digest", "delivered"}, []string{page.Deliveries[0].Reason, page.Deliveries[0].Status})
		require.Nil(t, page.Deliveries[0].Incident)
		require.ElementsMatch(t, []string{s.incident(2), s.incident(3)}, page.Deliveries[0].Incidents)
		s.alertd.get("/deliveries?incident_id="+s.incident(3), &page)
		require.Len(t, page.Deliveries, 1)
		require.Equal(t, "digest", page.Deliveries[0].Reason)
		require.Equal(t, []string{"desk told"}, s.states(2))
		require.Equal(t, []string{"desk told"}, s.states(1))
	})
}
