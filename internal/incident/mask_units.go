package incident

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unit is the unit of a number.
type unit struct {
	// quantity is the same for units that convert into each other. Units of time,
	// multipliers and per cent have none: a number with them is just a number.
	quantity string
	// rank orders units of time, the longest first.
	rank int
	// times says that it is a multiplier, after which a currency may follow.
	times bool
	// apart says that there may be a space between the number and the unit.
	apart bool
}

// units are in their usual spelling. A unit without a space before it may also be in capitals.
var units = unitsOf([]likeUnits{
	{unit{rank: 1}, "d day days", ""},
	{unit{rank: 2}, "h hr hrs hour hours", "H"},
	{unit{rank: 3}, "min mins minute minutes", "m"},
	{unit{rank: 4}, "s sec secs second seconds", "S"},
	{unit{rank: 5}, "ms msec millisecond milliseconds", ""},
	{unit{rank: 6}, "us µs μs microsecond microseconds", ""},
	{unit{rank: 7}, "ns nanosecond nanoseconds", ""},
	{unit{}, "% ‰", "x X"},
	{unit{times: true}, "k K M mm mn mln mio bn bln mrd tn thousand million billion", ""},
	{unit{quantity: "B"}, "bytes kB KB MB GB TB KiB MiB GiB TiB", "b B kb mb gb tb"},
	{unit{quantity: "bp"}, "bp bps", ""},
	{unit{quantity: "Hz"}, "Hz kHz MHz GHz", ""},
	{unit{quantity: "°C"}, "°C", ""},
})

// likeUnits are units of one kind. Those in apart may have a space before them, those in
// joined may not.
type likeUnits struct {
	unit
	apart, joined string
}

func unitsOf(alike []likeUnits) map[string]unit {
	units := make(map[string]unit)
	for _, a := range alike {
		for word := range setOf(a.joined) {
			units[word] = a.unit
		}
		a.unit.apart = true
		for word := range setOf(a.apart) {
			units[word] = a.unit
		}
	}
	return units
}

// currencies are the codes that are recognised next to a number without a space. A code that
// is a separate word is kept like any other word.
var currencies = setOf("AED ARS AUD BRL BTC CAD CHF CLP CNH CNY CZK DKK ETH EUR GBP GBX HKD HUF IDR ILS INR " +
	"JPY KRW MXN MYR NOK NZD PLN QAR RON RUB SAR SEK SGD THB TRY TWD USD USDC USDT XAG XAU ZAR")

// measured is a unit in a text.
type measured struct {
	unit
	end    int  // 0: there is none
	symbol bool // it is the symbol of a currency
}

// unit finds the unit of the number between two positions. sure says that the number is an
// amount, and not a name such as 3M or 2x.
func (s *scanner) unit(from, number int, sure bool) measured {
	u, end := s.unitAt(number)
	if end == 0 {
		if end = s.per(number); end > 0 {
			return measured{end: end}
		}
		return s.currencyAfter(number)
	}
	switch {
	case !sure && isName(s.text[from:number], s.text[number:end]):
		return measured{}
	case u.times || sure && u.quantity == "B": // $1.2B
		if c := s.currencyAfter(end); c.end > 0 {
			return c
		}
		if sure {
			u.quantity = ""
		}
	case u.rank > 0:
		end = s.smallerUnits(end, u.rank)
	}
	if rate := s.per(end); rate > 0 {
		end = rate
	}
	if s.runeAt(number) == ' ' && !s.alone(end) && s.runeAt(end) != '/' {
		return measured{}
	}
	return measured{unit: u, end: end}
}

// per returns the end of a rate that continues here, as with /s; 0 if there is none.
func (s *scanner) per(at int) int {
	if s.runeAt(at) != '/' || s.runeAt(at+1) == ' ' {
		return 0
	}
	u, end := s.unitAt(at + 1)
	if u.rank == 0 || !s.alone(end) {
		return 0
	}
	return end
}

// unitAt returns the unit here, also after a space, and its end.
func (s *scanner) unitAt(at int) (u unit, end int) {
	first := at
	if s.runeAt(at) == ' ' {
		first++
	}
	end = first
	for end < len(s.text) && end-first <= len("microseconds") {
		r, size := utf8.DecodeRuneInString(s.text[end:])
		if !isLetter(r) && r != '%' && r != '‰' && r != '°' {
			break
		}
		end += size
		if r == '%' || r == '‰' {
			break
		}
	}
	if end == first {
		return unit{}, 0
	}
	word := s.text[first:end]
	u, ok := units[word]
	if !ok && first == at && len(word) > 1 { // but 12 US is not 12 us
		u, ok = units[strings.ToLower(word)]
	}
	if !ok || first > at && !u.apart {
		return unit{}, 0
	}
	return u, end
}

// smallerUnits returns the end of a duration that continues in smaller units, such as 1h30m
// or 1 h 30 min.
func (s *scanner) smallerUnits(at, rank int) int {
	for {
		first := at
		if s.runeAt(at) == ' ' {
			first++
		}
		whole := s.digits(first)
		if whole == first {
			return at
		}
		number := s.fraction(whole, noRune)
		u, end := s.unitAt(number)
		if u.rank <= rank || s.runeAt(number) == ' ' && !s.alone(end) {
			return at
		}
		at, rank = end, u.rank
	}
}

// currencyAfter finds the symbol or the code of a currency after a number. There must be no
// space before a code.
func (s *scanner) currencyAfter(at int) measured {
	symbol := at
	if s.runeAt(at) == ' ' {
		symbol++
	}
	if r := s.runeAt(symbol); unicode.Is(unicode.Sc, r) {
		end := symbol + utf8.RuneLen(r)
		if next := s.runeAt(end); isWord(next) || isSign(next) && isDigit(s.runeAt(end+utf8.RuneLen(next))) {
			return measured{} // it belongs to the next amount
		}
		return measured{unit: unit{quantity: s.text[symbol:end]}, end: end, symbol: true}
	}
	if code := s.code(at); code > at {
		return measured{unit: unit{quantity: " " + s.text[at:code]}, end: code}
	}
	return measured{}
}

// isName reports whether a number with a unit is a common tenor, such as 3M, or a leverage,
// such as 2x. 950M and 2.5x are measurements.
func isName(number, unit string) bool {
	switch unit {
	case "M":
		return usualTenors[number]
	case "x", "X":
		return strings.IndexFunc(number, func(r rune) bool { return !isDigit(r) }) < 0
	default:
		return false
	}
}

var usualTenors = setOf("1 2 3 6 9 12 15 18 24")
