package incident_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func TestAStatusIsReadAsItIsWritten(t *testing.T) {
	names := map[incident.Status]string{incident.Triggered: "triggered", incident.Acknowledged: "acknowledged", incident.Resolved: "resolved"}
	require.Len(t, incident.Statuses(), len(names))
	for _, s := range incident.Statuses() {
		text, err := s.MarshalText()
		require.NoError(t, err)
		require.Equal(t, names[s], string(text))
		require.True(t, s.Valid())
		require.Equal(t, s != incident.Resolved, s.Open())
		var read incident.Status
		require.NoError(t, read.UnmarshalText(text))
		require.Equal(t, s, read)
		read, err = incident.ParseStatus(strings.ToUpper(string(text)))
		require.NoError(t, err, "case does not matter")
		require.Equal(t, s, read)
	}
	for _, s := range []incident.Status{0, 4} {
		require.Equal(t, "invalid", s.String())
		require.False(t, s.Valid() || s.Open())
	}
	read := incident.Resolved
	err := read.UnmarshalText([]byte("open"))
	require.EqualError(t, err, "status: must be one of triggered, acknowledged, resolved")
	var known *alerting.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, alerting.CodeInvalid, known.Code)
	require.Equal(t, incident.Resolved, read, "what cannot be read changes nothing")
}

// reasons are all of them, with their names.
var reasons = map[incident.Reason]string{
	incident.Opened: "opened", incident.SeverityRaised: "severity_raised", incident.Updated: "updated",
	incident.WasAcknowledged: "acknowledged", incident.WasResolved: "resolved", incident.Test: "test",
}

func TestAReasonIsReadAsItIsWritten(t *testing.T) {
	for r, name := range reasons {
		text, err := r.MarshalText()
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		var read incident.Reason
		require.NoError(t, read.UnmarshalText(text))
		require.Equal(t, r, read)
	}
	var read incident.Reason
	require.EqualError(t, read.UnmarshalText([]byte("invalid")), `"invalid" is not a reason`)
	require.Error(t, read.UnmarshalText(nil))
	require.Zero(t, read)
	require.Equal(t, "invalid", read.String())
	require.Equal(t, "invalid", (incident.Test + 1).String())
}

func TestALaterNoticeOvertakesWhatItLeavesNothingToSay(t *testing.T) {
	overtakes := map[incident.Reason][]incident.Reason{ // the earlier one, and who overtakes it
		incident.Updated:         {incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved},
		incident.SeverityRaised:  {incident.SeverityRaised, incident.WasResolved},
		incident.WasAcknowledged: {incident.WasAcknowledged, incident.WasResolved},
	}
	for earlier := range reasons {
		for later := range reasons {
			require.Equal(t, slices.Contains(overtakes[earlier], later), later.Overtakes(earlier), "%s after %s", later, earlier)
		}
	}
	require.False(t, incident.WasResolved.Overtakes(0))
}

func TestOnlyWhatTellsThatThereIsAnIncidentIntroducesIt(t *testing.T) {
	introduces := []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated}
	for r := range reasons {
		require.Equal(t, slices.Contains(introduces, r), r.Introduces(), r.String())
	}
}

func TestAnIDIsReadAsItIsWritten(t *testing.T) {
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
