package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	}
}

func TestSilenceHoldsBackAndTellsOnceWhenItEnds(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		var made silenced
		s.alertd.ask(http.MethodPost, "/silences", `{"match":{"source":["feed"]},"duration":"1h","by":"ada","comment":"we know"}`, &made)
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

		s.passes(time.Hour)
		s.hears("desk: opened 1")
		s.alertd.get("/silences/"+made.ID, &made)
		require.Equal(t, "expired", made.Status)
		require.False(t, made.Incidents[0].Held)
		s.passes(20 * time.Minute)
		s.hears()
	})
}
