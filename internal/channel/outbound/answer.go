package outbound

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"alertd/internal/channel"
)

const (
	// maxAnswer is how many bytes of an answer are read.
	maxAnswer = 64 << 10
	// maxQuote is how many bytes of it an error quotes.
	maxQuote = 256
	// maxWait bounds what the other side may ask for.
	maxWait = 24 * time.Hour
)

// Answer is what the other side has answered.
type Answer struct {
	// Status is 0 if there was no answer.
	Status int
	Header http.Header
	// Body has at most 64 KiB.
	Body []byte
	// note says how the Retry-After was read, if not as it stands.
	note string
}

// classify returns the usual meaning of an answer.
func (c *Client) classify(a *Answer) channel.Result {
	result := channel.Result{Code: a.Status}
	means := ""
	switch s := a.Status; {
	case s >= 200 && s < 300:
		result.Outcome = channel.Delivered
		return result
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly, s == http.StatusTooManyRequests, s >= 500:
		result.Outcome = channel.Transient
		result.RetryAfter, a.note = c.RetryAfter(a.Header)
	case s >= 300 && s < 400:
		result.Outcome, means = channel.Permanent, "a redirect that is not followed"
	default:
		result.Outcome = channel.Permanent
	}
	result.Error = c.Says(*a, means, string(a.Body))
	return result
}

// Says returns the text of an error: the status, what it means, unless that is "", the
// beginning of what the other side says, and how its Retry-After was read, if not as it
// stands.
func (c *Client) Says(a Answer, means, quote string) string {
	text := "answered " + strconv.Itoa(a.Status)
	if name := http.StatusText(a.Status); name != "" {
		text += " " + name
	}
	if means != "" {
		text += ", " + means
	}
	if quote = c.Quote(quote); quote != "" {
		text += ": " + quote
	}
	return text + a.note
}

// Refused returns the text of an error in the service's own words.
func (c *Client) Refused(a Answer, service, words, advice string) string {
	return service + " says " + c.Quote(words) + advice + a.note
}

// Unclear is the result of a success that does not say that the message was taken. It
// may come from a proxy or a login page.
func (c *Client) Unclear(a Answer, what string) channel.Result {
	return channel.Result{Outcome: channel.Transient, Code: a.Status, Error: c.Says(a, "but not that the "+what+" was taken", string(a.Body))}
}

// Unsent is the result of a message that no request could be made of.
func (c *Client) Unsent(err error) channel.Result {
	return channel.Result{Outcome: channel.Permanent, Error: "make the request: " + c.Quote(err.Error())}
}

// Quote returns the beginning of a text from the other side, in one line, without
// secrets.
func (c *Client) Quote(text string) string {
	// Secrets are hidden before the text is cut, or half of one could be left.
	return channel.ShortenBytes(c.secrets.Hide(channel.OneLine(string(bytes.ToValidUTF8([]byte(text), []byte("�"))))), maxQuote)
}

// RetryAfter returns how long the header of that name asks to wait (RFC 9110: seconds
// or a date), 0 if there is none. note is for the end of an error; it says how the header
// was read, if not as it stands.
func (c *Client) RetryAfter(header http.Header) (wait time.Duration, note string) {
	text := header.Get("Retry-After")
	if text == "" {
		return 0, ""
	}
	shown := "Retry-After " + channel.ShortenBytes(strconv.Quote(c.Quote(text)), 64)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return Wait(shown, seconds)
	}
	if at, err := http.ParseTime(text); err == nil {
		return Wait(shown, math.Ceil(time.Until(at).Seconds()))
	}
	return Wait(shown, math.NaN())
}

// Wait returns how long to wait if the other side asks for so many seconds: at most a
// day, in whole seconds, and 0 for what makes no sense. note is as with
// [Client.RetryAfter]; shown is what the other side has sent.
func Wait(shown string, seconds float64) (wait time.Duration, note string) {
	switch whole := math.Ceil(seconds); {
	case math.IsNaN(seconds) || seconds < 0:
		return 0, fmt.Sprintf(" (%s is ignored)", shown)
	case seconds > maxWait.Seconds():
		return maxWait, fmt.Sprintf(" (%s is read as a day)", shown)
	case whole != seconds:
		return time.Duration(whole) * time.Second, fmt.Sprintf(" (%s is read as %.0f s)", shown, whole)
	default:
		return time.Duration(whole) * time.Second, ""
	}
}
