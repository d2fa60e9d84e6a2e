package main

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCountsAreThoseOfTheLists compares what the dashboard draws with the lists that it leads
// to, after a restart and by another replica, too.
func TestCountsAreThoseOfTheLists(t *testing.T) {
	onBothStores(t, desk, func(t *testing.T, s *scene) {
		for n, severity := range []string{"critical", "error", "warning", "error"} {
			s.post(fmt.Sprintf("gate_%d", n), severity, "VaR is over")
		}
		s.hears("desk: opened 1", "desk: opened 2", "desk: opened 3", "desk: opened 4")
		s.alertd.ask("POST", "/incidents/"+s.incident(2)+"/acknowledge", `{"by":"ada"}`, new(struct{}))
		s.hears("desk: acknowledged 2")
		tellers := []*teller{s.alertd}
		if !s.inBubble() { // else retention, which goes by SQLite's clock, would delete what is of the year 2000
			s.restart()
			tellers[0] = s.alertd
			tellers = append(tellers, s.replica())
		}
		for _, alertd := range tellers {
			var h struct {
				Since, Until string
				Buckets      []map[string]any
			}
			at := url.Values{"since": {s.now().Add(-time.Hour).Format(time.RFC3339Nano)}, "until": {s.now().Add(time.Minute).Format(time.RFC3339Nano)}}
			alertd.get("/events/histogram?"+at.Encode(), &h)
			seen := 0
			for i, b := range h.Buckets {
				end := h.Until
				if i+1 < len(h.Buckets) {
					end, _ = h.Buckets[i+1]["start"].(string)
				}
				start, _ := b["start"].(string)
				var page struct{ Events []struct{ Severity string } }
				alertd.get("/events?"+url.Values{"since": {start}, "until": {end}}.Encode(), &page)
				want := map[string]any{"start": start, "debug": 0.0, "info": 0.0, "warning": 0.0, "error": 0.0, "critical": 0.0}
				for _, event := range page.Events {
					n, _ := want[event.Severity].(float64)
					want[event.Severity] = n + 1
				}
				require.Equal(t, want, b)
				seen += len(page.Events)
			}
			require.Equal(t, 4, seen)

			var stats struct{ Incidents map[string]map[string]int }
			alertd.get("/stats", &stats)
			require.Equal(t, map[string]map[string]int{
				"triggered":    {"debug": 0, "info": 0, "warning": 1, "error": 1, "critical": 1},
				"acknowledged": {"debug": 0, "info": 0, "warning": 0, "error": 1, "critical": 0},
			}, stats.Incidents)

			var channels struct {
				Channels []struct {
					Name     string
					Activity struct {
						Buckets []struct{ Successes, Failures int }
					}
				}
			}
			alertd.get("/channels", &channels)
			for _, c := range channels.Channels {
				told := 0
				for _, b := range c.Activity.Buckets {
					told += b.Successes
				}
				require.Len(t, c.Activity.Buckets, 24)
				require.Equal(t, map[string]int{"desk": 5}[c.Name], told, c.Name)
			}
		}
	})
}
