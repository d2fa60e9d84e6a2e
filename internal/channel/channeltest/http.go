package channeltest

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
	"alertd/internal/incident"
)

var httpCases = []testCase{
	{"a status says what becomes of a message", aStatusSaysWhatBecomesOfAMessage},
	{"Retry-After is heard", retryAfterIsHeard},
	{"a redirect to another host is not followed", aRedirectToAnotherHostIsNotFollowed},
	{"a redirect that loses the message delivers nothing", aRedirectThatLosesTheMessageDeliversNothing},
	{"an answer that quotes the secrets shows none", anAnswerThatQuotesTheSecretsShowsNone},
	{"an error quotes little of an answer", anErrorQuotesLittleOfAnAnswer},
	{"an endless answer is not read to its end", anEndlessAnswerIsNotReadToItsEnd},
	{"an answer that drips for ever is given up", anAnswerThatDripsForEverIsGivenUp},
	{"the other side closes connections between messages", theOtherSideClosesConnectionsBetweenMessages},
	{"a channel that is closed keeps no connection", aChannelThatIsClosedKeepsNoConnection},
}

// refuse answers every request with a status and the service's own words.
func (f Fixture) refuse(status int, header http.Header) func(http.ResponseWriter, *http.Request, []byte) {
	return func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		maps.Copy(w.Header(), header)
		body := http.StatusText(status)
		if f.HTTP.Refusal != nil {
			body = f.HTTP.Refusal(status)
		}
		w.WriteHeader(status)
		if status != http.StatusNotModified {
			_, _ = w.Write([]byte(body)) // the channel may have left
		}
	}
}

// answered sends one message to a server that answers by handler.
func (f Fixture) answered(t *testing.T, handler func(http.ResponseWriter, *http.Request, []byte)) channel.Result {
	t.Helper()
	return send(t, f.open(t, newReceiver(t, f.HTTP, handler).address()), Notification(incident.Opened))
}

func aStatusSaysWhatBecomesOfAMessage(t *testing.T, f Fixture) {
	want := map[int]channel.Outcome{}
	for status := 300; status < 600; status++ {
		want[status] = channel.Permanent
		if status >= 500 {
			want[status] = channel.Transient
		}
	}
	for _, status := range []int{http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests} {
		want[status] = channel.Transient
	}
	maps.Copy(want, f.HTTP.Outcomes)
	var asked atomic.Int64
	server := newReceiver(t, f.HTTP, func(w http.ResponseWriter, r *http.Request, body []byte) {
		f.refuse(int(asked.Load()), nil)(w, r, body)
	})
	ch := f.open(t, server.address())
	for status := 300; status < 600; status++ {
		asked.Store(int64(status))
		result := send(t, ch, Notification(incident.Opened))
		assert.Equal(t, want[status], result.Outcome, "%d: %s", status, result.Error)
		assert.Equal(t, status, result.Code)
		f.requireSecret(t, result)
	}
	assert.Equal(t, 300, server.count(), "a Send tries once")
}

func retryAfterIsHeard(t *testing.T, f Fixture) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		for text, want := range map[string]struct {
			least, most time.Duration
			note        string
		}{
			"7":          {7 * time.Second, 7 * time.Second, ""},
			"120":        {2 * time.Minute, 2 * time.Minute, ""},
			"1.5":        {2 * time.Second, 2 * time.Second, `(Retry-After "1.5" is read as 2 s)`},
			"1000000000": {24 * time.Hour, 24 * time.Hour, `(Retry-After "1000000000" is read as a day)`},
			"-5":         {0, 0, `(Retry-After "-5" is ignored)`},
			"NaN":        {0, 0, `(Retry-After "NaN" is ignored)`},
			"soon":       {0, 0, `(Retry-After "soon" is ignored)`},
			time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  {50 * time.Minute, time.Hour, ""},
			time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): {0, 0, `GMT" is ignored)`},
		} {
			result := f.answered(t, f.refuse(status, http.Header{"Retry-After": {text}}))
			assert.Equal(t, channel.Transient, result.Outcome)
			assert.GreaterOrEqual(t, result.RetryAfter, want.least, "%d, Retry-After: %s", status, text)
			assert.LessOrEqual(t, result.RetryAfter, want.most, "%d, Retry-After: %s", status, text)
			if want.note == "" {
				assert.NotContains(t, result.Error, "Retry-After")
			} else {
				assert.Contains(t, result.Error, want.note, "the attempt says how it was read")
			}
		}
	}
}

func aRedirectToAnotherHostIsNotFollowed(t *testing.T, f Fixture) {
	elsewhere := newReceiver(t, f.HTTP, nil)
	for _, status := range []int{
		http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
	} {
		result := f.answered(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			http.Redirect(w, r, elsewhere.URL+r.URL.RequestURI(), status)
		})
		assert.Equal(t, channel.Permanent, result.Outcome, "%d: %s", status, result.Error)
		f.requireSecret(t, result)
	}
	assert.Zero(t, elsewhere.count(), "the message, and with it a secret, went to another host")
}

// A POST that 302 or 303 redirects becomes a GET, which any page answers by 200.
func aRedirectThatLosesTheMessageDeliversNothing(t *testing.T, f Fixture) {
	for _, status := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		result := f.answered(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
			if r.URL.Path == "/moved" {
				f.HTTP.OK(w, r, body)
				return
			}
			http.Redirect(w, r, "/moved", status)
		})
		assert.NotEqual(t, channel.Delivered, result.Outcome, "%d", status)
	}
}

func anAnswerThatQuotesTheSecretsShowsNone(t *testing.T, f Fixture) {
	require.NotEmpty(t, f.Secrets, "a channel without a secret needs no such test")
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusGone, http.StatusInternalServerError} {
		for _, secret := range f.Secrets {
			// Within the quoted part, and across its end.
			for _, before := range []int{0, 100, 200, 230, 250, 255} {
				text := strings.Repeat("x", before)
				for _, said := range []string{
					text + secret, text + url.QueryEscape(secret), text + "{\"message\":\"no such key: " + secret + "\",\"errors\":[\"" + secret + "\"]}",
				} {
					f.requireSecret(t, f.answered(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
						w.WriteHeader(status)
						_, _ = w.Write([]byte(said)) // the channel may have left
					}))
				}
			}
		}
		f.requireSecret(t, f.answered(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "%s %s %v %s", r.Method, r.URL, r.Header, body)
		}))
	}
}

func anErrorQuotesLittleOfAnAnswer(t *testing.T, f Fixture) {
	const most = 256
	for _, part := range []string{"§", "\x00", "\xff", "x\r\n", "\u202e"} {
		result := f.answered(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(strings.Repeat(part, 20_000))) // the channel may have left
		})
		assert.Equal(t, channel.Permanent, result.Outcome)
		quoted := strings.Count(result.Error, "§")*len("§") + strings.Count(result.Error, "\u202e")*len("\u202e") + strings.Count(result.Error, "�")*len("�")
		assert.LessOrEqual(t, quoted, most, result.Error)
		assert.LessOrEqual(t, len(result.Error), most+200, result.Error)
	}
}

func anEndlessAnswerIsNotReadToItsEnd(t *testing.T, f Fixture) {
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable} {
		const most = 8 << 20 // what may wait in buffers on the way is in there
		sent := make(chan int, 1)
		result := f.answered(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.WriteHeader(status)
			total, chunk := 0, []byte(strings.Repeat("x", 32<<10))
			for total < 4*most {
				n, err := w.Write(chunk)
				if total += n; err != nil {
					break
				}
			}
			sent <- total
		})
		assert.LessOrEqual(t, <-sent, most, "%d: the channel reads on and on", status)
		if status != http.StatusOK { // what an endless success means is the kind's to say
			assert.NotEqual(t, channel.Delivered, result.Outcome)
		}
	}
}

func anAnswerThatDripsForEverIsGivenUp(t *testing.T, f Fixture) {
	for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusServiceUnavailable} {
		server := newReceiver(t, f.HTTP, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			w.WriteHeader(status)
			drip := time.NewTicker(20 * time.Millisecond)
			defer drip.Stop()
			for {
				_, _ = w.Write([]byte(".")) // until the channel leaves
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-drip.C:
				}
			}
		})
		result := sendWithin(t, short, f.open(t, server.address()), Notification(incident.Opened))
		if status == http.StatusOK {
			assert.NotEqual(t, channel.Permanent, result.Outcome, result.Error)
		} else {
			assert.NotEqual(t, channel.Delivered, result.Outcome, "%d", status)
		}
	}
}

func theOtherSideClosesConnectionsBetweenMessages(t *testing.T, f Fixture) {
	server := newReceiver(t, f.HTTP, nil)
	ch := f.open(t, server.address())
	for range 20 {
		result := send(t, ch, Notification(incident.Opened))
		assert.NotEqual(t, channel.Permanent, result.Outcome, result.Error)
		server.CloseClientConnections()
	}
	for range 3 { // the channel may still find a connection that was closed
		if send(t, ch, Notification(incident.Opened)).Outcome == channel.Delivered {
			return
		}
	}
	assert.Fail(t, "nothing is delivered any more")
}

func aChannelThatIsClosedKeepsNoConnection(t *testing.T, f Fixture) {
	server := newReceiver(t, f.HTTP, nil)
	ch := f.New(t, server.address())
	for range 3 {
		require.Equal(t, channel.Delivered, send(t, ch, Notification(incident.Opened)).Outcome)
	}
	require.NotZero(t, server.open(), "the channel makes a connection a message")
	require.NoError(t, ch.Close())
	require.Eventually(t, func() bool { return server.open() == 0 }, patience, 10*time.Millisecond, "connections are left")
}
