package incident_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

// heldBack returns an incident that was held back, with as many events.
func heldBack(number incident.Number, severity alerting.Severity, source string, events uint64) incident.Held {
	return incident.Held{Events: events, Incident: &incident.Incident{
		ID: incident.NewID(), Number: number, Severity: severity, Category: alerting.CategoryDataQuality, Source: source,
		Message: fmt.Sprintf("incident %d", number), Status: incident.Triggered,
	}}
}

func TestADigestCountsAndNamesTheWorst(t *testing.T) {
	since := time.Date(2025, 12, 27, 12, 3, 0, 0, time.UTC)
	var held []incident.Held
	for n, source := range []string{"a", "b", "c", "d", "e", "f", "g", "g", "g", "f"} {
		held = append(held, heldBack(incident.Number(n+1), alerting.SeverityWarning, source, 2))
	}
	held[3].Incident.Severity = alerting.SeverityError
	held[0].Incident.Category = alerting.CategoryRiskLimit
	d := incident.NewDigest(since, since.Add(time.Minute), held)
	require.Equal(t, 10, d.Incidents)
	require.EqualValues(t, 20, d.Events)
	require.Equal(t, []incident.Tally{{"error", 1}, {"warning", 9}}, d.BySeverity)
	require.Equal(t, []incident.Tally{{"data_quality", 9}, {"risk_limit", 1}}, d.ByCategory)
	require.Equal(t, []incident.Tally{{"g", 3}, {"f", 2}, {"a", 1}, {"b", 1}, {"c", 1}, {"other", 2}}, d.BySource)
	var worst []incident.Number
	for _, item := range d.Worst {
		worst = append(worst, item.Number)
	}
	require.Equal(t, []incident.Number{4, 10, 9, 8, 7}, worst, "the most severe, then the latest")
	require.Equal(t, alerting.SeverityError, d.Severity())

	text, err := json.Marshal(incident.Notice{Reason: incident.Digested, Digest: &d})
	require.NoError(t, err)
	require.NotContains(t, string(text), `"incident":`)
	require.Contains(t, string(text), `{"number":4,"incident_id":"`+held[3].Incident.ID.String()+`","severity":"error","source":"d","message":"incident 4","status":"triggered"}`)
	var read incident.Notice
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, d, *read.Digest)
}

func TestADigestOfNothingIsEmpty(t *testing.T) {
	d := incident.NewDigest(time.Time{}, time.Time{}, nil)
	require.Equal(t, incident.Digest{}, d)
	require.Equal(t, alerting.SeverityDebug, d.Severity())
}

func TestEachIncidentOfADigestIsCountedOnceInAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var held []incident.Held
		for n := range rapid.IntRange(0, 40).Draw(rt, "incidents") {
			severity := rapid.SampledFrom(alerting.Severities()).Draw(rt, "severity")
			held = append(held, heldBack(incident.Number(n+1), severity, rapid.StringMatching(`[a-i]`).Draw(rt, "source"), 1))
		}
		before := slices.Clone(held)
		d := incident.NewDigest(time.Time{}, time.Time{}, held)
		require.Equal(rt, before, held, "the caller's list stays as it is")
		for _, tallies := range [][]incident.Tally{d.BySeverity, d.ByCategory, d.BySource} {
			sum := 0
			for _, t := range tallies {
				sum += t.Count
			}
			require.Equal(rt, len(held), sum)
		}
		require.LessOrEqual(rt, len(d.BySource), incident.MaxSources+1)
		require.Len(rt, d.Worst, min(len(held), incident.MaxWorst))
		require.Equal(rt, d, incident.NewDigest(time.Time{}, time.Time{}, rapid.Permutation(held).Draw(rt, "order")))
	})
}
