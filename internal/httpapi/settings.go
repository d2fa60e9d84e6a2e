package httpapi

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"alertd/internal/access"
)

// AccessLog says which requests are logged. Three kinds are logged whatever it
// says: those that alertd failed to answer (5xx, or an answer that could not be
// given whole), those that took [Settings.SlowRequest] or longer, and those by which
// a person changes something.
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
	// Access says who may do what; nil stands for one in which anybody may do everything.
	Access *access.Directory
}

// inForce is [Settings] prepared for requests.
type inForce struct {
	Settings
	origins *http.CrossOriginProtection
}

// Reconfigure puts settings into force for the requests that come after it. Safe for
// concurrent use.
func (a *API) Reconfigure(settings Settings) {
	setDefault(&settings.SlowRequest, time.Second)
	if settings.Access == nil {
		settings.Access, _ = access.NewDirectory(nil, false) // without entries it cannot fail
	}
	origins := http.NewCrossOriginProtection()
	if origin := originOf(settings.PublicURL); origin != "" {
		_ = origins.AddTrustedOrigin(origin) // it has the form of an origin
	}
	a.settings.Store(&inForce{settings, origins})
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
