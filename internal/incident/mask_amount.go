package incident

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// quantity is a number with its unit or currency.
type quantity struct {
	token
	// plain says that it has digits only, so that it may be a name after a word such as port.
	plain bool
}

// amount finds a quantity, also in parentheses, as accountants write negative amounts, and
// after a #.
func (s *scanner) amount() token {
	switch s.text[s.at] {
	case '#':
		return s.quantity(s.at + 1).token
	case '(':
		q := s.quantity(s.at + 1)
		if q.end == 0 || isWord(s.runeBefore(s.at)) || s.runeAt(q.end) != ')' || !s.alone(q.end+1) {
			return token{}
		}
		q.end++
		return q.token
	default:
		return s.quantity(s.at).token
	}
}

// quantity finds a number with its sign, currency and unit.
func (s *scanner) quantity(from int) quantity {
	at := s.sign(from)
	number, currency := s.currency(at)
	if currency != "" {
		number = s.sign(number)
	}
	for _, end := range s.numbers(number) {
		if end == 0 {
			break
		}
		bare := end == s.digits(number)
		q := quantity{token: token{end: end, before: currency}, plain: bare && number == from}
		u := s.unit(number, end, number > from)
		if u.end > 0 {
			q.end, q.unit, q.plain = u.end, u.quantity, false
			if u.symbol && currency == "" {
				q.before, q.unit = u.quantity, ""
			}
		}
		switch {
		case !s.ends(q.end, number, bare, u.end > 0):
		case bare && u.end == 0 && end-number < 3 && len(currency) > 3:
			return quantity{} // EUR5 is a name, EUR950 is an amount
		default:
			return q
		}
	}
	return quantity{}
}

// ends reports whether a number ends here. It stands alone, is part of a fraction or a
// range, or is a rate, such as 5/s.
func (s *scanner) ends(end, number int, bare, hasUnit bool) bool {
	if s.alone(end) {
		return true
	}
	switch r := s.runeAt(end); {
	case r == '/' && hasUnit:
		return true
	case r == '/' || r == ':' || r == '-' && !bare:
		return isDigit(s.runeAt(end+1)) && !s.inCompound(number).hasLetter
	default:
		return false
	}
}

// sign returns the end of a sign that begins here. A hyphen in a word is not a sign.
func (s *scanner) sign(at int) int {
	switch r := s.runeAt(at); r {
	case '+', '-', '−', '±': // also the minus U+2212
		if !isWord(s.runeBefore(at)) {
			return at + utf8.RuneLen(r)
		}
	}
	return at
}

// isSign reports whether a number may begin with this rune after a currency.
func isSign(r rune) bool { return r == '+' || r == '-' || r == '−' || r == '.' }

// currency returns the symbol or the code of a currency before a number, the code with a
// space, and where the number begins.
func (s *scanner) currency(at int) (number int, currency string) {
	r := s.runeAt(at)
	if isDigit(r) {
		return at, ""
	}
	if unicode.Is(unicode.Sc, r) {
		number = at + utf8.RuneLen(r)
		currency = s.text[at:number]
		if s.runeAt(number) == ' ' {
			number++
		}
		return number, currency
	}
	code := s.code(at)
	if r := s.runeAt(code); code > at && (isDigit(r) || isSign(r)) {
		return code, s.text[at:code] + " "
	}
	return at, ""
}

// code returns the end of a currency's code that begins at at; at if there is none.
func (s *scanner) code(at int) int {
	end := at
	for end < len(s.text) && isASCIILetter(s.text[end]) {
		end++
	}
	if end-at < 3 || end-at > 4 || !currencies[strings.ToUpper(s.text[at:end])] {
		return at
	}
	return end
}

func isASCIILetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// digits returns the end of the digits that begin here.
func (s *scanner) digits(at int) int {
	for at < len(s.text) && isDigit(rune(s.text[at])) {
		at++
	}
	return at
}

// numbers returns the possible ends of a number that begins here, the farthest first: with
// its groups of thousands, fraction and exponent, and without the groups, if these may be
// numbers of their own.
func (s *scanner) numbers(at int) (ends [2]int) {
	whole := s.digits(at)
	if whole == at && (s.runeAt(at) != '.' || !isDigit(s.runeAt(at+1))) {
		return ends
	}
	if whole > at && whole-at <= 3 {
		switch grouper := s.runeAt(whole); grouper {
		case ',', '.', ' ', '\'', '’', '_': // a narrow space has been folded to a space
			end := s.groups(whole, grouper)
			switch {
			case end == whole:
			case grouper == ' ':
				return [2]int{s.fraction(end, grouper), s.fraction(whole, noRune)}
			default:
				return [2]int{s.fraction(end, grouper)}
			}
		}
	}
	return [2]int{s.fraction(whole, noRune)}
}

// groups returns the end of groups of three digits that begin here.
func (s *scanner) groups(at int, grouper rune) int {
	for s.runeAt(at) == grouper {
		first := at + utf8.RuneLen(grouper)
		end := s.digits(first)
		if end-first != 3 {
			break
		}
		at = end
	}
	return at
}

// fraction returns the end of a fraction and an exponent, if they begin here.
func (s *scanner) fraction(at int, grouper rune) int {
	if r := s.runeAt(at); (r == '.' || r == ',') && r != grouper {
		if end := s.digits(at + 1); end > at+1 {
			at = end
		}
	}
	if r := s.runeAt(at); r == 'e' || r == 'E' {
		digits := at + 1
		if r := s.runeAt(digits); r == '-' || r == '+' {
			digits++
		}
		if end := s.digits(digits); end > digits {
			return end
		}
	}
	return at
}
