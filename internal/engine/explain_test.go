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
	"alertd/internal/delivery"
	"alertd/internal/routing"
	"alertd/internal/store/storetest"
)

// What is explained before an alert is sent is what its incident's timeline says after.
func TestExplanationIsWhatHappens(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			story(t, func(t *testing.T) {
				desk, page := newReceiver("desk"), newReceiver("page")
				storm := routing.DefaultStorm()
				storm.Threshold = 40
				d := (&place{Database: storetest.SQLite(t)}).startWith(t, routing.Settings{
					Routes: []routing.Route{
						{Name: "waits", Condition: from("waits"), GroupWait: 20 * time.Second, GroupBy: []string{"source"}, Continue: true},
						{Name: "limited", Condition: from("waits", "limited"), RateLimit: delivery.Rate{Count: 3, Per: time.Minute}, ResolveAfter: 5 * time.Minute},
					},
					Promotions:  []routing.Promotion{{Name: "often", Count: 4, Within: time.Minute, Up: 1}},
					Inhibitions: []routing.Inhibition{{Name: "halted", While: from("kill_switch"), Hold: from("limited")}},
					Flapping:    routing.Flapping{Count: 3, Within: 2 * time.Minute},
					Storm:       storm,
				}, desk, page)
				random := rand.New(rand.NewPCG(seed, 7))
				pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
				told := 0
				for range 60 {
					if random.IntN(15) == 0 {
						d.silence(pick("limited", "silent"), time.Minute)
					}
					alert := alerting.Alert{
						Severity: alerting.SeverityWarning + alerting.Severity(random.IntN(3)), Category: alerting.CategoryRiskLimit,
						Source: pick("waits", "limited", "kill_switch", "silent", "other"), Message: pick("a", "b"), Resolves: random.IntN(4) == 0,
					}
					x, err := d.Engine.Explain(t.Context(), alert, time.Time{})
					require.NoError(t, err)
					var explained []string
					for _, e := range x.Entries {
						explained = append(explained, string(e.Kind)+": "+e.Reason)
					}
					var before []string
					if x.Incident != nil && !x.Opens {
						before = d.timeline(x.Incident.Number)
					}
					registered, err := d.Register(t.Context(), alert)
					require.NoError(t, err)
					wait(time.Nanosecond)
					if x.Incident == nil {
						require.True(t, alert.Resolves)
						of, err := d.Work.IncidentsOf(t.Context(), []*alerting.Event{registered.Event})
						require.NoError(t, err)
						require.Empty(t, of, "it belongs to no incident")
						continue
					}
					happened := slices.DeleteFunc(d.timeline(x.Incident.Number)[len(before):], func(line string) bool {
						return strings.HasPrefix(line, "delivered: ") || strings.Contains(line, "in a digest of")
					})
					require.ElementsMatch(t, explained, happened, "%+v", alert)
					decided := 0
					for _, decision := range x.Decisions {
						if decision.Hold == nil {
							decided++
							require.Contains(t, happened, "notified: "+decision.String())
						}
					}
					told += decided
					wait(time.Duration(random.IntN(int(20 * time.Second))))
				}
				require.Greater(t, told, 20)
			})
		})
	}
}
