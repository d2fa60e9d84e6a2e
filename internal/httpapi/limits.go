package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"alertd/internal/access"
	"alertd/internal/limit"
	"alertd/internal/metrics"
)

// Limits bound what one client may do. A rate of zero means no limit.
type Limits struct {
	// Rate is for requests of one identity, or of one address if nobody is configured.
	Rate limit.Rate
	// AddressRate is for requests of one address without a credential that is accepted,
	// once somebody is configured.
	AddressRate limit.Rate
	// LoginFailures is for wrong credentials from one address.
	LoginFailures limit.Rate
	// StreamsPerClient is how many event streams an identity, or an address if nobody is
	// configured, may have open; 0 stands for 32.
	StreamsPerClient int
}

// keptClients is how many clients of each kind have a bucket, see [limit.Buckets]. All
// of them take a few megabytes.
const keptClients = 10_000

// rates holds clients to the rates of [Limits].
type rates struct {
	known, strangers, failures *limit.Buckets[client]
	refusals                   *metrics.Refusals
}

func newRates(refusals *metrics.Refusals) *rates {
	return &rates{
		known: limit.New[client](keptClients), strangers: limit.New[client](keptClients), failures: limit.New[client](keptClients),
		refusals: refusals,
	}
}

func (r *rates) set(l Limits) {
	r.known.SetRate(l.Rate)
	r.strangers.SetRate(l.AddressRate)
	r.failures.SetRate(l.LoginFailures)
}

// request counts a request against the rate of its caller, who is a stranger if no
// credential was accepted and one is needed. The error is a problem.
func (r *rates) request(c *access.Caller, stranger bool) error {
	if stranger {
		return r.take(r.strangers, clientAt(c.Address), metrics.RefusedAddressRate, "requests without a credential", "address_rate")
	}
	return r.take(r.known, clientOf(c), metrics.RefusedRate, "requests", "rate")
}

// loginFailed counts a wrong credential against the address that it came from. The error
// is a problem: the answer in place of what was wrong. A good credential is never held up
// by that, so that nobody can lock out others behind the same address.
func (r *rates) loginFailed(from netip.Addr) error {
	return r.take(r.failures, clientAt(from), metrics.RefusedLoginRate, "wrong credentials", "login_failure_rate")
}

func (r *rates) take(from *limit.Buckets[client], c client, reason metrics.Refusal, what, key string) error {
	rate, wait := from.Take(c)
	if wait == 0 {
		return nil
	}
	r.refusals.Count(reason)
	return tooMany(wait, "too many %s from %s: [server] %s allows %s", what, c, key, rate)
}

// tooMany is the answer to a client that is over a limit, with the time until it may try again.
func tooMany(wait time.Duration, format string, args ...any) *problem {
	p := newProblem(http.StatusTooManyRequests, format, args...)
	p.retryAfter = max(1, int(math.Ceil(wait.Seconds())))
	return p
}

// isWrong reports whether the reason for which a caller is not known is a credential that
// is wrong, rather than none. A session that has ended is nobody's guess.
func isWrong(refusal error) bool {
	for _, wrong := range []error{errNotBearer, access.ErrNotSecret, access.ErrUnknown, access.ErrExpired} {
		if errors.Is(refusal, wrong) {
			return true
		}
	}
	return false
}

// openStreams counts the event streams that are open.
type openStreams struct {
	mu       sync.Mutex
	all      int
	byClient map[client]int
}

// enter counts one more, unless that is over a limit. The error is a problem.
func (s *openStreams) enter(c client, most, perClient int, refusals *metrics.Refusals) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.byClient[c] >= perClient:
		refusals.Count(metrics.RefusedPerClient)
		return tooMany(streamWait, "%s has %d event streams open, which is the limit of one client ([server] max_streams_per_client)", c, s.byClient[c])
	case s.all >= most:
		refusals.Count(metrics.RefusedStreams)
		return unavailable(fmt.Sprintf("%d event streams are open, which is the limit", most))
	}
	s.all++
	s.byClient[c]++
	return nil
}

// streamWait is when to try again to open a stream: nobody knows when another will end.
const streamWait = 5 * time.Second

func (s *openStreams) leave(c client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.byClient[c]--; s.byClient[c] == 0 {
		delete(s.byClient, c)
	}
}

func (s *openStreams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all
}
