package incident

import (
	"net/netip"
	"strings"
)

// naming says whether the next number or word is a name because of the words before it.
type naming uint8

const (
	noNaming naming = iota
	// integerNames: an integer that follows is a name.
	integerNames
	// integersName: several integers that follow are names, after a plural.
	integersName
	// anythingNames: any text that follows is a name.
	anythingNames
	// asBefore: the word has no effect.
	asBefore
)

// namers are the words before names. docs/channels.md lists them.
var namers = namersOf(
	namer{integerNames, "gateway node host server shard partition queue worker session line port disk core desk book leg level tier " +
		"http http/1.0 http/1.1 http/2 http/2.0 http/3 status code error " +
		"account portfolio strategy fund trader venue exchange instance cluster replica zone rack cpu gpu feed"},
	// After plurals such as errors and sessions comes a count.
	namer{integersName, "gateways nodes hosts servers shards partitions queues workers ports disks cores desks books legs levels tiers " +
		"accounts portfolios strategies funds traders venues exchanges instances clusters replicas zones racks feeds"},
	namer{anythingNames, "isin sedol cusip figi wkn valor lei iban bic ric symbol ticker instrument contract option future rule version release"},
	namer{asBefore, "no nr number id and or to und bis"},
)

// namer is a set of words with the same effect.
type namer struct {
	makes naming
	words string
}

func namersOf(list ...namer) map[string]naming {
	namers := make(map[string]naming)
	for _, n := range list {
		for word := range setOf(n.words) {
			namers[word] = n.makes
		}
	}
	return namers
}

func setOf(words string) map[string]bool {
	set := make(map[string]bool)
	for word := range strings.FieldsSeq(words) {
		set[word] = true
	}
	return set
}

// after returns the naming after a compound. If the compound is not a namer, its last part
// decides.
func (n naming) after(compound string) naming {
	made := madeBy(compound)
	for i := len(compound) - 1; made == noNaming && i > 0; i-- {
		if c := compound[i]; c == '_' || isJoiner(rune(c)) {
			made = madeBy(compound[i+1:])
			break
		}
	}
	if made == asBefore {
		return n
	}
	return made
}

// madeBy looks up a word in any case.
func madeBy(word string) naming {
	const longest = len("instrument")
	if len(word) > longest {
		return noNaming
	}
	var buffer [longest]byte
	return namers[string(foldCase(buffer[:0], word))]
}

// afterMark returns the naming after a character between words.
func (n naming) afterMark(c byte) naming {
	switch c {
	case ' ', '#':
		return n
	case '=', ':', '"', '\'', '(', '[':
		if n != integersName {
			return n
		}
	case ',', '&', '-', '/':
		if n == integersName {
			return n
		}
	}
	return noNaming
}

// afterNumber returns the naming after a number that is a name.
func (n naming) afterNumber() naming {
	if n == integersName {
		return n
	}
	return noNaming
}

// named finds the name after a word such as gateway: an integer that is not a measurement.
func (s *scanner) named() token {
	switch {
	case s.naming == noNaming:
		return token{}
	case s.naming == anythingNames && s.compound.end > s.at:
		return token{end: s.compound.end, kept: true}
	}
	first := s.at
	if c := s.text[first]; c == '#' || c == '(' || c == '[' {
		first++
	}
	first = s.sign(first)
	number := s.digits(first)
	if number == first {
		return token{}
	}
	end := s.compoundAt(first).end
	name := s.text[first:end]
	r := s.runeAt(number)
	fraction := (r == ',' || r == '.' && strings.Count(name, ".") == 1) && isDigit(s.runeAt(number+1))
	switch {
	case isHexadecimal(name):
	case fraction, strings.ContainsFunc(name, isLetter), s.unit(first, number, false).end > 0, s.date().end > 0:
		return token{}
	}
	return token{end: end, kept: true}
}

// index finds the integer in brackets after a word, as in host[3] and VaR(99).
func (s *scanner) index() token {
	closing := byte(')')
	switch s.text[s.at] {
	case '(':
	case '[':
		closing = ']'
	default:
		return token{}
	}
	end := s.digits(s.at + 1)
	if end == s.at+1 || end == len(s.text) || s.text[end] != closing || !isWord(s.runeBefore(s.at)) {
		return token{}
	}
	return token{end: end + 1, kept: true}
}

// uuid finds a UUID, also in a compound.
func (s *scanner) uuid() token {
	const length = 36
	end := s.at + length
	if end > len(s.text) || s.text[s.at+8] != '-' || isWord(s.runeAt(end)) {
		return token{}
	}
	for i := range length {
		c := s.text[s.at+i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !isHex(rune(c)) {
			return token{}
		}
	}
	return token{end: end}
}

// hexadecimal finds a number such as 0x1F.
func (s *scanner) hexadecimal() token {
	if !isHexadecimal(s.text[s.at:max(s.at, s.compound.end)]) {
		return token{}
	}
	return token{end: s.compound.end}
}

func isHexadecimal(text string) bool {
	return len(text) > 2 && text[0] == '0' && text[1]|0x20 == 'x' && strings.IndexFunc(text[2:], func(r rune) bool { return !isHex(r) }) < 0
}

// address finds an IP address, also with a port or a prefix length. One with letters is a
// compound anyway.
func (s *scanner) address() token {
	const longest = len("0000:0000:0000:0000:0000:ffff:255.255.255.255")
	end, dots, colons := s.at, 0, false
	for ; end < len(s.text) && end-s.at <= longest; end++ {
		c := s.text[end]
		switch {
		case c == ':':
			colons = colons || end > s.at && s.text[end-1] == ':'
		case c == '.':
			dots++
		case !isHex(rune(c)):
			return s.addressIn(end, dots, colons)
		}
	}
	return s.addressIn(end, dots, colons)
}

// addressIn finds an address in the characters before end that an address may have.
func (s *scanner) addressIn(end, dots int, colons bool) token {
	switch {
	case colons:
		if s.runeAt(end) == '%' { // a zone
			end = s.compoundAt(end + 1).end
		}
		if _, err := netip.ParseAddr(s.text[s.at:end]); err != nil || isWord(s.runeAt(end)) {
			return token{}
		}
		for _, port := range [...]string{"]:", "/"} {
			if strings.HasPrefix(s.text[end:], port) {
				end = max(end, s.digits(end+len(port)))
			}
		}
		return token{end: end, kept: true}
	case dots >= 3 && s.compound.end > s.at:
		host, _, _ := strings.Cut(s.text[s.at:s.compound.end], ":")
		host, _, _ = strings.Cut(host, "/")
		if _, err := netip.ParseAddr(host); err != nil {
			return token{}
		}
		return token{end: s.compound.end, kept: true}
	default:
		return token{}
	}
}
