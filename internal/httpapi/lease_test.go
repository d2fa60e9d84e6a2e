package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

// reloads gives an API entries, as a reload does.
func (h *harness) reloads(entries ...access.Entry) {
	h.tb.Helper()
	directory, err := access.NewDirectory(entries, false)
	require.NoError(h.tb, err)
	h.api.Reconfigure(httpapi.Settings{Access: directory})
}

// A stream outlives many reloads, but not its token.
func TestStreamEndsWithItsToken(t *testing.T) {
	secret, other := access.NewSecret(), access.NewSecret()
	mine := access.Entry{Name: "desk", Role: access.RoleRead, Hash: secret.Hash()}
	for name, c := range map[string]struct {
		next   access.Entry
		reason string
	}{
		"gone":            {access.Entry{Name: "desk", Role: access.RoleRead, Hash: other.Hash()}, "the credential is not known"},
		"another role":    {access.Entry{Name: "desk", Role: access.RoleIngest, Hash: secret.Hash()}, "this needs the role read, operator or admin; desk has the role ingest now"},
		"expired at once": {access.Entry{Name: "desk", Role: access.RoleRead, Hash: secret.Hash(), Expires: time.Now()}, "the credential has expired"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.reloads(mine)
			r := listen(t, h.serve(), "", "Authorization", "Bearer "+secret.Reveal())
			for range 3 {
				h.reloads(mine, access.Entry{Name: "other", Role: access.RoleAdmin, Hash: other.Hash()})
				h.register("s")
				require.Equal(t, "alert", r.next().event, "a reload that does not concern it")
			}
			h.reloads(c.next)
			m := r.next()
			require.Equal(t, "revoked", m.event)
			require.JSONEq(t, `{"reason":"`+c.reason+`"}`, m.data)
			require.Equal(t, "end", r.next().event)
		})
	}
}

func TestStreamOfAnybodyEndsWhenTokensAreNeeded(t *testing.T) {
	h := newHarness(t)
	r := listen(t, h.serve(), "")
	h.reloads()
	h.register("s")
	require.Equal(t, "alert", r.next().event)
	h.reloads(access.Entry{Name: "desk", Role: access.RoleRead, Hash: access.NewSecret().Hash()})
	require.Equal(t, "revoked", r.next().event)
	require.Equal(t, "end", r.next().event)
}

func TestStreamEndsWhenItsTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, began := access.NewSecret(), time.Now()
		entry := access.Entry{Name: "desk", Role: access.RoleRead, Hash: secret.Hash(), Expires: began.Add(time.Hour)}
		h := newHarness(t)
		h.reloads(entry)
		open := func() *httptest.ResponseRecorder {
			recorder := httptest.NewRecorder()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events/stream", nil)
			request.Header.Set("Authorization", "Bearer "+secret.Reveal())
			h.api.Handler().ServeHTTP(recorder, request)
			return recorder
		}
		recorder := open()
		require.Equal(t, time.Hour, time.Since(began))
		require.True(t, strings.HasSuffix(recorder.Body.String(), "event: revoked\ndata: {\"reason\":\"the credential has expired\"}\n\n"), recorder.Body.String())
		require.Equal(t, http.StatusUnauthorized, open().Code)

		entry.Expires = time.Now().Add(time.Hour)
		h.reloads(entry)
		done := make(chan struct{})
		go func() { defer close(done); open() }()
		synctest.Wait()
		entry.Expires = time.Now().Add(3 * time.Hour)
		h.reloads(entry) // which gives it longer
		began = time.Now()
		<-done
		require.Equal(t, 3*time.Hour, time.Since(began))
	})
}

// A stream ends soon after its session, wherever that was ended, and does not keep it alive.
func TestStreamEndsWithItsSession(t *testing.T) {
	directory, tokens := tokensOfRoles(t)
	h := newHarness(t, func(c *httpapi.Config) {
		c.Settings.Access, c.StreamHeartbeat = directory, 10*time.Millisecond
	})
	cookie := h.signIn(tokens[access.RoleRead])
	r := listen(t, h.serve(), "", "Cookie", cookie)
	h.register("s")
	require.Equal(t, "alert", r.next().event)
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/logout", "", "Cookie", cookie).status)
	m := r.next()
	require.Equal(t, "revoked", m.event)
	require.JSONEq(t, `{"reason":"the session has ended"}`, m.data)
	require.Equal(t, "end", r.next().event)

	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t, func(c *httpapi.Config) { c.Settings.Access = directory })
		cookie, began := h.signIn(tokens[access.RoleRead]), time.Now()
		recorder := httptest.NewRecorder()
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/events/stream", nil)
		request.Header.Set("Cookie", cookie)
		h.api.Handler().ServeHTTP(recorder, request)
		require.InDelta(t, 8, time.Since(began).Hours(), 0.01)
		require.Contains(t, recorder.Body.String(), "event: revoked")
	})
}
