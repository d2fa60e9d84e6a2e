package alerting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Subscriptions that share a key share the decision, so filters that want different things must not.
func TestFiltersThatDifferHaveDifferentKeys(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 30, 0, 1, time.UTC)
	keys := map[string]int{}
	for i, filter := range []Filter{
		{},
		{MinSeverity: SeverityCritical},
		{Categories: []Category{1}},
		{Categories: []Category{1, 2}},
		{Categories: []Category{12}},
		{Sources: []string{"a", "b"}},
		{Sources: []string{`a" "b`}},
		{Sources: []string{"a b"}},
		{Sources: []string{"ab"}},
		{Since: at},
		{Until: at},
		{Since: at.Add(1)},
		{Since: at.Add(time.Second)},
		{Text: "a"},
		{Text: "A"},
		{Text: `"`},
		{Sources: []string{"a"}, Text: "b"},
	} {
		other, taken := keys[filter.key()]
		require.False(t, taken, "%v has the key of %d", filter, other)
		keys[filter.key()] = i
	}
	require.Equal(t, Filter{Since: at}.key(), Filter{Since: at.In(time.FixedZone("", 3600))}.key())
}
