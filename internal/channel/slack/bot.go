package slack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"

	api "github.com/slack-go/slack"

	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
	"alertd/internal/incident"
)

// place is where a message is: the id of a channel, and the ts.
type place struct{ channel, ts string }

func (p place) String() string { return p.channel + "/" + p.ts }

var (
	isPlace = regexp.MustCompile(`^([A-Z][A-Z0-9]{2,})/(\d+\.\d+)$`)
	isID    = regexp.MustCompile(`^[CDG][A-Z0-9]{7,}$`)
)

// thread returns where the first message about an incident is. It returns false if there
// is none, or if it is not in the channel that messages go to now.
func (c *Channel) thread(text string) (place, bool) {
	parts := isPlace.FindStringSubmatch(text)
	if parts == nil || isID.MatchString(c.channel) && c.channel != parts[1] {
		return place{}, false
	}
	return place{parts[1], parts[2]}, true
}

// open posts the first message about an incident.
func (c *Channel) open(ctx context.Context, n channel.Notification) channel.Result {
	result, _ := c.post(ctx, place{channel: c.channel}, c.whole(n))
	return result
}

// follow updates the first message and replies to it.
func (c *Channel) follow(ctx context.Context, root place, n channel.Notification) channel.Result {
	switch result, refused := c.update(ctx, root, n); {
	case result.Outcome == channel.Transient:
		return result // nothing was posted: all of it can be tried again
	case goneRoot[refused]:
		return c.open(ctx, n)
	}
	// A refused update, for example because a message is too old to be edited, does not
	// hold back the reply.
	var options []api.MsgOption
	if n.Notice.Reason == incident.SeverityRaised {
		options = append(options, api.MsgOptionBroadcast())
	}
	result, refused := c.post(ctx, root, c.reply(n), options...)
	if goneRoot[refused] {
		return c.open(ctx, n)
	}
	return result
}

// post posts a message in a channel, or as a reply. refused is Slack's word for why it
// was not taken; "" if it was.
func (c *Channel) post(ctx context.Context, to place, m message, options ...api.MsgOption) (result channel.Result, refused string) {
	call := &exchange{client: c.client}
	options = append(options, m.options(), api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl())
	if to.ts != "" {
		options = append(options, api.MsgOptionTS(to.ts))
	}
	_, _, _, err := c.caller(call).SendMessageContext(ctx, to.channel, options...)
	return c.judge(call, err, to)
}

// update changes the first message about an incident to the present state.
func (c *Channel) update(ctx context.Context, at place, n channel.Notification) (result channel.Result, refused string) {
	call := &exchange{client: c.client}
	_, _, _, err := c.caller(call).UpdateMessageContext(ctx, at.channel, at.ts, root(n).options())
	return c.judge(call, err, at)
}

func (c *Channel) caller(call *exchange) *api.Client {
	return api.New(c.token, api.OptionHTTPClient(call), api.OptionAPIURL(c.api))
}

func (m message) options() api.MsgOption {
	return api.MsgOptionCompose(
		api.MsgOptionText(m.text, false), api.MsgOptionBlocks(m.blocks...), api.MsgOptionAttachments(m.attachments...),
	)
}

// exchange is the HTTP client of one call of Slack's library. It keeps the answer, as the
// library loses the text of a refusal and a Retry-After that is a date.
type exchange struct {
	client *outbound.Client
	answer outbound.Answer
	result channel.Result
}

var errNoAnswer = errors.New("no answer")

// Do sends the library's request.
func (e *exchange) Do(r *http.Request) (*http.Response, error) {
	r.Header.Set("User-Agent", "alertd")
	e.answer, e.result = e.client.Do(r)
	if e.answer.Status == 0 {
		return nil, errNoAnswer
	}
	return &http.Response{
		StatusCode: e.answer.Status, Status: http.StatusText(e.answer.Status), Header: e.answer.Header,
		Body: io.NopCloser(bytes.NewReader(e.answer.Body)), Request: r,
	}, nil
}

// judge returns the result of a call, with the thread that the message began or joined.
func (c *Channel) judge(call *exchange, err error, to place) (result channel.Result, refused string) {
	if call.result.Outcome != channel.Delivered {
		if call.result.Outcome == 0 {
			return c.client.Unsent(err), ""
		}
		return call.result, ""
	}
	if said, ok := errors.AsType[api.SlackErrorResponse](err); ok {
		return c.refusal(call.answer, said), strings.TrimSpace(said.Err)
	}
	// Slack repeats the message in its answer, which may be cut off before its end.
	taken := readTaken(call.answer.Body)
	if !taken.ok || !isPlace.MatchString(taken.at.String()) {
		return c.client.Unclear(call.answer, "message"), ""
	}
	result = call.result
	switch {
	case taken.thread != "":
		taken.at.ts = taken.thread
	case !taken.whole && to.ts != "":
		taken.at = to
	}
	result.Thread = taken.at.String()
	return result, ""
}
