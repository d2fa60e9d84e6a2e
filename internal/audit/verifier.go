package audit

import (
	"fmt"
	"slices"
)

// BrokenError says which record is the first that is not as it was written.
type BrokenError struct {
	// Number is that of the record.
	Number int64
	// Why says what became of it.
	Why string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("record %d %s", e.Number, e.Why) }

// Verifier is given the records of a chain in their order, and finds the first that was
// changed, removed or moved. It belongs to one goroutine.
//
// The first record need not be number 1: retention deletes the beginning of the log. It
// must be signed off then, by a record of [RetainAudit] later in the chain, or by a mark that
// was noted.
type Verifier struct {
	noted []Mark
	first Record
	last  Mark
	count int64
	// signed is up to where retention has deleted, as its latest record says.
	signed Mark
}

// NewVerifier returns a verifier for which the records at these marks must be as they were
// noted.
func NewVerifier(noted ...Mark) *Verifier { return &Verifier{noted: slices.Clone(noted)} }

// Next takes the next record. The error is a [*BrokenError]. After one the verifier is of no
// further use.
func (v *Verifier) Next(r Record) error {
	if v.count == 0 {
		v.first, v.last = r, Mark{r.Number - 1, r.Previous}
		if err := v.begin(); err != nil {
			return err
		}
	}
	next := v.last.Number + 1
	switch {
	case r.Number < next:
		return &BrokenError{r.Number, fmt.Sprintf("was moved or put in: it stands after record %d", v.last.Number)}
	case r.Number > next:
		return &BrokenError{next, fmt.Sprintf("was removed or moved: record %d stands in its place", r.Number)}
	case r.Hash != r.sum() || !r.canonical():
		return &BrokenError{r.Number, "was changed: its hash is not that of what it says"}
	case r.Previous != v.last.Hash && v.count == 0:
		return &BrokenError{r.Number, "was changed: it is the first, and has the hash of a record before it"}
	case r.Previous != v.last.Hash:
		return &BrokenError{v.last.Number, fmt.Sprintf("was replaced, or record %d was: that has the hash of another one before it", r.Number)}
	}
	v.count, v.last = v.count+1, r.Mark()
	if through, ok := signedThrough(r); ok && through.Number > v.signed.Number {
		v.signed = through
	}
	return v.compare(v.last)
}

// begin looks at where the chain begins.
func (v *Verifier) begin() error {
	if v.first.Number < 1 {
		return &BrokenError{v.first.Number, "was put in: records have numbers from 1"}
	}
	if v.first.Number == 1 {
		v.last.Hash = Hash{}
	}
	return v.compare(v.last)
}

// compare compares a place with what was noted of it.
func (v *Verifier) compare(at Mark) error {
	for _, noted := range v.noted {
		if noted.Number == at.Number && noted.Hash != at.Hash {
			return &BrokenError{at.Number, "is not the one that was noted: it was replaced, perhaps with others before it"}
		}
	}
	return nil
}

// canonical reports whether Before and After are as they are sealed. Their hash does not
// show that alone.
func (r Record) canonical() bool {
	for _, value := range [][]byte{r.Before, r.After} {
		if len(value) == 0 {
			continue
		}
		if sealed, err := ReadValue(value); err != nil || string(sealed) != string(value) {
			return false
		}
	}
	return true
}

// End is called after the last record. The error is a [*BrokenError].
func (v *Verifier) End() error {
	before := Mark{v.first.Number - 1, v.first.Previous} // the record before the first one
	signed := v.count == 0 || before.Number == 0 || before.Number < v.signed.Number || before == v.signed
	for _, noted := range v.noted {
		if noted.Number > v.last.Number {
			return &BrokenError{v.last.Number + 1, fmt.Sprintf("was removed, with all that came after it: the log once had record %d", noted.Number)}
		}
		signed = signed || noted == before
	}
	switch {
	case signed:
		return nil
	case before.Number == v.signed.Number:
		return &BrokenError{v.first.Number, fmt.Sprintf("was replaced: it does not follow the record that %s has signed off as the last removed one", RetainAudit)}
	}
	return &BrokenError{v.signed.Number + 1, fmt.Sprintf("was removed: the log begins with record %d, and no record of %s signs that off", v.first.Number, RetainAudit)}
}

// Verified is what a verifier has seen.
type Verified struct {
	// Records is how many records there were, from First to the number of Head; all are
	// zero without any.
	Records, First int64
	Head           Mark
}

// Verified returns what was verified so far.
func (v *Verifier) Verified() Verified { return Verified{v.count, v.first.Number, v.last} }
