package engine_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/incident"
	"alertd/internal/store/storetest"
)

func onPostgreSQL(t *testing.T, f func(t *testing.T, p *place)) {
	t.Helper()
	t.Parallel()
	f(t, &place{Database: storetest.PostgreSQL(t)})
}

func TestReplicasTellOnceAndInOrder(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, p *place) {
		r := newReceiver("desk") // both send to it
		flaky, tries := sync.Mutex{}, map[string]int{}
		r.answers(func(c ctx, n note) result {
			flaky.Lock()
			defer flaky.Unlock()
			if tries[n.Key]++; n.Notice.Incident.Number%15 == 0 && n.Notice.Reason == incident.Opened && tries[n.Key] <= 2 {
				return down(c, n)
			}
			return result{Outcome: delivered}
		})
		replicas := []*daemon{p.start(t, r.channel(retries)), p.start(t, r.channel(retries))}
		const incidents = 30
		var posting errgroup.Group
		for n := range incidents {
			posting.Go(func() error {
				for i, severity := range []alerting.Severity{alerting.SeverityWarning, alerting.SeverityError, alerting.SeverityCritical} {
					_, err := replicas[(n+i)%2].Register(t.Context(), alerting.Alert{
						Severity: severity, Category: alerting.CategoryRiskLimit, Source: fmt.Sprintf("gate_%c", 'A'+n), Message: "VaR limit breached",
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, posting.Wait())
		over := func() bool {
			all := replicas[0].deliveries()
			return !slices.ContainsFunc(all, func(d delivery.Delivery) bool { return d.Open() }) && len(all) > 0
		}
		require.True(t, p.comes(func() bool {
			page, err := replicas[0].Work.Incidents(t.Context(), incident.Query{Limit: incidents + 1})
			require.NoError(t, err)
			folded := uint64(0)
			for _, i := range page.Incidents {
				folded += i.Count
			}
			return folded == 3*incidents && over()
		}))
		last := map[incident.Number]int{}
		for _, m := range r.messages() {
			if m.outcome == delivered {
				require.Greater(t, m.n.Notice.Number, last[m.n.Notice.Incident.Number], "in order, and none twice")
				last[m.n.Notice.Incident.Number] = m.n.Notice.Number
			}
		}
		require.Len(t, last, incidents)
		for number, notice := range last {
			require.Equal(t, replicas[1].incident(number).Notices, notice, "the last one of incident %d is told", number)
		}
	})
}

func TestReplicaTakesOverWhatAnotherHadClaimed(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, p *place) {
		hangs, r := newReceiver("desk"), newReceiver("desk")
		began := make(chan struct{}, 10)
		hangs.answers(func(c ctx, _ note) result {
			began <- struct{}{}
			<-c.Done()
			return result{Outcome: delivered}
		})
		killed := p.start(t, hangs.channel(func(p *delivery.Policy) { p.Timeout = 30 * time.Second }))
		killed.settings.Patience = 100 * time.Millisecond
		killed.reconfigure()
		for n := range 3 {
			killed.post(alerting.SeverityError, fmt.Sprintf("desk %c is over its limit", 'A'+n))
			<-began
		}
		d := p.start(t, r.channel())
		require.NoError(t, killed.Store.Close()) // as if it was killed: it records nothing of what it sends
		killed.stop()
		p.wait(2 * time.Second)
		require.Empty(t, r.told(), "the claims hold")
		p.pass(t, time.Minute)
		d.untilTold(r, "1 opened", "2 opened", "3 opened")
		keys := func(r *receiver) (keys []string) {
			for _, m := range r.messages() {
				keys = append(keys, m.n.Key)
			}
			return keys
		}
		require.ElementsMatch(t, keys(hangs), keys(r))
	})
}

func TestWaitingCostsFewTransactions(t *testing.T) {
	onPostgreSQL(t, func(t *testing.T, p *place) {
		r := newReceiver("desk")
		r.answers(down)
		d := p.start(t, r.channel())
		alerts := make([]alerting.Alert, 1000)
		for n := range alerts {
			alerts[n] = alerting.Alert{Severity: alerting.SeverityError, Category: alerting.CategoryRiskLimit, Source: fmt.Sprintf("gate_%d", n), Message: "VaR limit breached"}
		}
		_, err := d.RegisterBatch(t.Context(), alerts)
		require.NoError(t, err)
		require.True(t, p.comes(func() bool { return d.channel().Waiting == 1000 && d.channel().Breaker == delivery.BreakerOpen }))
		p.wait(time.Second)
		count := func() (n float64) {
			p.Exec(t, `SELECT pg_stat_clear_snapshot()`)
			require.NoError(t, p.SQL.QueryRowContext(t.Context(), `SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()`).Scan(&n))
			return n
		}
		before, began := count(), time.Now()
		p.wait(4 * time.Second)
		perSecond := (count() - before) / time.Since(began).Seconds()
		t.Logf("%.0f transactions a second", perSecond)
		require.Less(t, perSecond, 40.0)
	})
}
