package alerting

import (
	"bytes"
	"strings"
)

// Programs that write floating-point numbers as they are put NaN and infinities
// into JSON, which has no such numbers. The two functions below work on JSON that
// may be malformed in other ways, too.

// longestNonFinite is as long as the longest of these words, and a number.
const longestNonFinite = "0.0000000"

// withoutNonFinite returns a copy of data with a number in the place of each word
// for a number that is not finite, so that all else stays in its place. If there
// is no such word it returns nil.
func withoutNonFinite(data []byte) []byte {
	var finite []byte
	eachWord(data, func(at int, word []byte) {
		if nonFinite(word) == "" {
			return
		}
		if finite == nil {
			finite = bytes.Clone(data)
		}
		copy(finite[at:at+len(word)], longestNonFinite)
	})
	return finite
}

// quoteNonFinite returns a copy of data with each word for a number that is not
// finite as a string: "NaN", "Infinity" or "-Infinity".
func quoteNonFinite(data []byte) []byte {
	quoted := make([]byte, 0, len(data)+16)
	done := 0
	eachWord(data, func(at int, word []byte) {
		if name := nonFinite(word); name != "" {
			quoted = append(append(append(append(quoted, data[done:at]...), '"'), name...), '"')
			done = at + len(word)
		}
	})
	return append(quoted, data[done:]...)
}

// nonFinite returns the name of a number that is not finite, or "" for any other
// word. Python and JavaScript write NaN and Infinity, C's printf nan and inf.
func nonFinite(word []byte) string {
	if len(word) > len(longestNonFinite) {
		return ""
	}
	switch strings.ToLower(string(word)) {
	case "nan", "+nan", "-nan":
		return "NaN"
	case "inf", "+inf", "infinity", "+infinity":
		return "Infinity"
	case "-inf", "-infinity":
		return "-Infinity"
	}
	return ""
}

// eachWord calls do for each run of letters, digits and the other characters of
// numbers outside of strings, with the place where it begins.
func eachWord(data []byte, do func(at int, word []byte)) {
	for i := 0; i < len(data); i++ {
		if data[i] == '"' {
			if i = stringEnd(data, i); i < 0 {
				return
			}
			continue
		}
		begin := i
		for i < len(data) && inWord(data[i]) {
			i++
		}
		if i > begin {
			do(begin, data[begin:i])
			i-- // what ended the word comes next
		}
	}
}

func inWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '-' || c == '.' || c == '_'
}
