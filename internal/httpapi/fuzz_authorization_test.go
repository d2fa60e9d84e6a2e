package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

// FuzzAuthorization checks that no Authorization header lets in somebody who has no valid token:
// the answer is a 401 that says what to show, and does not repeat what was shown.
func FuzzAuthorization(f *testing.F) {
	late := access.NewSecret()
	directory, tokens := tokensOfRoles(f, access.Entry{Name: "late", Role: access.RoleAdmin, Hash: late.Hash(), Expires: time.Now()})
	valid := tokens[access.RoleAdmin]
	swapped := valid[:len(valid)-2] + string(valid[len(valid)-1]) + string(valid[len(valid)-2])
	for _, seed := range []string{
		"", " ", "Bearer", "Bearer ", "bearer x", "Basic YTpi", "Bearer " + late.Reveal(), "Bearer " + access.NewSecret().Reveal(), swapped, valid + " ",
		valid[:len(valid)-1], strings.ToUpper(valid), "Bearer\t" + valid[7:], valid[7:], "Basic " + valid[7:], "Bearer " + valid, valid + "," + valid, "Bearer alertd_", "Bearer \x00", "Bearer é\xff",
		`Bearer realm="alertd"`, "Bearer " + strings.Repeat("a", 5000), "Bearer sha256:" + strings.Repeat("0", 64),
	} {
		f.Add(seed, "", false)
		f.Add(seed, valid, true)
		f.Add(valid, seed, true)
	}
	h := newHarness(f, quiet, func(c *httpapi.Config) { c.Settings.Access = directory })
	f.Fuzz(func(t *testing.T, first, second string, twice bool) {
		values := []string{first}
		if twice {
			values = append(values, second)
		}
		scheme, token, _ := strings.Cut(first, " ")
		ask := func(target string) answer {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
			request.Header["Authorization"] = values
			recorder := httptest.NewRecorder()
			h.api.Handler().ServeHTTP(recorder, request)
			return answer{recorder.Code, recorder.Header(), recorder.Body.String()}
		}
		a := ask("/config")
		if len(values) == 1 && strings.EqualFold(scheme, "Bearer") && "Bearer "+strings.TrimLeft(token, " ") == valid {
			require.Equal(t, http.StatusOK, a.status, "it is the valid token")
			return
		}
		requireRefusal(t, a, http.StatusUnauthorized)
		require.Regexp(t, `^Bearer realm="alertd"(, error="invalid_(request|token)")?$`, a.header.Get("WWW-Authenticate"))
		if len(token) > 20 {
			require.NotContains(t, a.body, token)
		}
		require.Equal(t, "{\"status\":\"ready\"}\n", ask("/readyz").body, "on an open route it counts as none")
	})
}
