package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	// sendTimeout is the timeout of the channels.
	sendTimeout = 2 * time.Second
	// inTime bounds the time of an answer that the sender certainly receives, also on a busy
	// machine.
	inTime = sendTimeout / 2
	// senderHeader identifies the alertd that sends.
	senderHeader = "X-Crash-Sender"
)

// way is a channel of alertd.
type way struct {
	name        string
	minSeverity string
	limited     bool // it has a rate_limit, so that incidents may be told in a digest
}

// ways returns all channels.
func ways(noise bool) []way {
	ways := []way{{"all", "debug", false}, {"critical", "critical", false}}
	if noise {
		ways = append(ways, way{"limited", "error", true})
	}
	return ways
}

// takes reports whether a channel gets incidents of a severity.
func (w way) takes(severity string) bool { return rank(severity) >= rank(w.minSeverity) }

// rank orders severities.
func rank(severity string) int { return slices.Index(severities(), severity) }

// outcome is the outcome of a message that has arrived.
type outcome int

const (
	pending  outcome = iota // not known yet
	answered                // by a 2xx that the sender has certainly seen
	late                    // accepted, but answered when the sender may have given up
	cut                     // accepted, but the connection was closed without an answer
	refused                 // answered by a 5xx
	unread                  // the connection was closed before it was read
)

// taken reports whether the receiver has accepted the message.
func (o outcome) taken() bool { return o == answered || o == late || o == cut }

// arrival is one request to the receiver. Arrivals are in the order they came.
type arrival struct {
	channel string
	key     string // its webhook-id
	sender  string
	body    string // "" if it was not read
	outcome outcome
	// number counts what happens at the receiver: arrivals, and the ends of senders.
	number int
	// at is when its outcome was known.
	at time.Time
}

// killing is the end of a sender.
type killing struct {
	number int
	at     time.Time
}

// receiver receives alertd's webhooks. It is slow and flaky, and records everything. Safe for
// concurrent use.
type receiver struct {
	ledger   *ledger
	secret   string
	verifier *standardwebhooks.Webhook
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup

	mu       sync.Mutex
	random   *mathrand.Rand
	number   int
	arrivals []*arrival
	killed   map[string]killing // by sender
}

// newReceiver listens, and serves until close.
func newReceiver(ctx context.Context, l *ledger, random *mathrand.Rand) (*receiver, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	r := &receiver{ledger: l, random: random, secret: "whsec_" + base64.StdEncoding.EncodeToString(key), killed: make(map[string]killing)}
	var err error
	if r.verifier, err = standardwebhooks.NewWebhook(r.secret); err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	if r.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("start a receiver: %w", err)
	}
	r.server = &http.Server{Handler: http.HandlerFunc(r.serve), ReadHeaderTimeout: answerPatience}
	r.serving.Go(func() {
		if err := r.server.Serve(r.listener); !errors.Is(err, http.ErrServerClosed) {
			l.report(wrong, "the receiver has ended: %s", err)
		}
	})
	return r, nil
}

func (r *receiver) close() error {
	err := r.server.Close()
	r.serving.Wait()
	return err
}

// config returns the tables of the channels for one sender.
func (r *receiver) config(sender string, noise bool) string {
	var text strings.Builder
	for _, w := range ways(noise) {
		_, _ = fmt.Fprintf(&text, "[alerting.channels.%s]\nkind = \"webhook\"\nenabled = true\nurl = \"http://%s/%s\"\nsecret = %q\nheaders = { %s = %q }\n"+
			"min_severity = %q\ntimeout = %q\nconcurrency = 4\nretry = { initial = \"50ms\", max = \"500ms\", give_up_after = \"1h\" }\n",
			w.name, r.listener.Addr(), w.name, r.secret, senderHeader, sender, w.minSeverity, sendTimeout)
		if w.limited {
			text.WriteString("rate_limit = \"30/min\"\n")
		}
	}
	return text.String()
}

// kills records that a sender is about to be killed.
func (r *receiver) kills(sender string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	r.killed[sender] = killing{r.number, time.Now()}
}

// story returns the arrivals so far, and when senders were killed.
func (r *receiver) story() ([]arrival, map[string]killing) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]arrival, len(r.arrivals))
	for i, a := range r.arrivals {
		all[i] = *a
	}
	return all, maps.Clone(r.killed)
}

// arrive records a request, and draws its outcome.
func (r *receiver) arrive(request *http.Request) (a *arrival, mood int, delay time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	a = &arrival{
		channel: strings.TrimPrefix(request.URL.Path, "/"), key: request.Header.Get("webhook-id"),
		sender: request.Header.Get(senderHeader), number: r.number,
	}
	r.arrivals = append(r.arrivals, a)
	return a, r.random.IntN(100), time.Duration(r.random.Int64N(int64(200 * time.Millisecond)))
}

// settle records the outcome of an arrival.
func (r *receiver) settle(a *arrival, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.outcome, a.at = o, time.Now()
}

func (r *receiver) serve(w http.ResponseWriter, request *http.Request) {
	began := time.Now()
	a, mood, delay := r.arrive(request)
	if mood < 3 {
		r.settle(a, unread)
		panic(http.ErrAbortHandler) // closes the connection
	}
	if !r.read(a, request) {
		return
	}
	pause(request.Context(), delay)
	switch {
	case mood < 6:
		r.settle(a, cut)
		panic(http.ErrAbortHandler)
	case mood < 10:
		r.settle(a, refused)
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	case mood < 12:
		r.settle(a, refused)
		w.Header().Set("Retry-After", "1")
		http.Error(w, "come back later", http.StatusServiceUnavailable)
		return
	case mood < 14: // until the sender gives up
		pause(request.Context(), sendTimeout+delay)
	}
	// First: the outcome must be recorded before the sender knows it.
	if time.Since(began) < inTime && request.Context().Err() == nil {
		r.settle(a, answered)
	} else {
		r.settle(a, late)
	}
	w.WriteHeader([]int{http.StatusOK, http.StatusAccepted, http.StatusNoContent}[mood%3])
}

// read reads a message and checks its signature. It drops an incomplete message, such as of a
// killed sender.
func (r *receiver) read(a *arrival, request *http.Request) bool {
	body, err := io.ReadAll(io.LimitReader(request.Body, maxAnswer))
	if err != nil {
		r.settle(a, unread)
		return false
	}
	if err := r.verifier.Verify(body, request.Header); err != nil {
		r.ledger.reportOnce(wrong, "the message %s on channel %s: its signature is not right: %s", a.key, a.channel, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a.body = string(body)
	return true
}
