package channel

import (
	"net/url"

	"alertd/internal/alerting"
)

// Problem says what is wrong with one key of a channel's settings. Its field is the key's
// name within the channel's table. Its message must not hold a value that may be a
// secret.
type Problem = alerting.FieldError

// Invalid returns nil if there are no problems, else an [*alerting.Error] with
// [alerting.CodeInvalid] and all of them.
func Invalid(problems ...Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &alerting.Error{Code: alerting.CodeInvalid, Fields: problems}
}

// Required returns the problem of a missing key that an enabled channel needs.
func Required(key string) Problem { return Problem{Field: key, Message: "is missing or empty"} }

// CheckURL returns the problems of a key that holds a URL or nothing. They do not show
// the URL, as it may hold a secret.
func CheckURL(key, raw string) []Problem {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Fragment != "" {
		return []Problem{{Field: key, Message: "the value (not shown) is not allowed, must be a URL with http or https and a host, such as https://example.com/path"}}
	}
	return nil
}
