package channeltest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"alertd/internal/channel"
	"alertd/internal/incident"
)

// The words of [Worded] and [Unworded].
const (
	Title         = "VaR of EQ-LS-1 at 171 %"
	Body          = "Limit 0.0300\nVaR 0.0512"
	HTML          = "<p>VaR of <b>EQ-LS-1</b></p>"
	TemplateError = "title: line 1: no field .Sverity"
)

// Worded returns a message in the words of templates, and Unworded one whose template has
// failed.
func Worded() channel.Notification {
	n := Notification(incident.Opened)
	n.Title, n.Body, n.HTML = Title, Body, HTML
	n.Worded.Title, n.Worded.Body = Title, Body
	return n
}

// Unworded is described at [Worded].
func Unworded() channel.Notification {
	n := Notification(incident.Opened)
	n.TemplateError = TemplateError
	return n
}

// Requests returns the bodies of the requests by which a channel to an address sends a
// message.
func Requests(tb testing.TB, open func(address string) channel.Channel, n channel.Notification) (bodies []string) {
	tb.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			tb.Error(err)
		}
		bodies = append(bodies, string(body))
	}))
	defer server.Close()
	ch := open(server.URL)
	ch.Send(tb.Context(), n)
	if err := ch.Close(); err != nil {
		tb.Error(err)
	}
	return bodies
}
