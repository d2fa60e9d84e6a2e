package failuretest_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/pgtest"
	"alertd/internal/store"
)

const body = `{"severity":"error","category":"risk_limit","source":"var_gate","message":"VaR limit breached: 0.05 > 0.03"}`

// outage is a database that a test can take away.
type outage struct {
	config   store.Config
	fail     func() (mend func())
	reason   string
	readable bool // also while it lasts
}

func lockedSQLite(t *testing.T) outage {
	t.Helper()
	o := outage{config: sqlite(filepath.Join(t.TempDir(), "alertd.db")), readable: true, reason: "the database is locked by another program"}
	o.config.Timeout = time.Second
	o.fail = func() func() {
		another := openFile(t, o.config.Path)
		_, err := another.ExecContext(t.Context(), `BEGIN IMMEDIATE`)
		require.NoError(t, err)
		return func() {
			_, err := another.ExecContext(t.Context(), `ROLLBACK`)
			require.NoError(t, err)
		}
	}
	return o
}

func stoppedPostgres(t *testing.T) outage {
	t.Helper()
	cluster := pgtest.StartCluster(t)
	return outage{
		config: postgres(cluster.DSN(pgtest.MaintenanceDatabase)), reason: "the database server cannot be reached",
		fail: func() func() {
			require.NoError(t, cluster.Stop(t.Context(), pgtest.Fast))
			return func() { require.NoError(t, cluster.Start(t.Context())) }
		},
	}
}

// requireProblem requires a 503 that says why and when to come back, and nothing
// of the inside.
func requireProblem(tb testing.TB, a answer, detail string) {
	tb.Helper()
	require.Equal(tb, http.StatusServiceUnavailable, a.status, a.body)
	require.Equal(tb, "application/problem+json", a.header.Get("Content-Type"))
	after, err := strconv.Atoi(a.header.Get("Retry-After"))
	require.NoError(tb, err)
	require.Positive(tb, after)
	var problem struct {
		Status int
		Detail string
	}
	a.into(tb, &problem)
	require.Equal(tb, http.StatusServiceUnavailable, problem.Status)
	require.Contains(tb, problem.Detail, detail)
	for _, inside := range []string{"SQL", "INSERT", "127.0.0.1", "postgres", "alertd.db"} {
		require.NotContains(tb, problem.Detail, inside)
	}
}

// metric returns the value of a metric, which must be there.
func (s *service) metric(tb testing.TB, name string) float64 {
	tb.Helper()
	a := s.get(tb, "/metrics")
	require.Equal(tb, http.StatusOK, a.status)
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(a.body)
	require.NotNil(tb, found, "%s is not in\n%s", name, a.body)
	value, err := strconv.ParseFloat(found[1], 64)
	require.NoError(tb, err)
	return value
}

type readiness struct {
	Status string
	Checks map[string]struct {
		OK     bool
		Reason string
	}
}

func (s *service) readyz(tb testing.TB, status int) readiness {
	tb.Helper()
	a := s.get(tb, "/readyz")
	require.Equal(tb, status, a.status, a.body)
	var r readiness
	a.into(tb, &r)
	return r
}

func TestAPIDuringAnOutage(t *testing.T) {
	t.Parallel()
	for _, engine := range []struct {
		name string
		make func(*testing.T) outage
	}{{"SQLite", lockedSQLite}, {"PostgreSQL", stoppedPostgres}} {
		t.Run(engine.name, func(t *testing.T) {
			o := engine.make(t)
			s := start(t, o.config)
			post := func(body string) answer { return s.do(t, http.MethodPost, "/alerts", body) }
			first := post(body)
			require.Equal(t, http.StatusCreated, first.status)
			s.mustRegister(t, 149)
			require.Equal(t, "ready", s.readyz(t, http.StatusOK).Status)
			require.InDelta(t, 1, s.metric(t, "alertd_log_writable"), 0)
			require.InDelta(t, 0, s.metric(t, `alertd_alerts_rejected_total{reason="unavailable"}`), 0)
			newest := s.get(t, "/events?limit=50").body

			s.store.Buffer().Forget(10) // the first ones are to be read
			mend := o.fail()
			const unavailable = "the event log is not available: the database"
			detail := "the event log is not available: " + o.reason
			refused := 2.0 // of a batch, then single ones
			requireProblem(t, post(fmt.Sprintf(`[%s,%s,{"severity":"odd"}]`, body, body)), unavailable)
			for deadline := time.Now().Add(patience); ; {
				answer := post(body)
				refused++
				requireProblem(t, answer, unavailable)
				if strings.Contains(answer.body, detail) { // a server that stops says so first
					break
				}
				require.Less(t, time.Now(), deadline, answer.body)
			}
			notReady := s.readyz(t, http.StatusServiceUnavailable)
			require.Equal(t, "not ready", notReady.Status)
			require.False(t, notReady.Checks["log"].OK)
			require.Equal(t, detail, notReady.Checks["log"].Reason)
			require.True(t, notReady.Checks["accepting"].OK)
			require.Equal(t, http.StatusOK, s.get(t, "/healthz").status)
			answer := s.get(t, "/events?limit=50")
			require.Equal(t, http.StatusOK, answer.status)
			require.Equal(t, newest, answer.body, "what the buffer has can still be read")
			for _, target := range []string{first.header.Get("Location"), "/stats"} {
				if answer := s.get(t, target); o.readable {
					require.Equal(t, http.StatusOK, answer.status, target)
				} else {
					requireProblem(t, answer, unavailable)
				}
			}
			require.InDelta(t, 0, s.metric(t, "alertd_log_writable"), 0)
			require.GreaterOrEqual(t, s.metric(t, "alertd_log_failures_total"), 2.0)
			require.InDelta(t, refused, s.metric(t, `alertd_alerts_rejected_total{reason="unavailable"}`), 0)
			require.Contains(t, s.log.String(), "the event log does not work")

			mend()
			require.Eventually(t, func() bool { return post(body).status == http.StatusCreated }, patience, time.Millisecond)
			s.waitReady(t)
			require.Equal(t, "ready", s.readyz(t, http.StatusOK).Status)
			require.Equal(t, http.StatusOK, s.get(t, first.header.Get("Location")).status)
			require.Equal(t, http.StatusOK, s.get(t, "/stats").status)
			require.InDelta(t, 1, s.metric(t, "alertd_log_writable"), 0)
			require.Contains(t, s.log.String(), "the event log works again")
			var page struct{ Events []struct{ Seq int } }
			s.get(t, "/events?limit=1").into(t, &page)
			require.Equal(t, 151, page.Events[0].Seq, "what was refused took no numbers")
		})
	}
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	o := lockedSQLite(t)
	o.config.Timeout, o.config.MaxQueue = 40*time.Second, 1
	s := start(t, o.config)
	mend := o.fail()
	answers := make(chan answer)
	const requests = 12
	for range requests {
		go func() { answers <- s.do(t, http.MethodPost, "/alerts", body) }()
	}
	const full = "too many alerts wait for the event log; the alert was not accepted, send it again later"
	// There is always room for one, and perhaps one is with the writer.
	for range requests - 2 {
		requireProblem(t, <-answers, full)
	}
	mend()
	refused := requests - 2
	for range 2 {
		if a := <-answers; a.status != http.StatusCreated {
			requireProblem(t, a, full)
			refused++
		}
	}
	require.Less(t, refused, requests)
	require.InDelta(t, refused, s.metric(t, "alertd_log_queue_full_total"), 0)
	require.InDelta(t, refused, s.metric(t, `alertd_alerts_rejected_total{reason="unavailable"}`), 0)
	require.Len(t, readSQLite(t, o.config.Path), requests-refused)
	require.InDelta(t, 0, s.metric(t, "alertd_log_queue_bytes"), 0)
}
