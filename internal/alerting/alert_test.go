package alerting_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestFieldsHaveLimits(t *testing.T) {
	cases := map[string]struct {
		change func(*alerting.Alert)
		field  string
		says   string
	}{
		"no severity":            {func(a *alerting.Alert) { a.Severity = 0 }, "severity", "must be one of debug"},
		"no category":            {func(a *alerting.Alert) { a.Category = 0 }, "category", "must be one of risk_limit"},
		"no source":              {func(a *alerting.Alert) { a.Source = "" }, "source", "1 to 255 characters"},
		"a blank source":         {func(a *alerting.Alert) { a.Source = " \t " }, "source", "1 to 255 characters"},
		"a long source":          {func(a *alerting.Alert) { a.Source = strings.Repeat("é", 256) }, "source", "has 256 characters"},
		"a source with NUL":      {func(a *alerting.Alert) { a.Source = "a\x00b" }, "source", "NUL"},
		"a source that is bytes": {func(a *alerting.Alert) { a.Source = "a\xffb" }, "source", "UTF-8"},
		"no message":             {func(a *alerting.Alert) { a.Message = "" }, "message", "1 to 8192 characters"},
		"a blank message":        {func(a *alerting.Alert) { a.Message = "\n" }, "message", "1 to 8192 characters"},
		"a long message":         {func(a *alerting.Alert) { a.Message = strings.Repeat("x", 8193) }, "message", "has 8193 characters"},
		"a long dedup_key":       {func(a *alerting.Alert) { a.DedupKey = strings.Repeat("x", 256) }, "dedup_key", "1 to 255"},
		"a long idempotency key": {func(a *alerting.Alert) { a.IdempotencyKey = strings.Repeat("x", 256) }, "Idempotency-Key", "1 to 255 printable ASCII"},
		"a control character":    {func(a *alerting.Alert) { a.IdempotencyKey = "a\nb" }, "Idempotency-Key", "printable ASCII"},
		"a time too early":       {func(a *alerting.Alert) { a.Timestamp = time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC) }, "timestamp", "1970 to 9999"},
		"a time too late":        {func(a *alerting.Alert) { a.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "timestamp", "1970 to 9999"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			alert := varBreach()
			c.change(&alert)
			requireInvalid(t, alert.Validate(), c.field, c.says)
			manager := newManager(t, everything(10))
			_, err := manager.Register(t.Context(), alert)
			requireInvalid(t, err, c.field, c.says)
			require.Zero(t, manager.Count())
			require.Zero(t, manager.Stats().SinceStart.Registered)
		})
	}
}

func TestLongestValuesAreAccepted(t *testing.T) {
	alert := varBreach()
	alert.Source = " " + strings.Repeat("é", 255) + " "
	alert.Message = strings.Repeat("é", 8192)
	alert.DedupKey = strings.Repeat("é", 255)
	alert.IdempotencyKey = strings.Repeat("k", 255)
	alert.Timestamp = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	require.NoError(t, alert.Validate())
	event := register(t, newManager(t, everything(1)), alert)
	require.Equal(t, strings.Repeat("é", 255), event.Source(), "the source is trimmed")
}

func TestProblemsAreReportedAtOnce(t *testing.T) {
	var invalid *alerting.Error
	require.ErrorAs(t, alerting.Alert{}.Validate(), &invalid)
	require.Len(t, invalid.Fields, 4)
}

func TestEventIDsAreCanonicalUUIDs(t *testing.T) {
	id := alerting.NewEventID()
	require.False(t, id.IsZero())
	require.Equal(t, byte('7'), id.String()[14], "version 7")
	back, err := alerting.ParseEventID(strings.ToUpper(id.String()))
	require.NoError(t, err)
	require.Equal(t, id, back)
	for _, text := range []string{"", "x", "00000000-0000-0000-0000-000000000000", "{" + id.String() + "}", "urn:uuid:" + id.String(), strings.ReplaceAll(id.String(), "-", "")} {
		_, err := alerting.ParseEventID(text)
		requireInvalid(t, err, "event_id", "must be a UUID")
	}
}

func TestErrorNamesEachField(t *testing.T) {
	cause := errors.New("disk")
	full := &alerting.Error{Code: alerting.CodeInvalid, Message: "bad", Cause: cause, Fields: []alerting.FieldError{{Field: "a", Message: "x"}, {Field: "b", Message: "y"}}}
	require.Equal(t, "bad: a: x; b: y", full.Error())
	require.ErrorIs(t, full, cause)
	require.Equal(t, "bad", (&alerting.Error{Message: "bad"}).Error())
	require.Equal(t, "a: x", (&alerting.Error{Fields: full.Fields[:1]}).Error())
}

func TestErrorsCutLongValues(t *testing.T) {
	_, err := alerting.ParseSeverity("a" + strings.Repeat("é", 100))
	require.ErrorContains(t, err, `"a`+strings.Repeat("é", 31)+`"…`)
}
