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
	require.Empty(t, config.Channels)
	require.False(t, config.ChannelEnabled("slack"))
}

func TestAChannelIsOffUnlessItSaysOtherwise(t *testing.T) {
	config := alerting.DefaultConfig()
	config.Channels = map[string]alerting.ChannelConfig{
		"slack": {"enabled": true, "webhook_url": "x"}, "email": {"enabled": false}, "console": {}, "odd": {"enabled": "true"},
	}
	require.True(t, config.ChannelEnabled("slack"))
	for _, name := range []string{"email", "console", "odd", "none"} {
		require.False(t, config.ChannelEnabled(name), name)
	}
	channel, ok := config.ChannelConfig("slack")
	require.True(t, ok)
	require.Equal(t, "x", channel["webhook_url"])
	_, ok = config.ChannelConfig("none")
	require.False(t, ok)
}

func TestEveryBadSettingIsNamed(t *testing.T) {
	requireInvalid(t, alerting.Config{}.Validate(), "min_severity", "must be one of debug")
	requireInvalid(t, alerting.Config{}.Validate(), "buffer_size", "0 is out of range, must be 1 to 10000000")
	require.Error(t, alerting.Config{MinSeverity: alerting.SeverityError, BufferSize: alerting.MaxBufferSize + 1}.Validate())
}
