package audit_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/access"
	"alertd/internal/audit"
)

var (
	marks   = rapid.Custom(func(t *rapid.T) audit.Mark { return audit.Mark{Number: rapid.Int64Range(0, 1<<40).Draw(t, "number")} })
	values  = rapid.OneOf(rapid.Just([]byte(nil)), rapid.Just([]byte(`{"a":[1,2.50,null,"é"]}`)), rapid.SliceOfN(rapid.Byte(), 0, 5000))
	entries = rapid.Custom(func(t *rapid.T) audit.Entry {
		return audit.Entry{
			Actor: rapid.String().Draw(t, "actor"), Kind: access.Kind(rapid.String().Draw(t, "kind")), For: rapid.String().Draw(t, "for"),
			Address: rapid.String().Draw(t, "address"), Action: audit.Action(rapid.String().Draw(t, "action")),
			Object: rapid.StringN(0, 300, -1).Draw(t, "object"), Before: values.Draw(t, "before"), After: values.Draw(t, "after"),
		}
	})
	chains = rapid.Custom(func(t *rapid.T) []audit.Record {
		return follow(audit.Mark{}, rapid.SliceOfN(entries, 3, 8).Draw(t, "entries")...)
	})
)

// follow seals entries one after the other.
func follow(previous audit.Mark, entries ...audit.Entry) []audit.Record {
	records := make([]audit.Record, len(entries))
	for i, e := range entries {
		records[i] = audit.Seal(previous, noon.Add(time.Duration(i)*time.Second), e)
		previous = records[i].Mark()
	}
	return records
}

// plain returns n records.
func plain(n int) []audit.Record {
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = audit.Entry{Actor: "ada", Kind: access.Token, Action: audit.Acknowledge, Object: fmt.Sprint("incident ", i)}
	}
	return follow(audit.Mark{}, entries...)
}

func verify(records []audit.Record, noted ...audit.Mark) error {
	v := audit.NewVerifier(noted...)
	for _, r := range records {
		if err := v.Next(r); err != nil {
			return err
		}
	}
	return v.End()
}

// broken returns the number of the record that is named, 0 for none.
func broken(t require.TestingT, err error) int64 {
	if err == nil {
		return 0
	}
	var named *audit.BrokenError
	require.ErrorAs(t, err, &named)
	return named.Number
}

func TestEachChangedByteOfAnExportIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chain := chains.Draw(t, "chain")
		require.NoError(t, verify(chain))
		n := rapid.IntRange(0, len(chain)-1).Draw(t, "record")
		text, err := chain[n].MarshalJSON()
		require.NoError(t, err)
		at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		changed := slices.Clone(text)
		changed[at] ^= rapid.ByteRange(1, 255).Draw(t, "by")
		var read audit.Record
		if json.Unmarshal(changed, &read) != nil {
			return // it is not a record any more
		}
		if reflect.DeepEqual(chain[n], read) {
			return // such as an escape in capitals
		}
		chain[n] = read
		require.Error(t, verify(chain), "%s", changed)
	})
}

func TestEachChangedFieldIsFound(t *testing.T) {
	chain := follow(audit.Mark{}, make([]audit.Entry, 5)...)
	for name, change := range map[string]func(r *audit.Record){
		"number":   func(r *audit.Record) { r.Number++ },
		"at":       func(r *audit.Record) { r.At = r.At.Add(time.Microsecond) },
		"actor":    func(r *audit.Record) { r.Actor = "eve" },
		"kind":     func(r *audit.Record) { r.Kind = access.Person },
		"for":      func(r *audit.Record) { r.For = "eve" },
		"address":  func(r *audit.Record) { r.Address = "192.0.2.1" },
		"action":   func(r *audit.Record) { r.Action = audit.Resolve },
		"object":   func(r *audit.Record) { r.Object = "x" },
		"before":   func(r *audit.Record) { r.Before = []byte(`1`) },
		"after":    func(r *audit.Record) { r.After = []byte(`1`) },
		"not JSON": func(r *audit.Record) { r.After = []byte(`{`) },
		"previous": func(r *audit.Record) { r.Previous[31] ^= 1 },
		"hash":     func(r *audit.Record) { r.Hash[0] ^= 1 },
	} {
		for n := range chain {
			changed := slices.Clone(chain)
			change(&changed[n])
			want := int64(n) + 1
			if name == "number" && n == 0 { // nothing says that there was another first one
				want = 2
			}
			require.Equal(t, want, broken(t, verify(changed)), "%s of record %d", name, want)
		}
	}
}

func TestNumberThatOnlyReadsTheSameIsFound(t *testing.T) {
	chain := follow(audit.Mark{}, audit.Entry{After: []byte(`9007199254740992`)})
	chain[0].After = []byte(`9007199254740993`) // the same in 64 bits of floating point
	require.EqualError(t, verify(chain), "record 1 was changed: its hash is not that of what it says")
}

func TestRemovedMovedAndInsertedRecordsAreFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		chain := chains.Draw(t, "chain")
		last := len(chain) - 1
		n := rapid.IntRange(0, last-1).Draw(t, "n")
		require.Equal(t, int64(n)+1, broken(t, verify(slices.Delete(slices.Clone(chain), n, n+1))), "removed")

		other := rapid.IntRange(n+1, last).Draw(t, "other")
		swapped := slices.Clone(chain)
		swapped[n], swapped[other] = swapped[other], swapped[n]
		require.Error(t, verify(swapped), "two were swapped")
		swapped[n].Number, swapped[other].Number = swapped[other].Number, swapped[n].Number
		require.Equal(t, int64(n)+1, broken(t, verify(swapped)), "and have each other's number")

		twice := slices.Insert(slices.Clone(chain), n, chain[n])
		require.Equal(t, int64(n)+1, broken(t, verify(twice)), "one stands there twice")

		replaced := slices.Clone(chain)
		entry := replaced[n].Entry
		entry.Actor += "x"
		replaced[n] = audit.Seal(audit.Mark{Number: int64(n), Hash: replaced[n].Previous}, replaced[n].At, entry)
		require.Equal(t, int64(n)+1, broken(t, verify(replaced)), "one was sealed anew")
	})
}

func TestCutEndIsFoundByANotedMarkOnly(t *testing.T) {
	chain := plain(9)
	head := chain[8].Mark()
	require.NoError(t, verify(chain, head, chain[3].Mark()))
	require.NoError(t, verify(chain[:6]))
	require.EqualError(t, verify(chain[:6], head), "record 7 was removed, with all that came after it: the log once had record 9")
	require.EqualError(t, verify(nil, head), "record 1 was removed, with all that came after it: the log once had record 9")
	require.NoError(t, verify(nil))
}

func TestChainThatWasMadeAnewIsFoundByANotedMarkOnly(t *testing.T) {
	chain, anew := plain(9), plain(9)
	anew[4] = audit.Seal(anew[3].Mark(), noon, audit.Entry{Actor: "eve"})
	for i := 5; i < 9; i++ {
		anew[i] = audit.Seal(anew[i-1].Mark(), anew[i].At, anew[i].Entry)
	}
	require.NoError(t, verify(anew))
	require.NoError(t, verify(anew, chain[3].Mark()), "it was noted before that")
	require.EqualError(t, verify(anew, chain[6].Mark()), "record 7 is not the one that was noted: it was replaced, perhaps with others before it")
}

func TestBeginningThatRetentionHasSignedOffMayBeGone(t *testing.T) {
	chain := plain(6)
	entries := []audit.Entry{audit.SignOff(t.Context(), chain[3].Mark()), {Actor: "ada"}}
	chain = append(chain, follow(chain[5].Mark(), entries...)...)
	for start := range 5 { // retention may have got only so far
		require.NoError(t, verify(chain[start:]), start)
	}
	require.EqualError(t, verify(chain[5:]), "record 5 was removed: the log begins with record 6, and no record of retention.audit signs that off")
	require.NoError(t, verify(chain[5:], chain[4].Mark()), "it was noted, and so was all before it")
	require.Error(t, verify(chain[5:], chain[7].Mark()))
	require.Error(t, verify(chain[7:]), "the record that signs off is gone, too")
	require.EqualError(t, verify(chain[4:], audit.Mark{Number: 4, Hash: chain[0].Hash}),
		"record 4 is not the one that was noted: it was replaced, perhaps with others before it")

	// What comes after the gap was made anew, and the sign-off stayed as it was.
	anew := follow(audit.Mark{Number: 4}, make([]audit.Entry, 2)...)
	anew = append(anew, follow(anew[1].Mark(), audit.SignOff(t.Context(), chain[3].Mark()))...)
	require.EqualError(t, verify(anew), "record 5 was replaced: it does not follow the record that retention.audit has signed off as the last removed one")
}

func TestRecordThatSaysItIsBeforeTheFirstIsFound(t *testing.T) {
	require.Error(t, verify(follow(audit.Mark{Number: -3}, audit.Entry{})))
	require.Error(t, verify(follow(audit.Mark{Hash: audit.Hash{1}}, audit.Entry{})), "the first one follows nothing")
}

func TestVerifierSaysWhatItHasSeen(t *testing.T) {
	v := audit.NewVerifier()
	require.Zero(t, v.Verified())
	chain := plain(3)
	for _, r := range chain {
		require.NoError(t, v.Next(r))
	}
	require.Equal(t, audit.Verified{Records: 3, First: 1, Head: chain[2].Mark()}, v.Verified())
}
