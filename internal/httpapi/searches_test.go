package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
	"alertd/internal/httpapi"
	"alertd/internal/incident"
)

// slowDatabase answers each search once it is released, or when its context ends.
type slowDatabase struct {
	*alerting.MemoryLog
	*desk
	released chan struct{}
	searches atomic.Int64 // that were begun
}

func (s *slowDatabase) search(ctx context.Context) error {
	s.searches.Add(1)
	select {
	case <-s.released:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *slowDatabase) Query(ctx context.Context, q alerting.Query) (alerting.Page, error) {
	if err := s.search(ctx); err != nil {
		return alerting.Page{}, err
	}
	return s.MemoryLog.Query(ctx, q)
}

func (s *slowDatabase) After(ctx context.Context, after alerting.Seq, filter alerting.Filter) (alerting.Stretch, error) {
	if err := s.search(ctx); err != nil {
		return alerting.Stretch{}, err
	}
	return s.MemoryLog.After(ctx, after, filter)
}

func (s *slowDatabase) Incidents(ctx context.Context, q incident.Query) (incident.Page, error) {
	if err := s.search(ctx); err != nil {
		return incident.Page{}, err
	}
	return s.desk.Incidents(ctx, q)
}

func (s *slowDatabase) Deliveries(ctx context.Context, q delivery.Query) (delivery.Page, error) {
	if err := s.search(ctx); err != nil {
		return delivery.Page{}, err
	}
	return s.desk.Deliveries(ctx, q)
}

// searching returns an API on a slow database that takes two searches of 10 s at once.
// Its buffer holds two events and its log more.
func searching(t *testing.T) (*harness, *slowDatabase) {
	t.Helper()
	slow := &slowDatabase{MemoryLog: alerting.NewMemoryLog(100), desk: newDesk(), released: make(chan struct{})}
	h := newHarness(t, func(c *httpapi.Config) {
		var err error
		c.Manager, err = alerting.OpenManager(t.Context(), alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: 2}, nil, slow)
		require.NoError(t, err)
		c.Incidents, c.Deliveries = slow, slow
		c.MaxSearches, c.SearchTimeout = 2, 10*time.Second
	})
	for range 5 {
		require.Equal(t, http.StatusCreated, h.post(breach).status)
	}
	return h, slow
}

// searchTargets are requests that search the database.
func searchTargets() []string {
	return []string{"/events?limit=3", "/events?order=asc", "/incidents?q=limit", "/incidents", "/deliveries?status=failed"}
}

// begin sends a request and returns where its answer will be.
func (h *harness) begin(ctx context.Context, target string) <-chan answer {
	answered := make(chan answer, 1)
	go func() {
		request := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		recorder := httptest.NewRecorder()
		h.api.Handler().ServeHTTP(recorder, request)
		answered <- answer{recorder.Code, recorder.Header(), recorder.Body.String()}
	}()
	synctest.Wait()
	return answered
}

func TestSearchesBeyondTheLimitAreRefused(t *testing.T) {
	for _, target := range searchTargets() {
		synctest.Test(t, func(t *testing.T) {
			h, slow := searching(t)
			first, second := h.begin(t.Context(), target), h.begin(t.Context(), target)
			began := time.Now()
			refused := h.get(target)
			require.Contains(t, requireProblem(t, refused, http.StatusServiceUnavailable).Detail, "2 searches are under way", target)
			require.Equal(t, "5", refused.header.Get("Retry-After"))
			require.Equal(t, time.Second, time.Since(began), "it waits for a place for a moment")
			require.Equal(t, int64(2), slow.searches.Load())

			require.Equal(t, http.StatusOK, h.get("/events?limit=1").status, "the buffer needs no place")
			require.Equal(t, http.StatusOK, h.get("/readyz").status)

			upwards := h.begin(t.Context(), "/events?order=asc&cursor=YTEuMw") // after 3, which the buffer reaches
			require.Equal(t, int64(3), slow.searches.Load(), "nor does it in the other order")
			third := h.begin(t.Context(), target)
			close(slow.released)
			for _, answered := range []<-chan answer{first, second, third, upwards} {
				require.Equal(t, http.StatusOK, (<-answered).status, target)
			}
		})
	}
}

func TestSearchHasADeadline(t *testing.T) {
	for _, target := range searchTargets() {
		synctest.Test(t, func(t *testing.T) {
			h, _ := searching(t)
			began := time.Now()
			for range 3 { // the places are free again
				a := h.get(target)
				require.Contains(t, requireProblem(t, a, http.StatusServiceUnavailable).Detail, "took longer than 10s", target)
				require.Equal(t, "5", a.header.Get("Retry-After"))
			}
			require.Equal(t, 30*time.Second, time.Since(began))
			require.InDelta(t, http.StatusServiceUnavailable, h.lastRecord()["status"], 0)
		})
	}
}

func TestSearchEndsWithItsClient(t *testing.T) {
	for _, target := range searchTargets() {
		synctest.Test(t, func(t *testing.T) {
			h, slow := searching(t)
			ctx, leave := context.WithCancel(t.Context())
			first, second := h.begin(ctx, target), h.begin(ctx, target)
			waiting := h.begin(ctx, target)
			leave()
			began := time.Now()
			for _, answered := range []<-chan answer{first, second, waiting} {
				<-answered
			}
			require.Zero(t, time.Since(began), target)
			require.InDelta(t, 499, h.lastRecord()["status"], 0)
			close(slow.released)
			require.Equal(t, http.StatusOK, h.get(target).status)
		})
	}
}
