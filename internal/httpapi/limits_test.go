package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
	"alertd/internal/limit"
)

// from makes a request from an address.
func (h *harness) from(address, method, target, body string, header ...string) answer {
	h.tb.Helper()
	r := httptest.NewRequestWithContext(h.tb.Context(), method, target, strings.NewReader(body))
	r.RemoteAddr = address
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	h.api.Handler().ServeHTTP(recorder, r)
	return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
}

const (
	here  = "192.0.2.1:1000"
	there = "192.0.2.2:1000"
)

// passed returns how many of so many requests were not too many.
func passed(requests int, send func() answer) int {
	n := 0
	for range requests {
		if send().status != http.StatusTooManyRequests {
			n++
		}
	}
	return n
}

// limited returns an API with owners of tokens and small limits, and the tokens of each role.
func limited(tb testing.TB, limits httpapi.Limits, more ...access.Entry) (*harness, map[access.Role]string) {
	tb.Helper()
	h, tokens := guarded(tb, more...)
	h.settings.Limits = limits
	h.api.Reconfigure(h.settings)
	return h, tokens
}

func TestRateIsOfAnAddressWhileNobodyIsConfigured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *httpapi.Config) { c.Settings.Limits.Rate = limit.Rate{Count: 20, Per: time.Second} })
		send := func(from string) func() answer {
			return func() answer { return h.from(from, http.MethodGet, "/version", "") }
		}
		require.Equal(t, 20, passed(100, send(here)))
		a := send(here)()
		p := requireProblem(t, a, http.StatusTooManyRequests)
		require.Equal(t, "too many requests from 192.0.2.1: [server] rate allows 20 a second", p.Detail)
		require.Equal(t, "1", a.header.Get("Retry-After"))
		require.Equal(t, 20, passed(100, send(there)), "another is not disturbed")
		require.Equal(t, http.StatusTooManyRequests, h.from(here, http.MethodGet, "/nothing", "").status)
		require.Equal(t, http.StatusTooManyRequests, h.from(here, http.MethodPost, "/alerts", breach).status)
		for _, probe := range []string{"/healthz", "/readyz"} {
			require.Equal(t, http.StatusOK, h.from(here, http.MethodGet, probe, "").status, "a load balancer asks from there")
		}
		time.Sleep(time.Second)
		require.Equal(t, 20, passed(100, send(here)))
	})
}

func TestIPv6NetworkIsOneClient(t *testing.T) {
	h := newHarness(t, func(c *httpapi.Config) { c.Settings.Limits.Rate = limit.Rate{Count: 10, Per: time.Hour} })
	i := 0
	require.Equal(t, 10, passed(50, func() answer {
		i++
		return h.from(fmt.Sprintf("[2001:db8::%x:1]:7", i), http.MethodGet, "/version", "")
	}))
	require.Equal(t, http.StatusOK, h.from("[2001:db8:0:1::1]:7", http.MethodGet, "/version", "").status)
	p := requireProblem(t, h.from("[2001:db8::1]:7", http.MethodGet, "/version", ""), http.StatusTooManyRequests)
	require.Contains(t, p.Detail, "from 2001:db8::/64:")
}

func TestRateIsOfAnIdentityWhereverItIs(t *testing.T) {
	old, next := access.NewSecret(), access.NewSecret()
	h, _ := limited(t, httpapi.Limits{Rate: limit.Rate{Count: 10, Per: time.Hour}},
		access.Entry{Name: "gate", Role: access.RoleRead, Hash: old.Hash()}, access.Entry{Name: "gate", Role: access.RoleRead, Hash: next.Hash()},
		access.Entry{Name: "other", Role: access.RoleRead, Subject: "CN=other"})
	by := func(from string, secret access.Secret) func() answer {
		return func() answer {
			return h.from(from, http.MethodGet, "/version", "", "Authorization", "Bearer "+secret.Reveal())
		}
	}
	require.Equal(t, 6, passed(6, by(here, old)))
	require.Equal(t, 4, passed(50, by(there, next)), "a token and its successor share a rate")
	p := requireProblem(t, by(here, old)(), http.StatusTooManyRequests)
	require.Contains(t, p.Detail, "too many requests from gate: [server] rate allows 10 an hour")
}

func TestStrangersHaveARateOfTheirOwn(t *testing.T) {
	h, tokens := limited(t, httpapi.Limits{AddressRate: limit.Rate{Count: 10, Per: time.Hour}})
	require.Equal(t, 10, passed(50, func() answer { return h.from(here, http.MethodGet, "/openapi.yaml", "") }), "of an open route")
	require.Zero(t, passed(50, func() answer { return h.from(here, http.MethodGet, "/events", "") }))
	require.Equal(t, http.StatusUnauthorized, h.from(there, http.MethodGet, "/events", "").status)
	require.Equal(t, 50, passed(50, func() answer {
		return h.from(here, http.MethodGet, "/events", "", "Authorization", tokens[access.RoleRead])
	}), "a credential is not held up by strangers at its address")
}

func TestWrongCredentialsAreLimitedHarderAndGoodOnesNever(t *testing.T) {
	h, tokens := limited(t, httpapi.Limits{LoginFailures: limit.Rate{Count: 5, Per: time.Minute}})
	guess := func(from string) answer {
		return h.from(from, http.MethodGet, "/events", "", "Authorization", "Bearer "+access.NewSecret().Reveal())
	}
	for range 5 {
		requireProblem(t, guess(here), http.StatusUnauthorized)
	}
	a := guess(here)
	p := requireProblem(t, a, http.StatusTooManyRequests)
	require.Contains(t, p.Detail, "too many wrong credentials from 192.0.2.1: [server] login_failure_rate allows 5 a minute")
	require.Equal(t, "12", a.header.Get("Retry-After"))
	require.Empty(t, a.header.Get("WWW-Authenticate"))
	require.Contains(t, h.lastRecord()["error"], "is not known", "the log has both")
	require.Equal(t, http.StatusTooManyRequests, h.from(here, http.MethodGet, "/docs", "", "Authorization", "Bearer x").status, "also where none is needed")
	require.Equal(t, http.StatusOK, h.from(here, http.MethodGet, "/healthz", "", "Authorization", "Bearer x").status)
	require.Equal(t, http.StatusOK, h.from(here, http.MethodGet, "/events", "", "Authorization", tokens[access.RoleRead]).status)
	require.Equal(t, http.StatusUnauthorized, h.from(here, http.MethodGet, "/events", "").status, "none is not a wrong one")
	require.Equal(t, http.StatusUnauthorized, guess(there).status)
	require.Contains(t, h.from(here, http.MethodGet, "/metrics", "", "Authorization", tokens[access.RoleRead]).body, `alertd_http_refused_total{reason="login_rate"} 2`)
}

func TestForwardedAddressIsWhatIsLimited(t *testing.T) {
	h := behind(t, false, "10.0.0.0/8")
	h.settings.Limits.Rate = limit.Rate{Count: 10, Per: time.Hour}
	h.api.Reconfigure(h.settings)
	i := 0
	forged := func(peer, real string) func() answer {
		return func() answer {
			i++
			forwarded := strings.TrimSuffix(fmt.Sprintf("198.51.100.%d, %s", i, real), ", ")
			return h.from(peer, http.MethodGet, "/version", "", "X-Forwarded-For", forwarded)
		}
	}
	require.Equal(t, 10, passed(50, forged("192.0.2.66:1", "")), "nobody gets a new rate by a header")
	require.Equal(t, 10, passed(50, forged("10.0.0.1:1", "192.0.2.7")), "nor behind a proxy")
	require.Equal(t, 10, passed(50, forged("10.0.0.1:1", "192.0.2.8")), "each behind the proxy has a rate")
}

func TestReloadChangesLimits(t *testing.T) {
	h := newHarness(t)
	send := func() answer { return h.from(here, http.MethodGet, "/version", "") }
	require.Equal(t, 100, passed(100, send), "no limit")
	h.settings.Limits.Rate = limit.Rate{Count: 10, Per: time.Hour}
	h.api.Reconfigure(h.settings)
	require.Equal(t, 10, passed(100, send))
	h.settings.Limits.Rate = limit.Rate{}
	h.api.Reconfigure(h.settings)
	require.Equal(t, 100, passed(100, send))
}

func TestStreamsOfOneClientAreLimited(t *testing.T) {
	h, tokens := guarded(t)
	h.settings.Limits.StreamsPerClient = 2
	h.api.Reconfigure(h.settings)
	server := h.serve()
	first := listen(t, server, "", "Authorization", tokens[access.RoleRead])
	listen(t, server, "", "Authorization", tokens[access.RoleRead])
	third := func() answer {
		return h.do(http.MethodHead, "/events/stream", "", "Authorization", tokens[access.RoleRead])
	}
	a := h.do(http.MethodGet, "/events/stream", "", "Authorization", tokens[access.RoleRead])
	p := requireProblem(t, a, http.StatusTooManyRequests)
	require.Equal(t, "read has 2 event streams open, which is the limit of one client ([server] max_streams_per_client)", p.Detail)
	require.Equal(t, "5", a.header.Get("Retry-After"))
	listen(t, server, "", "Authorization", tokens[access.RoleOperator])
	text := h.do(http.MethodGet, "/metrics", "", "Authorization", tokens[access.RoleRead]).body
	require.Contains(t, text, `alertd_http_refused_total{reason="streams_per_client"} 1`)
	require.Contains(t, text, "\nalertd_streams 3\n")
	first.close()
	require.Eventually(t, func() bool { return third().status == http.StatusOK }, 10*time.Second, time.Millisecond)
}

// A flood of refusals must not fill the disk.
func TestFloodOfRefusalsIsLoggedInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, tokens := guarded(t)
		for range 1000 {
			require.Equal(t, http.StatusUnauthorized, h.get("/events").status)
		}
		require.Equal(t, 10, strings.Count(h.log.String(), `"msg":"request"`))
		h.do(http.MethodGet, "/events?limit=x", "", "Authorization", tokens[access.RoleRead])
		require.InDelta(t, 400, h.lastRecord()["status"], 0, "what others do wrong is still logged")
		require.Contains(t, h.do(http.MethodGet, "/metrics", "", "Authorization", tokens[access.RoleRead]).body, `alertd_http_refused_total{reason="unauthenticated"} 1000`)
		time.Sleep(time.Second)
		h.get("/events")
		require.Equal(t, 12, strings.Count(h.log.String(), `"msg":"request"`))
	})
}

func TestBodyThatIsNestedTooDeepIsRefusedAlone(t *testing.T) {
	deep := strings.Repeat("[", 100)
	bomb := with(`"context":{"a":` + deep + strings.Repeat("]", 100) + `}`)
	h := newHarness(t).folded(breach)
	for name, c := range map[string]struct {
		target, body string
	}{
		"an alert":       {"/alerts", bomb},
		"an action":      {"/incidents/" + incidentText + "/acknowledge", `{"by":` + deep},
		"nothing wanted": {"/channels/slack/test", deep},
	} {
		t.Run(name, func(t *testing.T) {
			p := requireProblem(t, h.on(t).do(http.MethodPost, c.target, c.body), http.StatusBadRequest)
			require.Contains(t, p.Detail, "nested deeper than 64 levels, must be at most 64")
		})
	}
	batch := h.post("[" + breach + "," + bomb + "," + breach + "]")
	require.Equal(t, http.StatusOK, batch.status)
	require.Contains(t, batch.body, `"registered":2,"filtered":0,"duplicate":0,"rejected":1`)
	require.Contains(t, batch.body, "nested deeper than 64 levels")
	require.Contains(t, h.post(breach+"\n"+bomb, "Content-Type", asNDJSON).body, `"rejected":1`)
	require.Contains(t, h.get("/metrics").body, `alertd_http_refused_total{reason="json_depth"} 5`)
}

// BenchmarkLimits measures what the limits cost a request of a known caller, by taking
// them away.
func BenchmarkLimits(b *testing.B) {
	for name, rate := range map[string]limit.Rate{"none": {}, "far away": {Count: 1_000_000_000, Per: time.Second}} {
		b.Run(name, func(b *testing.B) {
			h, tokens := guarded(b)
			h.settings.Limits = httpapi.Limits{Rate: rate, AddressRate: rate, LoginFailures: rate}
			h.api.Reconfigure(h.settings)
			h.bench(b, http.MethodGet, "/version", "", http.StatusOK, "Authorization", tokens[access.RoleRead])
		})
	}
}
