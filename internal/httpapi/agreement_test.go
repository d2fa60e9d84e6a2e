//go:build !fuzz && !race

package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/access"
	"alertd/internal/httpapi"
)

// alertValues has for each field of an alert values about its limits. Left out is
// what the document says in words only: capitals, NUL characters and depth within
// a context, white space beyond ASCII, days that a month lacks, and the time zones
// of New Year 1970.
func alertValues() map[string][]string {
	text := func(most int) []string {
		return []string{
			`""`, `" "`, `"a"`, `" a\n"`, `"\ta b\r\n"`, `"a\u0000b"`, `"\u0000"`, `"é"`, `"\ud83d\ude00"`, `7`, `null`, `true`, `{}`, `["a"]`,
			`"` + strings.Repeat("é", most) + `"`, `"` + strings.Repeat("é", most+1) + `"`, `"` + strings.Repeat("😀", most) + `"`,
			`"  ` + strings.Repeat("x", most) + ` "`, `"  ` + strings.Repeat("x", most+1) + ` "`, `"x` + strings.Repeat(" ", most-1) + `x"`,
		}
	}
	return map[string][]string{
		"severity":  {`"debug"`, `"info"`, `"warning"`, `"error"`, `"critical"`, `"loud"`, `""`, `" error"`, `"warn"`, `"fatal"`, `"notice"`, `3`, `null`},
		"category":  {`"risk_limit"`, `"compliance"`, `"other"`, `"risk"`, `""`, `"risk-limit"`, `[]`, `null`},
		"source":    append(text(255), `"alertd"`, `" AlertD\n"`, `"alertd2"`, `"my alertd"`),
		"message":   text(8192),
		"context":   {`{}`, `{"a":{"b":[1,null]}}`, `[]`, `null`, `"x"`, `1`},
		"dedup_key": text(255),
		"resolves":  {`true`, `false`, `null`, `"true"`, `""`, `1`, `0`, `[]`, `{}`},
		"timestamp": {
			`"2025-12-27T10:30:00Z"`, `"2025-12-27T10:30:00.123456789+01:00"`, `"2025-12-27T10:30:00-23:59"`, `"1970-01-01T00:00:00Z"`, `"1969-12-31T23:59:59Z"`, `"0001-01-01T00:00:00Z"`,
			`"9999-12-31T23:59:59Z"`, `"2024-02-29T00:00:00Z"`, `"2025-12-32T00:00:00Z"`, `"2025-13-01T00:00:00Z"`, `"2025-12-27T24:00:00Z"`, `"2025-12-27T10:60:00Z"`,
			`"2025-12-27T10:30:60Z"`, `"2025-12-27T10:30Z"`, `"2025-12-27T10:30:00"`, `"2025-12-27 10:30:00Z"`, `"2025-12-27"`, `"2025-12-27T1:30:00Z"`, `"2025-12-27T10:30:00,5Z"`,
			`"2025-12-27T10:30:00.Z"`, `"2025-12-27T10:30:00+24:00"`, `"2025-12-27T10:30:00+0100"`, `"20251227T103000Z"`, `"12025-12-27T10:30:00Z"`, `"now"`, `""`, `1766831400`, `null`,
			`"2025-12-27T10:30:00.123456"`, `"2025-12-27 10:30:00,5"`, `"2025-12-27t10:30:00z"`, `"2025-12-27T10:30:00 +0100"`, `"2025-12-27T10:30:00-01"`, `"2025-12-27T10:30:00+0160"`, `"2025-12-27T10:30:00+1"`,
			`"2025-12-27T24:00:00.000+01:00"`, `"2025-12-27T24:00:00.5"`, `"2025-12-27T24:00:01"`, `"2025-12-27  10:30:00"`, `"2025-12-27T10:30:00,"`,
		},
		"event_id": {
			`"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"`, `"019B5F2C-7A3E-7C4D-9F10-2B6C8D1E4A55"`, `"ffffffff-ffff-ffff-ffff-ffffffffffff"`,
			`"00000000-0000-0000-0000-000000000000"`, `"019b5f2c7a3e7c4d9f102b6c8d1e4a55"`, `"{019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55}"`, `"urn:uuid:019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55"`,
			`"019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a5g"`, `"019b5f2c-7a3e-7c4d-9f102-b6c8d1e4a55"`, `"019b5f2c"`, `""`, `7`, `null`,
		},
		"more": {`1`},
	}
}

// A generated client or a gateway that checks alerts by the document must accept
// and refuse the same as alertd.
func TestDocumentAndAPIAgreeOnAlerts(t *testing.T) {
	c := newContract(t)
	schema := c.schema(t, "Alert")
	h := newHarness(t)
	agree := func(t require.TestingT, fields map[string]string) {
		members := make([]string, 0, len(fields))
		for _, name := range sortedKeys(fields) {
			members = append(members, `"`+name+`":`+fields[name])
		}
		body := "{" + strings.Join(members, ",") + "}"
		a := h.post(body)
		breaches := c.judge(schema, []byte(body))
		if a.status == http.StatusUnprocessableEntity {
			require.NotEmpty(t, breaches, "the document would take what alertd refuses: %.300s\n%s", body, a.body)
			return
		}
		require.Contains(t, []int{http.StatusOK, http.StatusCreated}, a.status, a.body)
		require.Empty(t, breaches, "the document would refuse what alertd takes: %.300s", body)
	}
	good := func() map[string]string {
		return map[string]string{"severity": `"error"`, "category": `"other"`, "source": `"s"`, "message": `"m"`}
	}
	values := alertValues()
	for field, each := range values {
		without := good()
		delete(without, field)
		agree(t, without)
		for _, value := range each {
			fields := good()
			fields[field] = value
			agree(t, fields)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		fields := good()
		for range rapid.IntRange(2, 5).Draw(rt, "changes") {
			field := rapid.SampledFrom(sortedKeys(values)).Draw(rt, "field")
			fields[field] = rapid.SampledFrom(values[field]).Draw(rt, "value")
		}
		agree(rt, fields)
	})
}

// The same holds for actions.
func TestDocumentAndAPIAgreeOnActions(t *testing.T) {
	c := newContract(t)
	schema := c.schema(t, "Action")
	h := newHarness(t)
	h.folded(breach)
	directory, tokens := tokensOfRoles(t) // without tokens by is required, which the document says in words
	h.api.Reconfigure(httpapi.Settings{Access: directory})
	text := alertValues()["source"]
	values := map[string][]string{
		"by":   text,
		"note": append(slices.Clone(text), `"`+strings.Repeat("é", 8192)+`"`, `"`+strings.Repeat("é", 8193)+`"`, `" `+strings.Repeat("😀", 8191)+`"`, `" `+strings.Repeat("x", 8192)+`"`),
		"more": {`1`},
	}
	agree := func(t require.TestingT, fields map[string]string) {
		members := make([]string, 0, len(fields))
		for _, name := range sortedKeys(fields) {
			members = append(members, `"`+name+`":`+fields[name])
		}
		body := "{" + strings.Join(members, ",") + "}"
		a := h.do(http.MethodPost, "/incidents/"+incidentText+"/acknowledge", body, "Authorization", tokens[access.RoleOperator])
		breaches := c.judge(schema, []byte(body))
		if a.status == http.StatusUnprocessableEntity {
			require.NotEmpty(t, breaches, "the document would take what alertd refuses: %.300s\n%s", body, a.body)
			return
		}
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Empty(t, breaches, "the document would refuse what alertd takes: %.300s", body)
	}
	agree(t, nil)
	for field, each := range values {
		for _, value := range each {
			agree(t, map[string]string{field: value})
			fields := map[string]string{"by": `"Ada"`, "note": `"n"`}
			fields[field] = value
			agree(t, fields)
		}
	}
}

// And for pings.
func TestDocumentAndAPIAgreeOnPings(t *testing.T) {
	c := newContract(t)
	schema := c.schema(t, "Ping")
	h := newHarness(t)
	h.desk.furnish()
	for field, values := range map[string][]string{
		"status":  {`"ok"`, `"failing"`, `""`, `null`, `"OK"`, `" ok"`, `"missed"`, `7`, `true`, `[]`},
		"message": append(alertValues()["dedup_key"], `"`+strings.Repeat("é", 4096)+`"`, `"`+strings.Repeat("é", 4097)+`"`),
		"more":    {`1`},
	} {
		for _, value := range values {
			body := `{"` + field + `":` + value + `}`
			a := h.do(http.MethodPost, "/heartbeats/var-engine", body, "Content-Type", asJSON)
			breaches := c.judge(schema, []byte(body))
			if a.status == http.StatusUnprocessableEntity {
				require.NotEmpty(t, breaches, "the document would take what alertd refuses: %.300s\n%s", body, a.body)
				continue
			}
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Empty(t, breaches, "the document would refuse what alertd takes: %.300s", body)
		}
	}
}

// And for silences, except what the document says in words only: that the condition, the end
// and the author are needed, which times go together, and what a pattern may be.
func TestDocumentAndAPIAgreeOnSilences(t *testing.T) {
	c := newContract(t)
	schema := c.schema(t, "WantedSilence")
	h := newHarness(t)
	text := func(most int) []string {
		return []string{`""`, `"a"`, `"a\u0000b"`, `7`, `null`, `[]`, `"` + strings.Repeat("é", most) + `"`, `"` + strings.Repeat("é", most+1) + `"`}
	}
	many := func(value string, n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(value+",", n), ",") + "]"
	}
	members := map[string]string{}
	for n := range 33 {
		members[fmt.Sprintf(`"m%d"`, n)] = `"x"`
	}
	spec := map[string][]string{
		"min_severity": {`"debug"`, `"warn"`, `"loud"`, `""`, `3`, `null`},
		"max_severity": {`"critical"`, `"emergency"`, `"LOUD"`, `[]`},
		"category":     {`["other"]`, `["other","risk_limit"]`, `["risk"]`, `[]`, `"other"`, `[7]`, `null`, many(`"other"`, 100), many(`"other"`, 101)},
		"source":       {`["a*"]`, `["a","?b"]`, `[]`, `"a"`, `[7]`, `[""]`, `null`, many(`"a"`, 100), many(`"a"`, 101), `["` + strings.Repeat("é", 255) + `"]`, `["` + strings.Repeat("é", 256) + `"]`},
		"message":      {`""`, `"a.b"`, `7`, `null`, `"` + strings.Repeat("x", 1000) + `"`, `"` + strings.Repeat("é", 1025) + `"`},
		"context": {
			`{}`, `{"a":"b*"}`, `{"a":""}`, `{"":"b"}`, `{"a":7}`, `[]`, `null`, `"a"`, object(members), `{"` + strings.Repeat("é", 256) + `":"b"}`,
			`{"a":"` + strings.Repeat("é", 256) + `"}`,
		},
		"more": {`1`},
	}
	values := map[string][]string{
		"match": {`null`, `{}`, `[]`, `"a"`}, "not": {`null`, `{}`, `7`},
		"starts_at": {`null`, `"2025-12-27T12:30:00Z"`, `"2025-12-27 12:30:00"`, `"noon"`, `7`},
		"duration":  {`"1h30m"`, `"90s"`, `"7d"`, `"1.5h"`, `"1.5d"`, `"d"`, `"2 h"`, `"-1h"`, `""`, `7`, `null`, `"1w"`, `"1d12h"`},
		"by":        append(text(255), `" x "`), "comment": text(1024), "allow_critical": {`true`, `false`, `null`, `"true"`, `1`, `""`}, "more": {`1`},
	}
	for name, each := range spec {
		for _, value := range each {
			for _, of := range []string{"match", "not"} {
				values[of] = append(values[of], object(map[string]string{`"` + name + `"`: value}))
			}
		}
	}
	takes := func(fields map[string]string) {
		h.desk.silences = nil
		quoted := map[string]string{}
		for name, value := range fields {
			quoted[`"`+name+`"`] = value
		}
		body := object(quoted)
		a := h.silence(body)
		breaches := c.judge(schema, []byte(body))
		if a.status == http.StatusUnprocessableEntity {
			nothing := strings.Contains(a.body, "leaves no ") // the document does not know that not excludes all
			require.True(t, nothing || len(breaches) > 0, "the document would take what alertd refuses: %.300s\n%s", body, a.body)
			return
		}
		require.Equal(t, http.StatusCreated, a.status, "%.300s: %s", body, a.body)
		require.Empty(t, breaches, "the document would refuse what alertd takes: %.300s", body)
	}
	for field, each := range values {
		for _, value := range each {
			if onlySaid := []string{`by null`, `by ""`, `duration null`}; slices.Contains(onlySaid, field+" "+value) {
				continue
			}
			fields := map[string]string{"match": `{"source":["var_*"]}`, "not": `{"source":["var_test"]}`, "duration": `"2h"`, "by": `"Ada"`}
			fields[field] = value
			takes(fields)
		}
	}
}

// object returns a JSON object of quoted names.
func object(members map[string]string) string {
	texts := make([]string, 0, len(members))
	for _, name := range sortedKeys(members) {
		texts = append(texts, name+":"+members[name])
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// queryValues has for each list and each of its parameters values about its limits.
// Left out is what the document says in words only.
func queryValues() map[string]map[string][]string {
	times := []string{
		"", "2025-12-27T10:30:00Z", "2025-12-27T10:30:00.5+01:00", "0001-01-01T00:00:00Z", "2025-12-27", "2025-12-27T10:30:00", "2025-12-27T1:30:00Z", "2025-02-32T00:00:00Z", "2025-12-27 10:30:00,5", "2025-12-27T24:00:00Z", "2025-12-27T24:00:01Z", "now",
	}
	limits := []string{"", "1", "10", "1000", "0", "1001", "-1", "1.5", "ten", "99999999999999999999"}
	severities := []string{"", "debug", "critical", "warn", "loud", "3"}
	categories := []string{
		"", "risk_limit", "other", "risk", "null", "risk_limit,other", "risk_limit,risk_limit", "other,", ",other", "other,risk", ",",
		strings.Repeat("other,", 7) + "other", strings.Repeat("other,", 8) + "other",
	}
	texts := []string{"", "a", " ", "%", "a b", "é", "a\x00", "\x00", strings.Repeat("é", 255), strings.Repeat("é", 256)}
	sources := append(slices.Clone(texts), " a ", "\ta b\n", " \n", "  "+strings.Repeat("x", 255)+" ", "  "+strings.Repeat("x", 256)+" ", "x"+strings.Repeat(" ", 254)+"x", "a,b")
	noCursors := []string{"", "djEu", "d", "djEuNDI=", strings.Repeat("A", 41)}
	return map[string]map[string][]string{
		"/events": {
			"limit": limits, "min_severity": severities, "category": categories, "source": sources, "since": times, "until": times, "q": texts,
			"order":  {"", "asc", "desc", "ASC", "up"},
			"cursor": append([]string{"djEuMQ", "djEuNDI", "djEuOTIyMzM3MjAzNjg1NDc3NTgwNw"}, noCursors...),
			"more":   {"1"},
		},
		"/incidents": {
			"limit": limits, "min_severity": severities, "category": categories, "source": sources, "since": times, "q": texts,
			"status":      {"", "triggered", "acknowledged", "resolved", "open", "1", "resolved,triggered", "resolved,", "resolved,resolved,resolved", "resolved,resolved,resolved,resolved"},
			"order":       {"", "asc", "desc", "ASC", "up"},
			"fingerprint": {"", "5b2f7c0d9a1e4f3386c4d2b17e90aa51", "5B2F7C0D9A1E4F3386C4D2B17E90AA51", "5b2f7c0d9a1e4f3386c4d2b17e90aa5", "5b2f7c0d9a1e4f3386c4d2b17e90aa510", "xb2f7c0d9a1e4f3386c4d2b17e90aa51"},
			"cursor":      append([]string{"aTEuMQ", "aTEuNDI", "aTEuOTIyMzM3MjAzNjg1NDc3NTgwNw"}, noCursors...),
			"until":       times, "more": {"1"},
		},
		"/deliveries": {
			"limit": limits, "channel": texts,
			"status":      {"", "waiting", "sending", "delivered", "failed", "superseded", "lost", "1", "failed,waiting", "failed,lost", "failed,failed,failed,failed,failed", "failed,failed,failed,failed,failed,failed"},
			"incident_id": {"", incidentText, strings.ToUpper(incidentText), "00000000-0000-0000-0000-000000000000", "019b5f2c7a3e7c4d9f102b6c8d1e4a55", "7"},
			"cursor":      append([]string{"ZDEuMQ", "ZDEuNDI", "ZDEuOTIyMzM3MjAzNjg1NDc3NTgwNw"}, noCursors...),
			"more":        {"1"},
		},
		"/silences": {
			"limit":  limits,
			"active": {"", "true", "false", "TRUE", "1"},
			"cursor": append([]string{"czEuMQ", "czEuNDI", "czEuOTIyMzM3MjAzNjg1NDc3NTgwNw"}, noCursors...),
			"more":   {"1"},
		},
		"/audit": {
			"limit": limits, "actor": texts, "action": texts, "object": texts, "since": times, "until": times,
			"order":  {"", "asc", "desc", "ASC", "up"},
			"cursor": append([]string{"dTEuMQ", "dTEuNDI", "dTEuOTIyMzM3MjAzNjg1NDc3NTgwNw"}, noCursors...),
			"more":   {"1"},
		},
	}
}

func TestDocumentAndAPIAgreeOnQueries(t *testing.T) {
	c := newContract(t)
	h := newHarness(t)
	for list, values := range queryValues() {
		agree := func(t require.TestingT, query url.Values) {
			target := list + "?" + query.Encode()
			a := h.get(target)
			breaches := c.judgeRequest(list, request(h.tb, http.MethodGet, target, ""))
			if a.status == http.StatusBadRequest {
				require.NotEmpty(t, breaches, "the document would take what alertd refuses: %.300s\n%s", target, a.body)
				return
			}
			require.Equal(t, http.StatusOK, a.status, a.body)
			require.Empty(t, breaches, "the document would refuse what alertd takes: %.300s", target)
		}
		for name, each := range values {
			for _, value := range each {
				for _, times := range []int{1, 2, 3, 4, 5, 6, 8, 9, 100, 101} {
					agree(t, url.Values{name: slices.Repeat([]string{value}, times)})
				}
			}
		}
		rapid.Check(t, func(rt *rapid.T) {
			query := url.Values{}
			for range rapid.IntRange(2, 5).Draw(rt, "parameters") {
				name := rapid.SampledFrom(sortedKeys(values)).Draw(rt, "name")
				query.Add(name, rapid.SampledFrom(values[name]).Draw(rt, "value"))
			}
			if query.Has("cursor") {
				query.Del("order") // that a cursor goes with its order is said in words
			}
			agree(rt, query)
		})
	}
}

// sortedKeys returns a map's keys in an order that does not change, so that a
// failure can be found again.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
