package main

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	fold "alertd/internal/incident"
)

func newWriter(seed uint64) *writer {
	return &writer{name: "c1", random: rand.New(rand.NewPCG(seed, 1)), maxSize: 50}
}

func TestWriterMakesPostsOfEveryKindOnce(t *testing.T) {
	id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	kinds := make(map[string]int)
	tokens, ids := make(map[string]bool), make(map[string]bool)
	w := newWriter(1)
	for range 2000 {
		p := w.next()
		kind := map[form]string{single: "single", array: "array", lines: "lines"}[p.form]
		switch {
		case p.key != "":
			kind += " with a key"
		case p.repeatable():
			kind += " with ids"
		}
		kinds[kind]++
		for _, a := range p.alerts {
			require.False(t, tokens[a.token])
			require.Equal(t, "#", fold.Mask(a.token), "tokens do not keep events apart")
			tokens[a.token] = true
			if a.eventID != "" {
				require.Regexp(t, id, a.eventID)
				require.False(t, ids[a.eventID])
				ids[a.eventID] = true
			}
			if a.refused() {
				kinds["an alert that is refused"]++
				require.NotEqual(t, single, p.form)
			}
		}
	}
	for _, kind := range []string{
		"single", "single with ids", "single with a key", "array", "array with ids", "lines", "lines with ids", "an alert that is refused",
	} {
		require.Greater(t, kinds[kind], 10, kind)
	}
}

func TestWriterRepeatsASeed(t *testing.T) {
	one, same, other := newWriter(1), newWriter(1), newWriter(2)
	differ := false
	for range 20 {
		a, b, c := one.next(), same.next(), other.next()
		require.Equal(t, a.alerts[0].message, b.alerts[0].message)
		require.Len(t, b.alerts, len(a.alerts))
		differ = differ || a.alerts[0].message != c.alerts[0].message
	}
	require.True(t, differ)
}

func TestBodyHasTheAlertsUnchanged(t *testing.T) {
	w := newWriter(3)
	for range 500 {
		p := w.next()
		body, contentType := p.body()
		var alerts []json.RawMessage
		switch p.form {
		case single:
			alerts = []json.RawMessage{body}
		case array:
			require.NoError(t, json.Unmarshal(body, &alerts))
		case lines:
			require.Equal(t, "application/x-ndjson", contentType)
			for line := range bytes.Lines(body) {
				alerts = append(alerts, line)
			}
		}
		require.Len(t, alerts, len(p.alerts))
		for i, a := range p.alerts {
			if a.eventID != "" { // difference wants all fields that were sent
				require.Empty(t, a.difference(withContext(t, alerts[i])))
			}
		}
	}
}

// withContext adds the context of an event whose alert has none.
func withContext(tb testing.TB, text []byte) string {
	tb.Helper()
	require.True(tb, json.Valid(text), string(text))
	if bytes.Contains(text, []byte(`"context":`)) {
		return string(text)
	}
	return `{"context":{},` + string(bytes.TrimSpace(text)[1:])
}

func TestParseRecord(t *testing.T) {
	text := " " + `{"event_id":"i", "message":"c1-7 limit breached","seq":12,"context":{ "a": 1.0 }}` + "\n"
	r, err := parseRecord([]byte(text))
	require.NoError(t, err)
	require.Equal(t, record{"i", 12, "c1-7", text[1 : len(text)-1], ""}, r)
	r, err = parseRecord([]byte(`{"event_id":"i","seq":12,"message":"m","incident_id":"a-b"}`))
	require.NoError(t, err)
	require.Equal(t, record{"i", 12, "m", `{"event_id":"i","seq":12,"message":"m"}`, "a-b"}, r)
	require.Equal(t, record{"i", 12, "m", r.json, ""}, r.alone())
	for name, bad := range map[string]string{
		"no JSON": "<html>", "no id": `{"seq":1}`, "no number": `{"event_id":"i"}`,
		"an incident that is not last": `{"event_id":"i","seq":12,"incident_id":"a","message":"m"}`,
	} {
		_, err := parseRecord([]byte(bad))
		require.ErrorContains(t, err, "read an event", name)
	}
}
