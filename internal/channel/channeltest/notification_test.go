package channeltest_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/channeltest"
	"alertd/internal/incident"
)

func TestNotificationsTellOneIncident(t *testing.T) {
	wants := []struct {
		reason incident.Reason
		status incident.Status
		count  uint64
		since  uint64
		said   string
	}{
		{incident.Opened, incident.Triggered, 1, 1, "Incident 12 opened"},
		{incident.SeverityRaised, incident.Triggered, 2, 1, "Incident 12: severity rose from error to critical by event 41"},
		{incident.Updated, incident.Triggered, 41, 39, "Incident 12: 39 more events, still open"},
		{incident.WasAcknowledged, incident.Acknowledged, 41, 0, "Incident 12 acknowledged by ada"},
		{incident.WasResolved, incident.Resolved, 41, 0, "Incident 12 resolved by grace"},
	}
	keys := map[string]bool{}
	for i, want := range wants {
		n := channeltest.Notification(want.reason)
		assert.Equal(t, i+1, n.Notice.Number, "the story has one notice a reason")
		assert.Equal(t, want.said, n.Headline)
		assert.Equal(t, want.reason, n.Notice.Reason)
		assert.Equal(t, want.since, n.Notice.Since, want.said)
		assert.Equal(t, want.status, n.Notice.Incident.Status, want.said)
		assert.Equal(t, want.count, n.Notice.Incident.Count, want.said)
		assert.Equal(t, channeltest.IncidentID, n.Notice.Incident.ID.String())
		assert.NotEmpty(t, n.Notice.Context.Fields, want.said)
		require.NoError(t, uuid.Validate(n.Key))
		keys[n.Key] = true
		assert.Equal(t, n.Key, channeltest.Notification(want.reason).Key)
	}
	test := channeltest.Notification(incident.Test)
	keys[test.Key] = true
	assert.Equal(t, incident.Test, test.Notice.Reason)
	assert.Equal(t, channeltest.TestID, test.Notice.Incident.ID.String())
	digest := channeltest.Notification(incident.Digested)
	keys[digest.Key] = true
	assert.Equal(t, "17 incidents held back since 12:03 UTC", digest.Headline)
	assert.Equal(t, "Incident 12", digest.Items[0].Name)
	assert.Len(t, keys, len(channeltest.Reasons()))
}

func TestOpenedHasItsTexts(t *testing.T) {
	n := channeltest.Opened(alerting.SeverityWarning, "feed", "stale", `{"age":3}`)
	assert.Equal(t, "[WARNING] feed: stale", n.Subject(100))
	assert.Equal(t, "3", n.Details[0].Value)
	assert.NotEqual(t, n.Key, channeltest.Opened(alerting.SeverityWarning, "feed", "stale", `{}`).Key)
}
