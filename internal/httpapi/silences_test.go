package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

func (h *harness) silence(body string, header ...string) answer {
	h.tb.Helper()
	return h.do(http.MethodPost, "/silences", body, append([]string{"Content-Type", asJSON}, header...)...)
}

func TestSilenceNamesEveryBadField(t *testing.T) {
	h := newHarness(t)
	for body, want := range map[string]struct{ field, says string }{
		`{"match":{"source":["a"]},"by":"Ada"}`:                                                                       {"ends_at", "is missing, must be a time such as"},
		`{"match":{"source":["a"]},"by":"Ada","ends_at":"2025-12-27T11:00:00Z"}`:                                      {"ends_at", "is not after starts_at"},
		`{"match":{"source":["a"]},"by":"Ada","starts_at":"2025-12-26T11:00:00Z","ends_at":"2025-12-27T11:00:00Z"}`:   {"ends_at", "in the past"},
		`{"match":{"source":["a"]},"by":"Ada","starts_at":"2025-12-26T11:00:00Z","duration":"1h"}`:                    {"duration", "ends the silence at 2025-12-26T12:00:00.000000Z, which is in the past"},
		`{"match":{"source":["a"]},"by":"Ada","starts_at":"9999-12-31T23:00:00Z","duration":"2h"}`:                    {"starts_at", "must be before the year 9001"},
		`{"match":{"source":["a"]},"by":"Ada","ends_at":"9999-12-31T23:00:00Z"}`:                                      {"ends_at", "must be at most 366 days"},
		`{"match":{"min_severity":"critical"},"by":"Ada","duration":"2h"}`:                                            {"allow_critical", "must be true"},
		`{"match":{"source":["a\u0000"]},"by":"Ada","duration":"2h"}`:                                                 {"match.source[0]", "NUL"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"367d"}`:                                                     {"duration", "must be at most 366 days"},
		`{"match":{"source":["a"]},"by":"Ada","ends_at":"tomorrow"}`:                                                  {"ends_at", "is not a time"},
		`{"match":{"source":["a"]},"by":"Ada","ends_at":7}`:                                                           {"ends_at", "must be a string"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"a while"}`:                                                  {"duration", `"a while" is not allowed, must be a duration such as 30m, 2h or 7d`},
		`{"match":{"source":["a"]},"by":"Ada","duration":"-2h"}`:                                                      {"duration", "must be a duration"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"2h","ends_at":"2025-12-28T00:00:00Z"}`:                      {"duration", "does not go with ends_at"},
		`{"match":{"source":["a"]},"duration":"2h"}`:                                                                  {"by", "is missing or empty"},
		`{"match":{"source":["a"]},"duration":"2h","by":"` + strings.Repeat("é", 256) + `"}`:                          {"by", "has 256 characters"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"2h","comment":"` + strings.Repeat("é", 1025) + `"}`:         {"comment", "has 1025 characters, must have 0 to 1024"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"2h","comment":"\u0000"}`:                                    {"comment", "NUL"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"2h","allow_critical":"yes"}`:                                {"allow_critical", "must be true or false"},
		`{"match":{"source":["a"]},"by":"Ada","duration":"2h","until":"noon"}`:                                        {"until", "must be one of match, not, starts_at, ends_at, duration, by, comment, allow_critical"},
		`{"by":"Ada","duration":"2h"}`:                                                                                {"match", "must have at least one of"},
		`{"match":{},"not":{"source":[]},"by":"Ada","duration":"2h"}`:                                                 {"match", "must have at least one of"},
		`{"match":["a"],"by":"Ada","duration":"2h"}`:                                                                  {"match", "must be an object"},
		`{"match":{"sorce":["a"]},"by":"Ada","duration":"2h"}`:                                                        {"match.sorce", "is not a known field, must be one of min_severity"},
		`{"match":{"source":"a"},"by":"Ada","duration":"2h"}`:                                                         {"match.source", "must be a list of strings"},
		`{"match":{"source":["a",7]},"by":"Ada","duration":"2h"}`:                                                     {"match.source[1]", "must be a string"},
		`{"match":{"source":["a","b\\"]},"by":"Ada","duration":"2h"}`:                                                 {"match.source[1]", "backslash"},
		`{"match":{"category":["other","fun"]},"by":"Ada","duration":"2h"}`:                                           {"match.category[1]", "must be one of risk_limit"},
		`{"match":{"min_severity":"loud"},"by":"Ada","duration":"2h"}`:                                                {"match.min_severity", "must be one of debug"},
		`{"match":{"min_severity":""},"by":"Ada","duration":"2h"}`:                                                    {"match.min_severity", "must be one of debug"},
		`{"match":{"min_severity":"error","max_severity":"info"},"by":"Ada","duration":"2h"}`:                         {"match.max_severity", "info"},
		`{"match":{"message":"("},"by":"Ada","duration":"2h"}`:                                                        {"match.message", "("},
		`{"match":{"context":["a"]},"by":"Ada","duration":"2h"}`:                                                      {"match.context", "must be an object of strings"},
		`{"match":{"source":["a"]},"not":{"context":{"position":7}},"by":"Ada","duration":"2h"}`:                      {"not.context.position", "must be a string; numbers"},
		`{"match":{"source":["a"]},"not":{"source":["` + strings.Repeat("x", 256) + `"]},"by":"Ada","duration":"2h"}`: {"not.source[0]", "256 characters"},
	} {
		p := requireProblem(t, h.silence(body), http.StatusUnprocessableEntity)
		require.Len(t, p.Errors, 1, "%s: %v", body, p.Errors)
		requireField(t, p, want.field, want.says)
	}
	require.Empty(t, h.desk.silences)
	require.Len(t, requireProblem(t, h.silence(`{"match":{"a":1,"min_severity":"b"},"not":[],"duration":"c","x":1}`), http.StatusUnprocessableEntity).Errors, 6)
}

func TestSilenceIsByWhoIsKnown(t *testing.T) {
	desk := access.NewSecret()
	directory, err := access.NewDirectory([]access.Entry{{Name: "desk-bot", Role: access.RoleOperator, Hash: desk.Hash()}}, false)
	require.NoError(t, err)
	h := newHarness(t, func(c *httpapi.Config) { c.Settings.Access = directory })
	token := []string{"Authorization", "Bearer " + desk.Reveal()}
	const wanted = `"match":{"source":["a"]},"duration":"2h"`
	for body, by := range map[string]string{
		`{` + wanted + `}`:                                         "desk-bot",
		`{` + wanted + `,"by":" ada "}`:                            "desk-bot for ada",
		`{` + wanted + `,"by":"` + strings.Repeat("é", 255) + `"}`: "desk-bot for " + strings.Repeat("é", 255),
	} {
		h.desk.silences = nil
		a := h.silence(body, token...)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		require.Equal(t, by, h.desk.silences[0].By)
		require.Equal(t, "/silences/"+h.desk.silences[0].ID, a.header.Get("Location"))
		require.Equal(t, 2*time.Hour, h.desk.silences[0].EndsAt.Sub(noon()))
		a = h.do(http.MethodDelete, a.header.Get("Location")+"?by=eve", "", token...)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Contains(t, a.body, `"expired_by":"desk-bot for eve"`)
	}
}

func TestPreviewNeedsNeitherEndNorAuthor(t *testing.T) {
	h := newHarness(t).folded(breach, `{"severity":"critical","category":"risk_limit","source":"var_gate","message":"VaR is over","dedup_key":"k"}`)
	preview := func(body string) (answer struct {
		Total     int
		Incidents []incidentAnswer
	},
	) {
		a := h.do(http.MethodPost, "/silences/preview", body, "Content-Type", asJSON)
		require.Equal(t, http.StatusOK, a.status, a.body)
		a.into(t, &answer)
		return answer
	}
	got := preview(`{"match":{"source":["var_*"]}}`)
	require.Equal(t, 1, got.Total, "critical ones are told all the same")
	require.Equal(t, 1, got.Incidents[0].Number)
	require.Equal(t, 2, preview(`{"match":{"source":["var_*"]},"allow_critical":true,"starts_at":"2999-01-01T00:00:00Z"}`).Total)
	require.Empty(t, h.desk.silences)
}

func TestSilencesInPages(t *testing.T) {
	h := newHarness(t)
	for _, body := range []string{
		`{"match":{"source":["a"]},"duration":"2h","by":"Ada"}`,
		`{"match":{"source":["b"]},"duration":"2h","by":"Ada","starts_at":"2025-12-28T00:00:00Z"}`,
		`{"match":{"source":["c"]},"duration":"2h","by":"Ada"}`,
	} {
		require.Equal(t, http.StatusCreated, h.silence(body).status)
	}
	list := func(query string) (sources []string, next *string) {
		a := h.get("/silences" + query)
		require.Equal(t, http.StatusOK, a.status, a.body)
		var page struct {
			Silences []struct {
				Match  struct{ Source []string }
				Status string
			}
			NextCursor *string `json:"next_cursor"`
		}
		a.into(t, &page)
		for _, s := range page.Silences {
			sources = append(sources, s.Match.Source[0]+" "+s.Status)
		}
		return sources, page.NextCursor
	}
	first, next := list("?limit=2")
	require.Equal(t, []string{"c active", "b pending"}, first)
	require.NotNil(t, next)
	rest, next := list("?limit=2&cursor=" + *next)
	require.Equal(t, []string{"a active"}, rest)
	require.Nil(t, next)
	active, _ := list("?active=true")
	require.Equal(t, []string{"c active", "a active"}, active)
	others, _ := list("?active=false")
	require.Equal(t, []string{"b pending"}, others)
}

func TestQuestionIsNoActOfAPerson(t *testing.T) {
	h := newHarness(t)
	require.Equal(t, http.StatusOK, h.do(http.MethodPost, "/silences/preview", `{"match":{"source":["a"]}}`).status)
	require.NotContains(t, h.log.String(), "/silences/preview")
	require.Equal(t, http.StatusCreated, h.silence(`{"match":{"source":["a"]},"duration":"2h","by":"Ada"}`).status)
	require.Contains(t, h.log.String(), `"route":"/silences"`)
}
