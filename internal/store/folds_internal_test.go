package store

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAFoldIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 50).Draw(t, "n")
		seqs, incidents := make([]int64, n), make([]int64, n)
		last := int64(0)
		for i := range n {
			last += rapid.Int64Range(1, 1<<56).Draw(t, "ahead")
			seqs[i], incidents[i] = last, rapid.Int64Range(1, 1<<62).Draw(t, "incident")
		}
		packed := packFold(seqs, incidents)
		var readSeqs, readIncidents []int64
		require.NoError(t, unpackFold(packed, func(seq, incident int64) {
			readSeqs, readIncidents = append(readSeqs, seq), append(readIncidents, incident)
		}))
		require.Equal(t, append([]int64(nil), seqs...), readSeqs)
		require.Equal(t, append([]int64(nil), incidents...), readIncidents)
		if n > 0 {
			require.ErrorIs(t, unpackFold(packed[:len(packed)-1], func(int64, int64) {}), errFoldDamaged)
		}
	})
}

func TestAFoldOfFollowingEventsTakesFewBytes(t *testing.T) {
	seqs, incidents := make([]int64, 1024), make([]int64, 1024)
	for i := range seqs {
		seqs[i], incidents[i] = int64(1e9+i), int64(1+i%100)
	}
	require.Less(t, len(packFold(seqs, incidents)), 2200)
}
