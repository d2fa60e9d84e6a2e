package searchindex

// presence tells of most terms that a segment does not have that it does not (a
// Bloom filter): of a hundred such terms it lets about one pass.
type presence []byte

const (
	presenceBits   = 10 // for each term
	presenceProbes = 5
)

func newPresence(terms int) presence { return make(presence, (terms*presenceBits+63)/64*8) }

// spread makes two numbers of a term, from which come its bits.
func spread(term uint64) (at, step uint64) {
	term ^= term >> 31 // the finisher of splitmix64
	term *= 0x7fb5d329728ea185
	term ^= term >> 27
	term *= 0x81dadef4bc2dd44d
	term ^= term >> 33
	return term, term>>17 | 1
}

func (p presence) add(term uint64) {
	at, step := spread(term)
	for range presenceProbes {
		bit := at % uint64(len(p)*8)
		p[bit/8] |= 1 << (bit % 8)
		at += step
	}
}

// may returns false only if the segment does not have the term.
func (p presence) may(term uint64) bool {
	at, step := spread(term)
	for range presenceProbes {
		bit := at % uint64(len(p)*8)
		if p[bit/8]>>(bit%8)&1 == 0 {
			return false
		}
		at += step
	}
	return true
}
