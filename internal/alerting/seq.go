package alerting

import "strconv"

// Seq is the number of an event, its place in the log. Numbers ascend by one, from 1;
// 0 stands for none. It is signed as the numbers of SQL are.
type Seq int64

// ParseSeq reads a number in decimal digits, without a sign. The error is
// [strconv.ParseUint]'s.
func ParseSeq(text string) (Seq, error) {
	seq, err := strconv.ParseUint(text, 10, 63)
	return Seq(seq), err
}
