package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdentifyBy(t *testing.T) {
	require.Equal(t, []string{
		"position", "symbol", "instrument", "isin", "ticker", "account", "portfolio", "strategy",
		"venue", "exchange", "desk", "host", "instance",
	}, requireGood(t, "", nil).IdentifyBy)
	require.Empty(t, requireGood(t, "[alerting]\nidentify_by = []", nil).IdentifyBy)
	names := make([]string, 33)
	for i := range names {
		names[i] = fmt.Sprintf("%q", fmt.Sprintf("name%d", i))
	}
	require.Len(t, requireGood(t, "[alerting]\nidentify_by = ["+strings.Join(names[:32], ",")+"]", nil).IdentifyBy, 32)
	long := strings.Repeat("x", 256)
	requireGood(t, "[alerting]\nidentify_by = ['"+long[:255]+"', 'of context.position']", nil)

	for value, problem := range map[string]string{
		`"position"`:                         `: "position" is not allowed, must be a list of strings`,
		`["position", 1]`:                    `: ["position", 1] is not allowed, must be a list of strings`,
		`["position", ""]`:                   `[1]: is a name of 0 bytes, must be 1 to 255`,
		`["` + long + `"]`:                   `[0]: is a name of 256 bytes, must be 1 to 255`,
		`["desk", "host", "desk"]`:           `[2]: "desk" is there twice`,
		`[" desk"]`:                          `[0]: " desk" has white space around it, which is not allowed`,
		`["context.position"]`:               `[0]: "context.position" is not allowed, must be the name alone, without context.`,
		"[" + strings.Join(names, ",") + "]": `: has 33 names, must have at most 32`,
	} {
		requireProblems(t, "[alerting]\nidentify_by = "+value, nil, "alerting.identify_by"+problem)
	}
}
