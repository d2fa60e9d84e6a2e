package incident

import "strings"

// Mask replaces what varies between messages about the same thing by a #: numbers
// with their sign, fraction, separators, exponent and per cent sign, durations,
// dates and times, UUIDs, and ids, which mix letters and digits. Words keep their
// letters, also where a number follows: host12 becomes host#.
//
// Messages that differ in nothing else have the same mask.
func Mask(message string) string {
	if strings.IndexFunc(message, func(r rune) bool { return r <= '9' && r >= '0' }) < 0 {
		return message
	}
	m := masker{text: message, out: make([]byte, 0, len(message))}
	for m.at < len(message) {
		m.step()
	}
	return string(m.out)
}

// masker goes through a text a token at a time: a run of letters and digits, or
// one other byte. Bytes beyond ASCII count as letters.
type masker struct {
	text string
	at   int
	out  []byte
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// upTo returns where the run of bytes that are wanted ends.
func (m *masker) upTo(from int, wanted func(byte) bool) int {
	for from < len(m.text) && wanted(m.text[from]) {
		from++
	}
	return from
}

func (m *masker) byteAt(i int) byte {
	if i < 0 || i >= len(m.text) {
		return ' '
	}
	return m.text[i]
}

func (m *masker) step() {
	start := m.at
	if end := m.uuid(start); end > 0 {
		m.mask(end)
		return
	}
	c := m.text[start]
	if (c == '-' || c == '+') && isDigit(m.byteAt(start+1)) && !isLetter(m.byteAt(start-1)) && !isDigit(m.byteAt(start-1)) {
		m.mask(m.number(start + 1)) // a sign
		return
	}
	if !isDigit(c) && !isLetter(c) {
		m.out = append(m.out, c)
		m.at++
		return
	}
	end := m.upTo(start, func(c byte) bool { return isDigit(c) || isLetter(c) })
	token := m.text[start:end]
	if isDigit(c) && m.number(start) > end { // 1234567e-5 is a number, although 1234567e looks like an id
		m.mask(m.number(start))
		return
	}
	switch {
	case isID(token):
		m.mask(end)
	case isDigit(c):
		m.mask(m.number(start))
	default:
		m.word(start, end)
	}
}

// mask writes a # for what ends at end.
func (m *masker) mask(end int) {
	m.out = append(m.out, '#')
	m.at = end
}

// word writes the letters of a token and a # for each run of digits in it.
func (m *masker) word(start, end int) {
	for start < end {
		if isDigit(m.text[start]) {
			m.out = append(m.out, '#')
			start = m.upTo(start, isDigit)
			continue
		}
		m.out = append(m.out, m.text[start])
		start++
	}
	m.at = end
}

// uuid returns where a UUID that begins here ends, or 0.
func (m *masker) uuid(start int) int {
	const length = 36
	before, end := m.byteAt(start-1), start+length
	if end > len(m.text) || isHex(before) || isLetter(before) || isHex(m.byteAt(end)) {
		return 0
	}
	for i, c := range []byte(m.text[start:end]) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(c) {
			return 0
		}
	}
	return end
}

// isID reports whether a token is an id and no word or number: eight hexadecimal
// digits or more with a digit and a letter among them, or letters and digits that
// take turns at least three times.
func isID(token string) bool {
	hex, digits, turns := true, 0, 0
	for i := range len(token) {
		c := token[i]
		hex = hex && isHex(c)
		if isDigit(c) {
			digits++
		}
		if i > 0 && isDigit(c) != isDigit(token[i-1]) {
			turns++
		}
	}
	if isTimeOrDuration(token) {
		return false // numbers have rules of their own
	}
	return turns >= 3 || hex && len(token) >= 8 && digits > 0 && digits < len(token)
}

// isTimeOrDuration reports whether a token is such as 27T10 or 1h30m15s.
func isTimeOrDuration(token string) bool {
	if !isDigit(token[0]) {
		return false
	}
	rest := token
	for rest != "" {
		digits := 0
		for digits < len(rest) && isDigit(rest[digits]) {
			digits++
		}
		rest = rest[digits:]
		if rest == "" {
			return true
		}
		unit := unitAt(rest)
		if unit == 0 {
			return false
		}
		rest = rest[unit:]
	}
	return true
}

// units are of time, the longer ones first, then what stands between date and time
// and after it.
var units = [...]string{"ns", "us", "µs", "μs", "ms", "s", "m", "h", "d", "T", "Z"}

// unitAt returns the length of the unit that a text begins with, or 0. What follows
// must not make a word of it.
func unitAt(text string) int {
	for _, unit := range units {
		if rest, ok := strings.CutPrefix(text, unit); ok && (rest == "" || !isLetter(rest[0])) {
			return len(unit)
		}
	}
	return 0
}

// number returns where the number, duration or time ends that has a digit here. A
// separator belongs to it if a digit follows.
func (m *masker) number(at int) int {
	for {
		at = m.upTo(at, isDigit)
		c, next := m.byteAt(at), m.byteAt(at+1)
		switch {
		case at >= len(m.text):
			return at
		case strings.IndexByte(".,:/-'", c) >= 0 && isDigit(next):
			at++
		case (c == 'e' || c == 'E') && isDigit(next):
			at++
		case (c == 'e' || c == 'E') && (next == '-' || next == '+') && isDigit(m.byteAt(at+2)):
			at += 2
		case c == '%':
			return at + 1
		case c == '+' && isDigit(next) && strings.IndexByte(m.text[:at], ':') >= 0: // a time's offset
			at++
		default:
			unit := unitAt(m.text[at:])
			if unit == 0 {
				return at
			}
			if at += unit; !isDigit(m.byteAt(at)) {
				return at
			}
		}
	}
}
