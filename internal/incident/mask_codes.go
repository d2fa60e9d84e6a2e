package incident

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// isID reports whether a part of a compound is a random id: six or more characters in which
// letters and digits alternate at least twice, such as a ULID, or eight or more hexadecimal
// digits, the first from 0 to 9. Codes of instruments are not ids.
func isID(part string) bool {
	if len(part) < 6 {
		return false
	}
	turns, hex := 0, true
	digit := isDigit(rune(part[0]))
	begins := digit
	letters := !digit
	for _, r := range part {
		hex = hex && isHex(r)
		letters = letters || !isDigit(r)
		if isDigit(r) != digit {
			digit = !digit
			turns++
		}
	}
	switch {
	case turns >= 2 && utf8.RuneCountInString(part) >= 6:
		return !isCode(part)
	default:
		return turns == 1 && begins && hex && len(part) >= 8
	}
}

// isCode reports whether a word in which letters and digits alternate names an
// instrument, an account or a counterparty.
func isCode(word string) bool {
	for _, code := range codes {
		if code.MatchString(word) {
			return true
		}
	}
	upper := strings.ToUpper(word)
	switch len(upper) {
	case 7:
		return isSEDOL(upper)
	case 9:
		return isCUSIP(upper)
	case 12:
		return isISIN(upper) || strings.HasPrefix(upper, "BBG") // a FIGI
	case 20:
		return remainder97(upper) == 1 || isIBAN(upper) // an LEI
	default:
		return isIBAN(upper)
	}
}

// exchanges are Bloomberg's codes of exchanges that number their shares, such as 700 HK.
var exchanges = setOf("AB CG CH CS HK JP JT KQ KS MK SS SZ TB TT")

// listing finds the number of a share with its exchange.
func (s *scanner) listing() token {
	if s.compound.end <= s.at {
		return token{}
	}
	number := s.digits(s.at)
	if end := number + len(" HK"); number > s.at && end <= len(s.text) && s.text[number] == ' ' && exchanges[s.text[number+1:end]] && s.alone(end) {
		return token{end: end, kept: true}
	}
	return token{}
}

const months = "(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"

// codes are the patterns of codes of futures, options and rates.
var codes = [...]*regexp.Regexp{
	// Futures, and options on them: M2KZ25, 6EZ2025, ESZ5C5000.
	regexp.MustCompile(`^[A-Z0-9]{1,3}[FGHJKMNQUVXZ](?:\d|[23]\d|20[23]\d)(?:[CP]\d{1,6})?$`),
	// Options by day of expiry: AAPL240119C00150000, SPXW251219P5500.
	regexp.MustCompile(`^[A-Z]{0,6}\d{6}[CP]\d{1,8}$`),
	// Options and futures by month: 27DEC24 as in BTC-27DEC24-100000-C, NIFTY25DEC24000CE.
	regexp.MustCompile(`^[A-Z]{0,10}\d{1,2}` + months + `\d{0,7}(?:FUT|CE|PE|[CP]\d*)?$`),
	// Tenors, forwards and curves: USD5Y10Y, EUR10Y, EURIBOR3M, 2s5s10s.
	regexp.MustCompile(`^[A-Z]{0,8}(?:\d{1,2}[DWMY]){1,3}$`),
	regexp.MustCompile(`^[A-Za-z]{0,4}(?:\d{1,2}s){2,3}$`),
}

// value36 returns the value of a letter or digit for a check digit: A is 10, Z is 35.
func value36(c byte) int {
	switch {
	case isDigit(rune(c)):
		return int(c - '0')
	case 'A' <= c && c <= 'Z':
		return int(c-'A') + 10
	default:
		return -1
	}
}

// isISIN reports whether a word of twelve is an ISIN with the right check digit.
func isISIN(word string) bool {
	if !isASCIILetter(word[0]) || !isASCIILetter(word[1]) || !isDigit(rune(word[11])) {
		return false
	}
	sum, double := 0, false
	add := func(digit int) {
		if double {
			digit *= 2
		}
		sum += digit/10 + digit%10
		double = !double
	}
	for i := len(word) - 1; i >= 0; i-- {
		v := value36(word[i])
		if v < 0 {
			return false
		}
		add(v % 10)
		if v >= 10 {
			add(v / 10)
		}
	}
	return sum%10 == 0
}

// isSEDOL reports whether a word of seven, without vowels, has the right check digit.
func isSEDOL(word string) bool {
	weights := [...]int{1, 3, 1, 7, 3, 9, 1}
	sum := 0
	for i, weight := range weights {
		v := value36(word[i])
		if v < 0 || strings.IndexByte("AEIOU", word[i]) >= 0 {
			return false
		}
		sum += weight * v
	}
	return isDigit(rune(word[6])) && sum%10 == 0
}

// isCUSIP reports whether a word of nine has the right check digit.
func isCUSIP(word string) bool {
	sum := 0
	for i := range 8 {
		v := value36(word[i])
		if v < 0 {
			return false
		}
		if i%2 == 1 {
			v *= 2
		}
		sum += v/10 + v%10
	}
	return value36(word[8]) == (10-sum%10)%10
}

// isIBAN reports whether a word is an IBAN with the right check digits.
func isIBAN(word string) bool {
	return len(word) >= 15 && len(word) <= 34 && isASCIILetter(word[0]) && isASCIILetter(word[1]) &&
		isDigit(rune(word[2])) && isDigit(rune(word[3])) && remainder97(word[4:]+word[:4]) == 1
}

// remainder97 returns the remainder that the check digits of IBANs and LEIs are based on; -1
// if there are other characters than letters and digits.
func remainder97(word string) int {
	remainder := 0
	for i := range len(word) {
		v := value36(word[i])
		switch {
		case v < 0:
			return -1
		case v < 10:
			remainder = (remainder*10 + v) % 97
		default:
			remainder = (remainder*100 + v) % 97
		}
	}
	return remainder
}
