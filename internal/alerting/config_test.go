package alerting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

func TestTheDefaultsAreSafe(t *testing.T) {
	config := alerting.DefaultConfig()
	require.NoError(t, config.Validate())
	require.False(t, config.Enabled)
	require.Equal(t, alerting.SeverityWarning, config.MinSeverity)
	require.Equal(t, 1000, config.BufferSize)
}

func TestEveryBadSettingIsNamed(t *testing.T) {
	requireInvalid(t, alerting.Config{}.Validate(), "min_severity", "must be one of debug")
	requireInvalid(t, alerting.Config{}.Validate(), "buffer_size", "0 is out of range, must be 1 to 10000000")
	require.Error(t, alerting.Config{MinSeverity: alerting.SeverityError, BufferSize: alerting.MaxBufferSize + 1}.Validate())
	config := alerting.DefaultConfig()
	for bytes, allowed := range map[int64]bool{-1: false, 0: true, 1: true, alerting.MaxBufferBytes: true, alerting.MaxBufferBytes + 1: false} {
		config.BufferBytes = bytes
		require.Equal(t, allowed, config.Validate() == nil, "%d bytes", bytes)
	}
}
