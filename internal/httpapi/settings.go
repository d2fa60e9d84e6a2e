package httpapi

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/rs/cors"
	"golang.org/x/net/idna"

	"alertd/internal/access"
)

// AccessLog says which requests are logged. Three kinds are logged whatever it
// says: those that alertd failed to answer (5xx, or an answer that could not be
// given whole), those that took [Settings.SlowRequest] or longer, and those by which
// a person changes something. What is refused to callers who are not known, or because it is too
// much, gets at most 10 records a second.
type AccessLog string

// The access logs.
const (
	// AccessLogErrors also logs requests that were refused (4xx).
	AccessLogErrors AccessLog = "errors"
	// AccessLogAll logs every request.
	AccessLogAll AccessLog = "all"
	// AccessLogOff logs no others.
	AccessLogOff AccessLog = "off"
)

// Settings are what a reload of the configuration changes.
type Settings struct {
	// AccessLog says which requests are logged; "" stands for [AccessLogErrors].
	AccessLog AccessLog
	// SlowRequest is how long a request takes that is logged for it; 0 stands for
	// 1 s. A stream is never slow.
	SlowRequest time.Duration
	// PublicURL is where browsers reach alertd, perhaps through a proxy; "" if that
	// is not known. Web pages of its origin may change things.
	PublicURL string
	// AllowedOrigins are the other origins whose web pages may read, in the form
	// scheme://host:port, or "*" for all.
	AllowedOrigins []string
	// TrustedProxies may say where a request comes from.
	TrustedProxies Proxies
	Limits         Limits
	// Access says who may do what; nil stands for one in which anybody may do everything.
	Access *access.Directory
}

// inForce is [Settings] prepared for requests.
type inForce struct {
	Settings
	origins    *http.CrossOriginProtection
	sharing    *cors.Cors // nil: with no other origin
	forwarding *forwarding
	replaced   chan struct{} // closed when others are in force
	used       sync.Map      // by *access.Identity: those whose use is noted
}

// Reconfigure puts settings into force for the requests that come after it, and ends the
// streams of callers who may not read any more. Safe for concurrent use.
func (a *API) Reconfigure(settings Settings) {
	setDefault(&settings.SlowRequest, time.Second)
	if settings.Access == nil {
		settings.Access, _ = access.NewDirectory(nil, false) // without entries it cannot fail
	}
	origins := http.NewCrossOriginProtection()
	if origin := originOf(settings.PublicURL); origin != "" {
		_ = origins.AddTrustedOrigin(origin) // it has the form of an origin
	}
	setDefault(&settings.Limits.StreamsPerClient, 32)
	a.rates.set(settings.Limits)
	before := a.settings.Swap(&inForce{
		Settings: settings, origins: origins, sharing: newSharing(settings.AllowedOrigins), forwarding: newForwarding(settings.TrustedProxies),
		replaced: make(chan struct{}),
	})
	if before != nil {
		close(before.replaced)
	}
}

// originOf returns the origin of a URL as browsers write it: scheme, host in lower
// case and in ASCII, and the port unless it is the scheme's own. It is "" if the URL
// has none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	scheme, host, port := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname()), u.Port()
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii
	}
	if port == map[string]string{"http": "80", "https": "443"}[scheme] {
		port = ""
	}
	switch {
	case port != "":
		host = net.JoinHostPort(host, port)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}
