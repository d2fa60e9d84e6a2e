package config

import (
	"maps"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"

	"alertd/internal/alerting"
)

func defaultServer() Server {
	return Server{
		Listen: "127.0.0.1:8080", AccessLog: "errors", SlowRequest: time.Second, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, ShutdownTimeout: 30 * time.Second,
		MaxBody: 8 << 20, MaxStreams: 256, StreamHeartbeat: 15 * time.Second,
		MaxSearches: 4, SearchTimeout: 10 * time.Second,
	}
}

func defaultStorage() Storage {
	return Storage{
		Driver: "sqlite", Path: "data/alertd.db", Retention: 90 * day,
		MaxConnections: 10, QueueSize: 64 << 20, Timeout: 10 * time.Second,
	}
}

// read fills the configuration from the file's root table. tables are the names of the
// tables that may be the alerting section.
func (c *Config) read(r *reader, root map[string]any, tables []string, options Options) {
	section := options.Section
	c.Server, c.Storage, c.Alerting = defaultServer(), defaultStorage(), alerting.DefaultConfig()
	c.Server.read(r.table(root, "", "server"), options.Listen)
	c.Storage.read(r.table(root, "", "storage"))
	top := &table{r: r, values: root, known: []string{"server", "storage", section}}
	switch _, exists := root[section]; {
	case section == "server" || section == "storage":
		r.problem(section, "cannot be the alerting section, its name is taken")
	case section != defaultSection && !exists:
		r.problem(join("", section), "is not a section of the file%s", suggestion(section, tables))
		top.known = append(top.known, tables...) // one of them may be what was meant
	default:
		c.readAlerting(r.table(root, "", section))
	}
	if section != defaultSection {
		top.known = append(top.known, defaultSection) // left alone
	}
	top.done()
}

// typoDistance is the edit distance up to which a name counts as one of ours, mistyped.
const typoDistance = 2

// dropForeign removes the tables that are not alertd's and returns their keys. The file may
// be a larger application's. A mistyped name of ours stays and becomes an unknown key.
func dropForeign(root map[string]any, section string) []string {
	ours := []string{"server", "storage", section, defaultSection}
	var foreign []string
	for _, name := range slices.Sorted(maps.Keys(root)) {
		like := func(our string) bool { return levenshtein.ComputeDistance(name, our) <= typoDistance }
		if isTable(root[name]) && !slices.ContainsFunc(ours, like) {
			foreign = append(foreign, join("", name))
			delete(root, name)
		}
	}
	return foreign
}

// isTable reports whether a value is a table, or an array of tables.
func isTable(value any) bool {
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	_, ok := value.(map[string]any)
	return ok
}

// sections returns the names of the tables that may be the alerting section.
func sections(root map[string]any) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(root)) {
		if _, isTable := root[name].(map[string]any); isTable && name != "server" && name != "storage" {
			names = append(names, name)
		}
	}
	return names
}

// read reads the table. override, if not empty, replaces its listen.
func (s *Server) read(t *table, override string) {
	t.string("listen", &s.Listen)
	if override != "" {
		s.Listen = override
	}
	if host, port, err := net.SplitHostPort(s.Listen); err != nil || !validPort(port) || len(host) > 255 {
		t.problem("listen", s.Listen, "host:port such as 127.0.0.1:8080, with a port from 0 to 65535")
	}
	t.string("public_url", &s.PublicURL)
	if !validPublicURL(s.PublicURL) {
		t.problem("public_url", s.PublicURL, "the URL at which people reach alertd, such as https://alertd.example.com, without a query")
	}
	s.PublicURL = strings.TrimRight(s.PublicURL, "/")
	t.string("access_log", &s.AccessLog)
	if !slices.Contains([]string{"errors", "all", "off"}, s.AccessLog) {
		t.problem("access_log", s.AccessLog, "errors, all or off")
	}
	for _, timeout := range []struct {
		name string
		into *time.Duration
	}{
		{"read_header_timeout", &s.ReadHeaderTimeout},
		{"read_timeout", &s.ReadTimeout},
		{"write_timeout", &s.WriteTimeout},
		{"idle_timeout", &s.IdleTimeout},
		{"shutdown_timeout", &s.ShutdownTimeout},
		{"stream_heartbeat", &s.StreamHeartbeat},
		{"slow_request", &s.SlowRequest},
		{"search_timeout", &s.SearchTimeout},
	} {
		t.duration(timeout.name, 10*time.Millisecond, time.Hour, timeout.into)
	}
	t.size("max_body", 1<<10, 1<<30, &s.MaxBody)
	t.int("max_streams", 100_000, &s.MaxStreams)
	t.int("max_searches", 1000, &s.MaxSearches)
	if s.SearchTimeout >= s.WriteTimeout { // the answer is to be written, too
		if t.given("search_timeout") {
			t.r.problem(join(t.key, "search_timeout"), "%s is not allowed, must be shorter than write_timeout, which is %s",
				FormatDuration(s.SearchTimeout), FormatDuration(s.WriteTimeout))
		}
		s.SearchTimeout = s.WriteTimeout / 2
	}
	t.done()
}

func validPublicURL(raw string) bool {
	u, err := url.Parse(raw)
	return raw == "" || err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

func validPort(port string) bool {
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil
}

func (s *Storage) read(t *table) {
	t.private = true
	t.string("driver", &s.Driver)
	t.string("path", &s.Path)
	t.string("dsn", &s.DSN)
	t.duration("retention", 0, math.MaxUint16*day, &s.Retention)
	t.intFrom("retention_events", 0, math.MaxInt32, &s.RetentionEvents)
	t.int("max_connections", 1000, &s.MaxConnections)
	t.size("queue_size", 1<<20, 16<<30, &s.QueueSize)
	t.duration("timeout", 100*time.Millisecond, 10*time.Minute, &s.Timeout)
	switch s.Driver {
	case "sqlite":
		if s.Path == "" {
			t.problem("path", s.Path, "the file of the database")
		}
	case "postgres":
		if s.DSN == "" {
			t.r.problem(join(t.key, "dsn"), "is missing or empty, the driver postgres needs it")
		}
	default:
		t.problem("driver", s.Driver, "sqlite or postgres")
	}
	t.done()
}

func (c *Config) readAlerting(t *table) {
	a := &c.Alerting
	t.bool("enabled", &a.Enabled)
	t.severity("min_severity", &a.MinSeverity)
	t.int("buffer_size", alerting.MaxBufferSize, &a.BufferSize)
	t.size("buffer_bytes", 1<<20, alerting.MaxBufferBytes, &a.BufferBytes)
	c.RepeatInterval = defaultRepeatInterval
	t.duration("repeat_interval", time.Second, 366*day, &c.RepeatInterval)
	c.IdentifyBy = identifyBy(t)
	t.known = append(t.known, "channels", "custom")
	t.done()
	t.r.table(t.values, t.key, "custom")
	channels := t.r.table(t.values, t.key, "channels")
	for _, name := range slices.Sorted(maps.Keys(channels.values)) {
		table := t.r.table(channels.values, channels.key, name)
		table.private = true
		if name == "" || len(name) > maxChannelName {
			t.r.problem(table.key, "has a name of %d bytes, must be 1 to %d", len(name), maxChannelName)
		}
		c.Channels = append(c.Channels, readChannel(table, name))
	}
	t.r.checkFallbacks(channels.key, c.Channels)
	c.Raw = t.values
	c.warnOfSilence(t.key)
}

// defaultRepeatInterval is the time between two updates about an incident that grows.
const defaultRepeatInterval = time.Hour

// maxChannelName is the longest name of a channel, in bytes.
const maxChannelName = 100

// warnOfSilence warns of settings by which nobody is told of any alert.
func (c *Config) warnOfSilence(key string) {
	on := slices.ContainsFunc(c.Channels, func(channel Channel) bool { return channel.Policy.Enabled })
	switch {
	case c.Raw == nil:
		c.Warnings = append(c.Warnings, key+" is missing: nobody is told of anything, and a reload of this file is refused")
	case c.Alerting.Enabled && !on:
		c.Warnings = append(c.Warnings, "alerting is enabled and no channel is: incidents are opened, and nobody is told of them")
	case !c.Alerting.Enabled && on:
		c.Warnings = append(c.Warnings, join(key, "channels")+": channels are enabled and alerting is not: nobody is told of anything")
	}
}

// severity reads the name of a severity.
func (t *table) severity(name string, into *alerting.Severity) {
	var text string
	if t.string(name, &text); t.values[name] == nil || text == "" && t.values[name] != "" {
		return
	}
	severity, err := alerting.ParseSeverity(text)
	if err != nil {
		t.r.problem(join(t.key, name), "%s is not one of debug, info, warning, error, critical", t.quote(name, text))
		return
	}
	*into = severity
}
