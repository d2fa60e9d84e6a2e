package incident_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func TestStatusReadsBack(t *testing.T) {
	require.Equal(t, []incident.Status{"triggered", "acknowledged", "resolved"}, incident.Statuses())
	for _, s := range incident.Statuses() {
		require.True(t, s.Valid())
		require.Equal(t, s != incident.Resolved, s.Open())
		read, err := incident.ParseStatus(strings.ToUpper(s.String()))
		require.NoError(t, err, "case does not matter")
		require.Equal(t, s, read)
	}
	require.False(t, incident.Status("").Open())
	_, err := incident.ParseStatus("open")
	require.EqualError(t, err, "status: must be one of triggered, acknowledged, resolved")
	var known *alerting.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, alerting.CodeInvalid, known.Code)
}

func TestUnknownWordsReadBackAsThemselves(t *testing.T) {
	i, change := opened(t)
	for what, test := range map[string]struct{ known, newer string }{
		"status":   {`"status":"triggered"`, `"status":"snoozed"`},
		"grouping": {`"grouped_by":"message"`, `"grouped_by":"route"`},
		"reason":   {`"reason":"opened"`, `"reason":"escalated"`},
	} {
		change.Notice.Incident = i
		text, err := json.Marshal(change.Notice)
		require.NoError(t, err)
		require.Contains(t, string(text), test.known, what)
		newer := strings.Replace(string(text), test.known, test.newer, 1)
		var read incident.Notice
		require.NoError(t, json.Unmarshal([]byte(newer), &read), what)
		again, err := json.Marshal(read)
		require.NoError(t, err)
		require.JSONEq(t, newer, string(again), what)
	}
	require.True(t, incident.Status("snoozed").Open(), "a like event joins it")
	require.False(t, incident.Reason("escalated").Overtakes(incident.Opened))
	require.True(t, incident.Reason("escalated").Overtakes(incident.Updated))
}

func TestOvertakes(t *testing.T) {
	overtakes := map[incident.Reason][]incident.Reason{ // by the earlier one
		incident.Updated:         {incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved},
		incident.SeverityRaised:  {incident.SeverityRaised, incident.WasResolved},
		incident.WasAcknowledged: {incident.WasAcknowledged, incident.WasResolved},
	}
	for _, earlier := range incident.Reasons() {
		for _, later := range incident.Reasons() {
			require.Equal(t, slices.Contains(overtakes[earlier], later), later.Overtakes(earlier), "%s after %s", later, earlier)
		}
	}
	require.False(t, incident.WasResolved.Overtakes(""))
}

func TestIntroduces(t *testing.T) {
	introduces := []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated}
	for _, r := range incident.Reasons() {
		require.Equal(t, slices.Contains(introduces, r), r.Introduces(), r.String())
	}
}

func TestIDReadsBack(t *testing.T) {
	id := incident.NewID()
	require.False(t, id.IsZero())
	require.True(t, incident.ID{}.IsZero())
	require.Equal(t, byte(7), id[6]>>4, "version 7")
	text, err := id.MarshalText()
	require.NoError(t, err)
	require.Equal(t, id.String(), string(text))
	var read incident.ID
	require.NoError(t, read.UnmarshalText(text))
	require.Equal(t, id, read)
	for _, wrong := range []string{
		"", "1", "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a5", "{019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55}", "019b5f2c7a3e7c4d9f102b6c8d1e4a55",
		"urn:uuid:019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", "00000000-0000-0000-0000-000000000000", "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a5g",
	} {
		err := read.UnmarshalText([]byte(wrong))
		require.EqualError(t, err, "incident_id: must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", wrong)
		require.Equal(t, id, read)
	}
	upper, err := incident.ParseID("019B5F2C-7A3E-7C4D-9F10-2B6C8D1E4A55")
	require.NoError(t, err)
	require.Equal(t, "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", upper.String())
}
