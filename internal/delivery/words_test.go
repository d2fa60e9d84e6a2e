package delivery_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

func TestStatusReadsBack(t *testing.T) {
	names := map[delivery.Status]string{
		delivery.Waiting: "waiting", delivery.Sending: "sending", delivery.Delivered: "delivered",
		delivery.Failed: "failed", delivery.Superseded: "superseded",
	}
	require.Len(t, delivery.Statuses(), len(names))
	for _, s := range delivery.Statuses() {
		text, err := s.MarshalText()
		require.NoError(t, err)
		require.Equal(t, names[s], string(text))
		read, err := delivery.ParseStatus(strings.ToUpper(names[s]))
		require.NoError(t, err, "case does not matter")
		require.Equal(t, s, read)
	}
	require.Equal(t, "status_6", delivery.StatusOf(6).String(), "one of a newer alertd is kept as it is")
	require.Equal(t, delivery.Status(6), delivery.StatusOf(6))
	_, err := delivery.ParseStatus("")
	var known *alerting.Error
	require.ErrorAs(t, err, &known)
	require.Equal(t, alerting.CodeInvalid, known.Code)
	require.EqualError(t, err, "status: must be one of waiting, sending, delivered, failed, superseded")
}

func TestIDReadsBack(t *testing.T) {
	id := delivery.NewID()
	require.False(t, id.IsZero())
	require.True(t, delivery.ID{}.IsZero())
	require.Equal(t, byte(7), id[6]>>4, "version 7")
	require.NotEqual(t, id, delivery.NewID())
	text, err := id.MarshalText()
	require.NoError(t, err)
	require.Equal(t, id.String(), string(text))
	for _, canonical := range []string{string(text), strings.ToUpper(string(text))} {
		read, err := delivery.ParseID(canonical)
		require.NoError(t, err)
		require.Equal(t, id, read)
	}
	for _, wrong := range []string{"", "1", "{" + string(text) + "}", "urn:uuid:" + string(text), "00000000-0000-0000-0000-000000000000", string(text[1:]) + "g"} {
		_, err := delivery.ParseID(wrong)
		var known *alerting.Error
		require.ErrorAs(t, err, &known, wrong)
		require.Equal(t, alerting.CodeInvalid, known.Code)
		require.EqualError(t, err, "delivery_id: must be a UUID such as 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55")
	}
}

func TestDefaultPolicyIsAsDocumented(t *testing.T) {
	require.Equal(t, delivery.Policy{
		MinSeverity: alerting.SeverityWarning, Resolved: true, Timeout: 10 * time.Second, Concurrency: 4,
		Retry: delivery.Retry{Initial: time.Second, Max: 5 * time.Minute, Jitter: true, GiveUpAfter: time.Hour},
	}, delivery.DefaultPolicy())
}
