package work

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func TestFoldReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := make([]Membership, rapid.IntRange(0, 50).Draw(t, "n"))
		last := alerting.Seq(0)
		for i := range members {
			last += alerting.Seq(rapid.Int64Range(1, 1<<56).Draw(t, "ahead"))
			members[i] = Membership{last, incident.Number(rapid.Int64Range(1, 1<<62).Draw(t, "incident"))}
		}
		packed := packFold(members)
		read := []Membership{}
		require.NoError(t, unpackFold(packed, func(m Membership) { read = append(read, m) }))
		require.Equal(t, members, read)
		if len(members) > 0 {
			require.ErrorIs(t, unpackFold(packed[:len(packed)-1], func(Membership) {}), errFoldDamaged)
		}
	})
}

func TestFoldOfFollowingEventsIsSmall(t *testing.T) {
	members := make([]Membership, 1024)
	for i := range members {
		members[i] = Membership{alerting.Seq(1e9 + i), incident.Number(1 + i%100)}
	}
	require.Less(t, len(packFold(members)), 2200)
}
