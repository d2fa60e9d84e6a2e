package config

import (
	"io/fs"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"alertd/internal/access"
	"alertd/internal/delivery"
)

// Server is the [server] section.
type Server struct {
	// Listen is host:port, where port 0 takes a free one; unix: and a path; or systemd,
	// perhaps with a colon and a socket's name.
	Listen string
	// AdminListen is in the form of Listen: where metrics, health and profiles are served
	// instead. "" means by Listen, and no profiles.
	AdminListen string
	// SocketMode has the permissions of a Unix socket.
	SocketMode fs.FileMode
	TLS        TLS
	// PublicURL is the URL at which people reach alertd, without a slash at the end.
	// Messages link to it. "" means no links.
	PublicURL string

	// AllowAnonymous says that everybody may do everything from anywhere if nobody is
	// configured.
	AllowAnonymous bool
	Tokens         []access.Entry
	Session        Session
	OIDC           OIDC
	// AllowedOrigins are the origins whose web pages may read: scheme://host:port, or *.
	AllowedOrigins []string
	// TrustedProxies may say which address a request came from.
	TrustedProxies Proxies

	// AccessLog is errors, all or off.
	AccessLog string
	// SlowRequest is the duration from which a request is logged as slow.
	SlowRequest       time.Duration
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	// ShutdownTimeout is how long requests under way may take to finish when alertd stops.
	ShutdownTimeout time.Duration
	// MaxBody is the largest request body in bytes.
	MaxBody int64
	// MaxStreams bounds the event streams that are open at once.
	MaxStreams int
	// MaxStreamsPerClient bounds those of one token, certificate or person, or of one
	// address when nobody is configured.
	MaxStreamsPerClient int
	StreamHeartbeat     time.Duration
	// MaxSearches is how many requests may search the database at once, and
	// SearchTimeout bounds each.
	MaxSearches   int
	SearchTimeout time.Duration
	// MaxConnections bounds the connections that are open at once, and
	// MaxConnectionsPerAddress those of one address.
	MaxConnections, MaxConnectionsPerAddress int
	// Rate bounds the requests of one token, certificate or person, or of one address
	// when nobody is configured.
	Rate delivery.Rate
	// AddressRate bounds the requests of an address without a credential once somebody is
	// configured.
	AddressRate delivery.Rate
	// LoginFailureRate bounds the wrong credentials of an address.
	LoginFailureRate delivery.Rate
}

// TLS has the files that are used for connections. CertFile and KeyFile are both set, or
// neither.
type TLS struct {
	CertFile, KeyFile string
	// ClientCAFile has the authorities that sign client certificates; "": none are taken.
	ClientCAFile string
}

// Session says how long a person stays signed in.
type Session struct {
	// Idle is without a request, Absolute is in all.
	Idle, Absolute time.Duration
}

// Proxies are the addresses whose forwarded-for headers are believed.
type Proxies struct {
	Prefixes []netip.Prefix
	// Unix: those who connect to a Unix socket, too.
	Unix bool
}

func defaultServer() Server {
	return Server{
		Listen: "127.0.0.1:8080", SocketMode: 0o660,
		Session: Session{Idle: 8 * time.Hour, Absolute: 7 * day}, OIDC: defaultOIDC(),
		AccessLog: "errors", SlowRequest: time.Second, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, ShutdownTimeout: 30 * time.Second,
		MaxBody: 8 << 20, MaxStreams: 256, MaxStreamsPerClient: 32, StreamHeartbeat: 15 * time.Second,
		MaxSearches: 4, SearchTimeout: 10 * time.Second,
		MaxConnections: 16384, MaxConnectionsPerAddress: 1024,
		Rate:             delivery.Rate{Count: 50_000, Per: time.Second},
		AddressRate:      delivery.Rate{Count: 100, Per: time.Second},
		LoginFailureRate: delivery.Rate{Count: 10, Per: time.Minute},
	}
}

// atOnce are the keys that a reload takes over at once.
func (s *Server) atOnce() []setting {
	return []setting{
		checked("public_url", &s.PublicURL, validPublicURL, "the URL at which people reach alertd, such as https://alertd.example.com, without a query"),
		checked("access_log", &s.AccessLog, oneOf("errors", "all", "off"), "errors, all or off"),
		timeout("slow_request", &s.SlowRequest),
		flag("allow_anonymous", &s.AllowAnonymous),
		tokens("tokens", &s.Tokens),
		roles("oidc.roles", &s.OIDC.Roles),
		list("allowed_origins", &s.AllowedOrigins, allowedOrigin),
		proxies("trusted_proxies", &s.TrustedProxies),
		whole("max_streams_per_client", 1, maxStreams, &s.MaxStreamsPerClient),
		rate("rate", &s.Rate),
		rate("address_rate", &s.AddressRate),
		rate("login_failure_rate", &s.LoginFailureRate),
	}
}

// atRestart are the keys that need a restart.
func (s *Server) atRestart() []setting {
	return slices.Concat([]setting{
		address("listen", &s.Listen, false),
		address("admin_listen", &s.AdminListen, true),
		mode("socket_mode", &s.SocketMode),
		text("tls.cert_file", &s.TLS.CertFile),
		text("tls.key_file", &s.TLS.KeyFile),
		text("tls.client_ca_file", &s.TLS.ClientCAFile),
		duration("session.idle_timeout", time.Minute, 366*day, &s.Session.Idle),
		duration("session.absolute_timeout", time.Minute, 366*day, &s.Session.Absolute),
		timeout("read_header_timeout", &s.ReadHeaderTimeout),
		timeout("read_timeout", &s.ReadTimeout),
		timeout("write_timeout", &s.WriteTimeout),
		timeout("idle_timeout", &s.IdleTimeout),
		timeout("shutdown_timeout", &s.ShutdownTimeout),
		timeout("stream_heartbeat", &s.StreamHeartbeat),
		timeout("search_timeout", &s.SearchTimeout),
		size("max_body", 1<<10, 1<<30, &s.MaxBody),
		whole("max_streams", 1, maxStreams, &s.MaxStreams),
		whole("max_searches", 1, 1000, &s.MaxSearches),
		whole("max_connections", 1, maxConnections, &s.MaxConnections),
		whole("max_connections_per_address", 1, maxConnections, &s.MaxConnectionsPerAddress),
	}, s.OIDC.atRestart())
}

const (
	maxStreams     = 100_000
	maxConnections = 1_000_000
)

func timeout(name string, at *time.Duration) setting {
	return duration(name, 10*time.Millisecond, time.Hour, at)
}

// readServer reads the table. The listen of the options, if not empty, replaces its own.
func (c *Config) readServer(t *table, options Options) {
	s := &c.Server
	if options.Listen != "" {
		t.replace("listen", options.Listen)
	}
	t.read(slices.Concat(s.atOnce(), s.atRestart()))
	s.PublicURL = strings.TrimRight(s.PublicURL, "/")
	if s.SearchTimeout >= s.WriteTimeout { // the answer is to be written, too
		if t.given("search_timeout") {
			t.r.problem(join(t.key, "search_timeout"), "%s is not allowed, must be shorter than write_timeout, which is %s",
				FormatDuration(s.SearchTimeout), FormatDuration(s.WriteTimeout))
		}
		s.SearchTimeout = s.WriteTimeout / 2
	}
	c.checkAccess(t, options.Now())
	t.done()
}

// replace gives a key another value than the file does.
func (t *table) replace(name, value string) {
	if t.values == nil {
		t.values = map[string]any{}
	}
	t.values[name] = value
}

func validPublicURL(raw string) bool {
	u, err := url.Parse(raw)
	return raw == "" || err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func oneOf(allowed ...string) func(string) bool {
	return func(text string) bool { return slices.Contains(allowed, text) }
}

// allowedOrigin returns what an origin must be, "" if it is one.
func allowedOrigin(text string) string {
	u, err := url.Parse(text)
	if text == "*" || err == nil && !strings.Contains(text, "*") && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && text == u.Scheme+"://"+strings.ToLower(u.Host) {
		return ""
	}
	return "an origin as browsers send it, such as https://desk.example.com, in lower case and without a path, or *"
}

// proxies are addresses, prefixes of addresses, and unix.
func proxies(name string, at *Proxies) setting {
	read := func(t *table, name string) {
		texts := at.texts()
		t.strings(name, &texts)
		*at = Proxies{}
		t.each(name, texts, func(text string) string {
			prefix, err := parsePrefix(text)
			switch {
			case text == "unix":
				at.Unix = true
			case err != nil:
				return "an address such as 10.0.0.7, a range such as 10.0.0.0/8, or unix"
			default:
				at.Prefixes = append(at.Prefixes, prefix)
			}
			return ""
		})
	}
	return setting{name: name, value: at, read: read, show: func() any { return anys(at.texts()) }}
}

func (p *Proxies) texts() []string {
	texts := make([]string, 0, len(p.Prefixes)+1)
	for _, prefix := range p.Prefixes {
		texts = append(texts, prefix.String())
	}
	if p.Unix {
		texts = append(texts, "unix")
	}
	return texts
}

// parsePrefix reads a range of addresses, or one address.
func parsePrefix(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" { // 1%eth0/64 is one with a zone
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	if addr := prefix.Addr(); err == nil && addr.Is4In6() && prefix.Bits() >= 96 { // clients' addresses are compared as IPv4
		prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), err
}
