package calendar

import (
	"errors"
	"regexp"
	"strconv"
)

const dayLength = 24 * 60 // in minutes

// hours is an interval on a wall clock, in minutes since midnight. It includes from and not
// to, which is more than dayLength if the interval crosses midnight.
type hours struct{ from, to int }

var wholeDay = hours{0, dayLength}

var (
	hoursForm  = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)$`)
	errHours   = errors.New("must be two times of a day such as 09:00-17:30, 22:00-06:00 over midnight, or 00:00-24:00")
	errNoHours = errors.New("begins when it ends; the whole day is 00:00-24:00")
)

func parseHours(text string) (hours, error) {
	found := hoursForm.FindStringSubmatch(text)
	if found == nil {
		return hours{}, errHours
	}
	var numbers [4]int
	for i := range numbers {
		numbers[i], _ = strconv.Atoi(found[i+1]) // the expression allows digits alone
	}
	h := hours{60*numbers[0] + numbers[1], 60*numbers[2] + numbers[3]}
	switch {
	case h.to > dayLength:
		return hours{}, errHours
	case h.to == h.from:
		return hours{}, errNoHours
	case h.to < h.from:
		h.to += dayLength
	}
	return h, nil
}
