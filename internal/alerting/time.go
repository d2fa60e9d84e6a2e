package alerting

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lenientTime is a time of ISO 8601 in the forms that programs write by default:
// the day, the time of day, its fraction, and the zone.
var lenientTime = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d+))?(?: ?([Zz]|[+-]\d\d(?::?\d\d)?))?$`)

// ParseTime reads an RFC 3339 time. It also takes a space or a lower-case t for
// the T, a comma before the fraction, a zone such as +0100 or +01, a space before
// the zone, no zone for UTC, and 24:00:00 for the end of a day. The error is an
// [*Error] with [CodeInvalid] that names the field.
func ParseTime(field, text string) (time.Time, error) {
	t, ok := parseRFC3339(text)
	if !ok {
		t, ok = parseLenient(text)
	}
	if !ok {
		return time.Time{}, invalidField(field, "%s is not a time, must be RFC 3339 such as 2025-12-27T10:30:00Z", quoteShort(text))
	}
	return t, nil
}

// parseRFC3339 is time.Parse without what that takes and RFC 3339 does not allow
// (go.dev/issue/54580): an hour of one digit, an offset of a day or more.
func parseRFC3339(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, false
	}
	const hour = len("2006-01-02T")
	offset := text[len(text)-len("07:00"):]
	return t, text[hour+2] == ':' && (text[len(text)-1] == 'Z' || offset[:2] < "24" && offset[3:] < "60")
}

// parseLenient rewrites a time to RFC 3339 and reads that.
func parseLenient(text string) (time.Time, bool) {
	parts := lenientTime.FindStringSubmatch(text)
	if parts == nil {
		return time.Time{}, false
	}
	day, clock, fraction, zone := parts[1], parts[2], parts[3], strings.ToUpper(parts[4])
	after := 0
	if clock == "24:00:00" && strings.Trim(fraction, "0") == "" {
		clock, after = "00:00:00", 1
	}
	if fraction != "" {
		clock += "." + fraction
	}
	switch len(zone) {
	case 0:
		zone = "Z"
	case len("+01"):
		zone += ":00"
	case len("+0100"):
		zone = zone[:3] + ":" + zone[3:]
	}
	t, ok := parseRFC3339(day + "T" + clock + zone)
	return t.AddDate(0, 0, after), ok
}

// parseAlertTime reads an alert's time, which must not be zero: in an [Alert]
// that stands for no time.
func parseAlertTime(field string, text []byte) (time.Time, error) {
	t, err := ParseTime(field, string(text))
	if err == nil && t.IsZero() {
		err = outOfRange(field, t)
	}
	return t, err
}

const day = 24 * time.Hour

// ParseDuration reads a duration in the form of time.ParseDuration, or a whole number of
// days such as 90d. "0" is zero.
func ParseDuration(text string) (time.Duration, error) {
	if digits, ok := strings.CutSuffix(text, "d"); ok {
		days, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return 0, fmt.Errorf("parse duration %q: %w", text, err)
		}
		if most := int64(math.MaxInt64 / day); days < -most || days > most {
			return 0, fmt.Errorf("parse duration %q: must be at most %dd", text, most)
		}
		return time.Duration(days) * day, nil
	}
	return time.ParseDuration(text)
}
