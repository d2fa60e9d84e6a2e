package incident

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Mask replaces measurements by # and keeps names. Messages with the same mask, case aside,
// are about the same thing.
//
// It masks numbers that stand alone, with their sign, separators, unit and per cent sign;
// amounts of money, except for their currency; durations, dates, times, UUIDs, hexadecimal
// numbers; and random ids: words of six or more characters in which letters and digits
// alternate at least twice.
//
// It keeps words that end in digits (gw1, VaR99), digits joined to a word by one of -_./:
// (ACC-1001, 0700.HK), addresses, identifiers and codes of instruments, and the integer
// after a word such as gateway, port or HTTP. If in doubt, it keeps a text: a second
// incident is noise, a merged one is silence.
//
// It trims and folds white space, and converts the text to NFC.
func Mask(message string) string {
	message = normalize(message)
	if !strings.ContainsAny(message, "0123456789") {
		return message
	}
	s := scanner{text: message, out: make([]byte, 0, len(message)+8)}
	for s.at < len(message) {
		s.next()
	}
	return string(s.out)
}

// normalize trims and folds white space, and converts a text to NFC.
func normalize(text string) string {
	ascii, spaces := true, false
	for i := range len(text) {
		c := text[i]
		ascii = ascii && c < utf8.RuneSelf
		spaces = spaces || c < ' ' || c == ' ' && (i == 0 || i == len(text)-1 || text[i-1] == ' ')
	}
	if !ascii {
		text = norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD"))
	}
	if !ascii || spaces {
		text = strings.Join(strings.Fields(text), " ")
	}
	return text
}

// foldCase appends a text in one case. It equates the runes that [strings.EqualFold]
// equates, so ß and ss stay different.
func foldCase(to []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r >= utf8.RuneSelf:
			r = smallestFold(r)
		case 'A' <= r && r <= 'Z':
			r += 'a' - 'A'
		}
		to = utf8.AppendRune(to, r)
	}
	return to
}

// smallestFold returns the smallest rune that differs only in case; for an ASCII letter,
// the lower case.
func smallestFold(r rune) rune {
	smallest := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		smallest = min(smallest, next)
	}
	if smallest < utf8.RuneSelf {
		return unicode.ToLower(smallest)
	}
	return smallest
}

// scanner reads a text token by token and writes its mask.
type scanner struct {
	text     string
	at       int      // where the token begins
	compound compound // the latest one that begins at the token or before it
	out      []byte
	naming   naming // the effect of the words before on a number here
}

// compound is a run of letters, digits, and joiners between them.
type compound struct {
	end                 int
	hasDigit, hasLetter bool
}

// token is the result of a recogniser.
type token struct {
	end int // where it ends; 0: nothing was found
	// kept says that it names something. Otherwise it becomes a #, between its currency and
	// the unit that tells quantities apart.
	kept         bool
	before, unit string
}

// recognisers try to recognise the token at the scanner's position. The first that succeeds
// decides.
var recognisers = [...]func(s *scanner) token{
	(*scanner).named,
	(*scanner).uuid,
	(*scanner).date,
	(*scanner).address,
	(*scanner).isoDuration,
	(*scanner).hexadecimal,
	(*scanner).listing,
	(*scanner).amount,
	(*scanner).index,
}

// next consumes one token, or one character that is not part of a token.
func (s *scanner) next() {
	inCompound := isWord(s.runeAt(s.at))
	if inCompound && s.at >= s.compound.end {
		s.compound = s.compoundAt(s.at)
	}
	if inCompound && !s.compound.hasDigit { // most words
		s.naming = s.naming.after(s.text[s.at:s.compound.end])
		s.keep(s.compound.end)
		return
	}
	if inCompound || s.mayBegin() {
		for _, recognise := range recognisers {
			if t := recognise(s); t.end > 0 {
				s.take(t)
				return
			}
		}
	}
	if inCompound {
		s.word(s.compound.end)
		return
	}
	_, size := utf8.DecodeRuneInString(s.text[s.at:])
	s.naming = s.naming.afterMark(s.text[s.at])
	s.keep(s.at + size)
}

// mayBegin reports whether a number or an address may begin with this character, which is
// neither a letter nor a digit.
func (s *scanner) mayBegin() bool {
	switch c := s.text[s.at]; c {
	case '+', '-', '.', '(', '[', '#', '$', ':':
		return true
	default:
		return c >= utf8.RuneSelf
	}
}

func (s *scanner) take(t token) {
	if t.kept {
		s.naming = s.naming.afterNumber()
		s.keep(t.end)
		return
	}
	s.naming = noNaming
	s.mask(t)
}

func (s *scanner) keep(end int) {
	s.out = append(s.out, s.text[s.at:end]...)
	s.at = end
}

func (s *scanner) mask(t token) {
	s.out = append(append(append(s.out, t.before...), '#'), t.unit...)
	s.at = t.end
}

// isJoiner reports whether a character joins parts to a compound such as BTC-EUR,
// mean_rev_v2 or 0700.HK. One or more underscores are part of a word.
func isJoiner(r rune) bool { return r == '-' || r == '.' || r == '/' || r == ':' }

// compoundAt returns the compound that begins at from; an empty one if there is none. A plus
// joins a digit to a letter, as in T+2.
func (s *scanner) compoundAt(from int) compound {
	c := compound{end: from}
	for c.end < len(s.text) {
		r, size := rune(s.text[c.end]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s.text[c.end:])
		}
		switch {
		case isDigit(r):
			c.hasDigit = true
		case isWord(r):
			c.hasLetter = c.hasLetter || r != '_'
		case c.end > from && isJoiner(r) && isWord(s.runeAt(c.end+1)):
		case c.end > from && r == '+' && isDigit(s.runeAt(c.end+1)) && isLetter(s.runeBefore(c.end)):
		default:
			return c
		}
		c.end += size
	}
	return c
}

// inCompound returns the compound around the position.
func (s *scanner) inCompound(at int) compound {
	if s.at <= at && at < s.compound.end {
		return s.compound
	}
	return s.compoundAt(at)
}

// word consumes a compound part by part. It masks ids and keeps everything else.
func (s *scanner) word(end int) {
	s.naming = s.naming.after(s.text[s.at:end])
	for s.at < end {
		if t := s.part(end); t.end > 0 && !t.kept {
			s.mask(t)
		} else {
			s.keep(t.end)
		}
	}
}

// part finds the next part of a compound that ends at end, or the joiner before it.
func (s *scanner) part(end int) token {
	next := s.at
	for next < end && s.text[next] != '_' && s.text[next] != '+' && !isJoiner(rune(s.text[next])) {
		next++
	}
	if next == s.at {
		return token{end: next + 1, kept: true}
	}
	if t := s.uuid(); t.end > 0 && t.end <= end {
		return t
	}
	if isID(s.text[s.at:next]) {
		return token{end: next}
	}
	if t := s.value(); t.end > 0 && t.end <= end {
		return t
	}
	return token{end: next, kept: true}
}

// value finds a measurement after a colon, as in latency:850ms. An integer there is a name,
// as in host:8080.
func (s *scanner) value() token {
	if s.runeBefore(s.at) != ':' {
		return token{}
	}
	if t := s.date(); t.end > 0 {
		return t
	}
	if q := s.quantity(s.at); !q.plain {
		return q.token
	}
	return token{}
}

func isDigit(r rune) bool  { return '0' <= r && r <= '9' }
func isLetter(r rune) bool { return isWord(r) && !isDigit(r) && r != '_' }

// isWord reports whether a rune is part of a word, as a letter, a digit or a combining mark.
func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r|0x20 && r|0x20 <= 'z' || isDigit(r) || r == '_'
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsNumber(r)
}

func isHex(r rune) bool { return isDigit(r) || 'a' <= r && r <= 'f' || 'A' <= r && r <= 'F' }

// noRune stands for the rune before the beginning and after the end.
const noRune = rune(-1)

// runeAt returns the rune at at, noRune at the end.
func (s *scanner) runeAt(at int) rune {
	if at >= len(s.text) {
		return noRune
	}
	if c := s.text[at]; c < utf8.RuneSelf {
		return rune(c)
	}
	r, _ := utf8.DecodeRuneInString(s.text[at:])
	return r
}

// runeBefore returns the rune before at, noRune at the beginning.
func (s *scanner) runeBefore(at int) rune {
	if at == 0 {
		return noRune
	}
	r, _ := utf8.DecodeLastRuneInString(s.text[:at])
	return r
}

// alone reports whether the token that ends at end stands alone: it is followed by no letter
// or digit, nor by a joiner and one of them.
func (s *scanner) alone(end int) bool {
	r := s.runeAt(end)
	return !isWord(r) && (!isJoiner(r) || !isWord(s.runeAt(end+1)))
}
