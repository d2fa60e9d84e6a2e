package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryReplicaIsToldOfWhatNoEventTells(t *testing.T) {
	onBothStores(t, desk+"[[alerting.routes]]\nname = \"all\"\nresolve_after = \"10m\"\n", func(t *testing.T, s *scene) {
		readers := []*teller{s.alertd}
		if !s.inBubble() { // an SQLite file has one alertd
			readers = append(readers, s.replica())
			for _, r := range readers {
				came := r.store.Changed()
				s.comes(func() bool {
					s.db.Exec(t, `SELECT pg_notify('alertd_events', 'changed')`)
					return over(came)
				}, "it does not listen")
			}
			s.comes(func() bool { // until what was announced by that has come
				first, second := readers[0].store.Changed(), readers[1].store.Changed()
				time.Sleep(200 * time.Millisecond) //nolint:forbidigo // in a loop
				return !over(first) && !over(second)
			}, "it does not become quiet")
		}
		told := func(by func()) {
			t.Helper()
			var waiting []<-chan struct{}
			for _, r := range readers {
				waiting = append(waiting, r.store.Changed())
			}
			by()
			for _, changed := range waiting {
				s.comes(func() bool { return over(changed) }, "not told")
			}
		}
		before := s.alertd.store.Changed()
		s.post("feed", "error", "no prices")
		s.post("oms", "error", "rejected")
		s.hears("desk: opened 1", "desk: opened 2")
		require.True(t, !s.inBubble() || !over(before), "events tell of these")

		told(func() {
			s.alertd.ask("POST", "/incidents/"+s.incident(1)+"/acknowledge", `{"by":"ada"}`, new(struct{}))
		})
		told(func() {
			s.alertd.ask("POST", "/incidents/resolve", `{"by":"ada","incident_ids":["`+s.incident(1)+`"]}`, new(struct{}))
		})
		told(func() {
			s.alertd.ask("POST", "/silences", `{"match":{"source":["fix"]},"duration":"1h","by":"ada","comment":"known"}`, new(struct{}))
		})
		s.hears("desk: acknowledged 1", "desk: resolved 1")
		told(func() { s.passes(11 * time.Minute) })
		s.hears("desk: resolved 2")
	})
}

// over reports whether a channel is closed.
func over(changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	default:
		return false
	}
}
