package incident

import "strings"

// Layouts of dates and times of day: 9 is a digit, A stands for the letters of a month.
var (
	dateLayouts = [...]string{
		"9999-99-99", "9999/99/99", "9999.99.99",
		"99.99.9999", "9.99.9999", "99.9.9999", "9.9.9999",
		"99/99/9999", "9/99/9999", "99/9/9999", "9/9/9999", "99/99/99",
		"99-AAA-9999", "9-AAA-9999", "99-AAA-99", "99/AAA/9999", "99AAA9999", "99AAA99", "9AAA99",
	}
	clockLayouts = [...]string{"99:99:99", "99:99", "9:99:99", "9:99"}
)

// date finds a date, a time of day, or both.
func (s *scanner) date() token {
	digits := s.digits(s.at)
	switch digits - s.at {
	case 1, 2, 4:
		if !s.mayDate(digits) {
			return token{}
		}
	case 8:
		if end := s.layout(s.at, "99999999T999999"); end > 0 {
			return s.moment(s.zone(s.second(end)))
		}
		return token{}
	default:
		return token{}
	}
	end := s.anyLayout(s.at, dateLayouts[:])
	if end == 0 {
		return s.moment(s.clock(s.at, false))
	}
	switch s.runeAt(end) {
	case 'T', ' ', '_', ':':
		if t := s.moment(s.clock(end+1, true)); t.end > 0 {
			return t
		}
	}
	return s.moment(end)
}

// mayDate reports whether the text after the first digits may be the rest of a date or a
// time of day: a colon, a month, or another number and the same joiner again.
func (s *scanner) mayDate(at int) bool {
	joiner := s.runeAt(at)
	if joiner == ':' || isLetter(joiner) {
		return true
	}
	next := s.runeAt(at + 1)
	return isJoiner(joiner) && (isLetter(next) || s.runeAt(s.digits(at+1)) == joiner)
}

// moment returns the token that ends here, if it stands alone or another date or time follows
// after a joiner.
func (s *scanner) moment(end int) token {
	if end == 0 {
		return token{}
	}
	r := s.runeAt(end)
	ranges := (r == '-' || r == '/') && s.anyLayout(end+1, dateLayouts[:])+s.anyLayout(end+1, clockLayouts[:]) > 0
	if !ranges && !s.alone(end) {
		return token{}
	}
	return token{end: end}
}

// clock returns the end of a time of day that begins here, with its zone; 0 if there is
// none. After a date, 10:30-05:00 has a zone, otherwise it is a range.
func (s *scanner) clock(at int, dated bool) int {
	end := s.anyLayout(at, clockLayouts[:])
	if end == 0 || s.text[at:min(at+2, end)] > "24" && s.text[at+1] != ':' || s.text[end-2] > '5' {
		return 0
	}
	end = s.second(end)
	if half := s.half(end); half > 0 {
		return half
	}
	if !dated && s.runeAt(end) == '-' {
		return end
	}
	return s.zone(end)
}

// second returns the end of a fraction of a second.
func (s *scanner) second(at int) int {
	if r := s.runeAt(at); r == '.' || r == ',' {
		if end := s.digits(at + 1); end > at+1 {
			return end
		}
	}
	return at
}

// half returns the end of am or pm, 0 if there is none.
func (s *scanner) half(at int) int {
	if s.runeAt(at) == ' ' {
		at++
	}
	if at+2 > len(s.text) || isWord(s.runeAt(at+2)) {
		return 0
	}
	switch s.text[at : at+2] {
	case "am", "AM", "pm", "PM":
		return at + 2
	default:
		return 0
	}
}

// zone returns the end of Z or an offset such as +01:00.
func (s *scanner) zone(at int) int {
	switch s.runeAt(at) {
	case 'Z', 'z':
		return at + 1
	case '+', '-':
		for _, offset := range [...]string{"99:99", "9999", "99"} {
			if end := s.layout(at+1, offset); end > 0 && s.alone(end) {
				return end
			}
		}
	}
	return at
}

func (s *scanner) anyLayout(at int, layouts []string) int {
	for _, layout := range layouts {
		if end := s.layout(at, layout); end > 0 && !isDigit(s.runeAt(end)) {
			return end
		}
	}
	return 0
}

// layout returns the end of a text of a layout that begins here, 0 if there is none.
func (s *scanner) layout(at int, layout string) int {
	if at+len(layout) > len(s.text) {
		return 0
	}
	for i := 0; i < len(layout); i++ {
		c := s.text[at+i]
		switch layout[i] {
		case '9':
			if !isDigit(rune(c)) {
				return 0
			}
		case 'A':
			if !isMonth(s.text[at+i : at+i+3]) {
				return 0
			}
			i += 2
		default:
			if c != layout[i] {
				return 0
			}
		}
	}
	return at + len(layout)
}

func isMonth(text string) bool {
	const months = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
	at := strings.Index(months, strings.ToUpper(text))
	return at >= 0 && at%3 == 0
}

// isoDuration finds a duration such as PT5M or P1DT2H30M.
func (s *scanner) isoDuration() token {
	if r := s.runeAt(s.at); r != 'P' {
		return token{}
	}
	at, timed, parts := s.at+1, false, 0
	for {
		if s.runeAt(at) == 'T' && !timed {
			at, timed = at+1, true
		}
		number := s.second(s.digits(at))
		if number == at || !strings.ContainsRune("YMWDHS", s.runeAt(number)) {
			break
		}
		at, parts = number+1, parts+1
	}
	if !timed || parts == 0 { // P5D may be a name
		return token{}
	}
	return s.moment(at)
}
