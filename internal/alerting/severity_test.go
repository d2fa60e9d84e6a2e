package alerting_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestSeveritiesAreOrdered(t *testing.T) {
	all := alerting.Severities()
	require.Len(t, all, 5)
	require.IsIncreasing(t, all)
	require.Greater(t, alerting.SeverityError, alerting.SeverityWarning)
}

func TestSeverityAndCategoryRoundTrip(t *testing.T) {
	type pair struct {
		S alerting.Severity
		C alerting.Category
	}
	for _, s := range alerting.Severities() {
		for _, c := range alerting.Categories() {
			text, err := json.Marshal(pair{s, c})
			require.NoError(t, err)
			require.JSONEq(t, `{"S":"`+s.String()+`","C":"`+c.String()+`"}`, string(text))
			var back pair
			require.NoError(t, json.Unmarshal(text, &back))
			require.Equal(t, pair{s, c}, back)
		}
	}
}

func TestNamesAreReadInAnyCase(t *testing.T) {
	s, err := alerting.ParseSeverity("CriTical")
	require.NoError(t, err)
	require.Equal(t, "critical", s.String())
	c, err := alerting.ParseCategory("RISK_LIMIT")
	require.NoError(t, err)
	require.Equal(t, "risk_limit", c.String())
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "loud", " error", "invalid"} {
		var s alerting.Severity
		requireInvalid(t, s.UnmarshalText([]byte(name)), "severity", "must be one of debug, info, warning, error, critical")
		var c alerting.Category
		requireInvalid(t, c.UnmarshalText([]byte(name)), "category", "must be one of risk_limit, position_violation, execution_error, data_quality, system_health, compliance, performance, other")
	}
}

func TestZeroValuesAreInvalid(t *testing.T) {
	require.False(t, alerting.Severity(0).Valid())
	require.False(t, alerting.Category(0).Valid())
	require.Equal(t, "invalid", alerting.Severity(0).String())
	require.Equal(t, "invalid", alerting.Category(9).String())
	_, err := alerting.Severity(6).MarshalText()
	require.Error(t, err)
	_, err = alerting.Category(0).MarshalText()
	require.Error(t, err)
}

func TestSeverityAliases(t *testing.T) {
	for severity, names := range map[alerting.Severity][]string{
		alerting.SeverityDebug:    {"trace", "verbose"},
		alerting.SeverityInfo:     {"notice", "information", "informational"},
		alerting.SeverityWarning:  {"warn", "WARN", "Warn"},
		alerting.SeverityError:    {"err"},
		alerting.SeverityCritical: {"crit", "fatal", "FATAL", "alert", "emerg", "emergency", "panic"},
	} {
		for _, name := range names {
			got, err := alerting.ParseSeverity(name)
			require.NoError(t, err)
			require.Equal(t, severity, got, name)
		}
	}
}
