package channel

import (
	"net/url"

	"alertd/internal/alerting"
)

// Problem is what is wrong with one key of a channel's settings. Its field is the
// key's name within the channel's table; its message must not hold the value if that
// may be a secret.
type Problem = alerting.FieldError

// Invalid returns nil if there are no problems, else an [*alerting.Error] with
// [alerting.CodeInvalid] and all of them.
func Invalid(problems ...Problem) error {
	if len(problems) == 0 {
		return nil
	}
	return &alerting.Error{Code: alerting.CodeInvalid, Fields: problems}
}

// Required returns a problem for a key that an enabled channel needs.
func Required(key string) Problem { return Problem{Field: key, Message: "is missing or empty"} }

// CheckURL returns what is wrong with the URL of a key that may be empty. The URL is
// not shown, as it may hold a secret.
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
