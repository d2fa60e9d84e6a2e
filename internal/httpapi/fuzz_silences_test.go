package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzSilence checks that a body makes a silence that can be kept, or is refused with what
// is wrong with it.
func FuzzSilence(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"match":{"source":["a*"]},"duration":"2h","by":"Ada"}`, `{"match":{"source":["a\\"]},"duration":"2h","by":"Ada"}`,
		`{"match":{"source":["a"],"source":["b"]},"duration":"2h","by":"Ada"}`, `{"match":{"context":{"a":"b","a":"c"}},"duration":"2h","by":"Ada"}`,
		`{"not":{"min_severity":"critical","category":["other"],"message":"(?i)x","context":{"a.b":"?"}},"starts_at":"2025-12-27T13:00:00Z","ends_at":"2025-12-28T00:00:00Z","by":"Ada","comment":"c","allow_critical":true}`,
		`{"match":{"min_severity":"error","max_severity":"info"},"duration":"2h","by":"Ada"}`, `{"match":{"message":"("},"duration":"9223372036854775807h","by":"Ada"}`,
		`{"match":null,"not":null,"duration":null,"by":"Ada"}`, `{"match":{"category":[null]},"duration":"1ns","by":"Ada"}`, `{"match":{"source":["\u0000"]},"duration":"2h","by":"\u0000"}`,
		`{"match":{"message":"a{1000}{1000}"},"duration":"2h","by":"Ada"}`, `{"match":{"source":["` + "\xff" + `"]},"duration":"2h","by":"Ada"}`,
	} {
		f.Add(seed)
	}
	h := newHarness(f, quiet)
	f.Fuzz(func(t *testing.T, body string) {
		h.desk.silences = nil
		a := h.on(t).do(http.MethodPost, "/silences", body)
		if a.status != http.StatusCreated {
			p := requireRefusal(t, a, http.StatusBadRequest, http.StatusUnprocessableEntity)
			require.True(t, a.status == http.StatusBadRequest || len(p.Errors) > 0 || p.Detail == "the body must be a JSON object", p.Detail)
			require.Empty(t, h.desk.silences)
			return
		}
		made := h.desk.silences[0]
		require.True(t, made.EndsAt.After(made.StartsAt) && made.EndsAt.After(noon()))
		require.NotEmpty(t, made.By)
		require.False(t, made.Match.IsZero() && made.Not.IsZero(), "it would silence everything")
		shown := struct {
			Match, Not map[string]any
			Condition  string
		}{}
		a.into(t, &shown)
		require.NotEqual(t, "anything", shown.Condition)
		preview := h.on(t).do(http.MethodPost, "/silences/preview", body)
		require.Equal(t, http.StatusOK, preview.status, preview.body)
	})
}
