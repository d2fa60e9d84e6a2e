package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"alertd/internal/alerting"
)

// DefaultPath is the configuration file unless another is named.
const DefaultPath = "config/config.toml"

// defaultSection is the table of the alerting settings unless another is named.
const defaultSection = "alerting"

// byteOrderMark begins a text in UTF-8 that was written by some editors.
const byteOrderMark = "\ufeff"

// maxFileSize is the largest file that is read, in bytes.
const maxFileSize = 1 << 20

// Config is the whole configuration, checked.
type Config struct {
	Server   Server
	Storage  Storage
	Alerting alerting.Config
	// RepeatInterval is the time between two updates about an incident that grows.
	RepeatInterval time.Duration
	// IdentifyBy names members of a context's first level that identify what an event is
	// about.
	IdentifyBy []string
	// Channels are ordered by name.
	Channels []Channel
	// Raw is the alerting section as it was read, after substitution, the user's own
	// settings under custom included; nil if the file has no such section. It may hold
	// secrets.
	Raw map[string]any
	// Warnings are about settings that are valid but probably not intended.
	Warnings []string
	// Path is the file, and Found says whether it exists.
	Path  string
	Found bool

	section  string // the name of the alerting section
	redacted map[string]any
}

// Server is the [server] section.
type Server struct {
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// PublicURL is the URL at which people reach alertd, without a slash at the end.
	// Messages link to it. "" means no links.
	PublicURL string
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
	MaxStreams      int
	StreamHeartbeat time.Duration
	// MaxSearches is how many requests may search the database at once, and
	// SearchTimeout bounds each.
	MaxSearches   int
	SearchTimeout time.Duration
}

// Storage is the [storage] section.
type Storage struct {
	// Driver is sqlite or postgres.
	Driver string
	Path   string
	DSN    string
	// Retention is how long history is kept. 0 keeps everything.
	Retention time.Duration
	// RetentionEvents is how many events are kept. 0 keeps all.
	RetentionEvents int
	// MaxConnections bounds the connections to PostgreSQL.
	MaxConnections int
	// QueueSize bounds the bytes of events that wait to be written.
	QueueSize int64
	// Timeout bounds one transaction.
	Timeout time.Duration
}

// Options say what to read.
type Options struct {
	// Path is the file; "" stands for [DefaultPath].
	Path string
	// Section is the table with the alerting settings; "" stands for "alerting".
	Section string
	// Listen, if not empty, replaces [server] listen.
	Listen string
	// LookupEnv finds a variable; nil stands for os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Problem is one mistake in the file.
type Problem struct {
	// Key is dotted. "" stands for the file as a whole.
	Key     string
	Message string
}

// Problems are all mistakes in the file, ordered by key.
type Problems []Problem

// Error returns one problem a line.
func (p Problems) Error() string {
	lines := make([]string, 0, len(p))
	for _, problem := range p {
		if problem.Key == "" {
			lines = append(lines, problem.Message)
			continue
		}
		lines = append(lines, problem.Key+": "+problem.Message)
	}
	return strings.Join(lines, "\n")
}

// FieldErrors returns the problems in the form of the HTTP API.
func (p Problems) FieldErrors() []alerting.FieldError {
	fields := make([]alerting.FieldError, 0, len(p))
	for _, problem := range p {
		fields = append(fields, alerting.FieldError{Field: problem.Key, Message: problem.Message})
	}
	return fields
}

// Load reads and checks the file. If the file does not exist, Load returns the defaults
// with a warning. The error is [Problems].
func Load(options Options) (Config, error) {
	if options.Path == "" {
		options.Path = DefaultPath
	}
	data, err := readFile(options.Path)
	if errors.Is(err, fs.ErrNotExist) {
		config, err := Parse(nil, Options{Path: options.Path, Listen: options.Listen})
		if err != nil {
			return Config{}, err
		}
		config.Found = false
		config.Warnings = []string{fmt.Sprintf(
			"%s does not exist: safe defaults are in force (alerting is disabled, min_severity warning, no channels)", options.Path)}
		return config, nil
	}
	if err != nil {
		return Config{}, Problems{{Message: fmt.Sprintf("read configuration: %s", err)}}
	}
	return Parse(data, options)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err == nil && len(data) > maxFileSize {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileSize)
	}
	return data, err
}

// Parse checks the content of a file. The error is [Problems].
func Parse(data []byte, options Options) (Config, error) {
	if options.Path == "" {
		options.Path = DefaultPath
	}
	if options.Section == "" {
		options.Section = defaultSection
	}
	if options.LookupEnv == nil {
		options.LookupEnv = os.LookupEnv
	}
	root := map[string]any{}
	data = bytes.TrimPrefix(data, []byte(byteOrderMark))
	if err := toml.Unmarshal(data, &root); err != nil {
		return Config{}, Problems{{Message: syntaxError(options.Path, err)}}
	}
	r := &reader{origins: map[string]origin{}}
	tables := sections(root)
	foreign := dropForeign(root, options.Section)
	for name, value := range root {
		if name == defaultSection && options.Section != defaultSection {
			continue // it is not read, so it needs no environment
		}
		root[name] = r.substitute(join("", name), value, options.LookupEnv)
	}
	config := Config{Path: options.Path, Found: true, section: options.Section}
	config.read(r, root, tables, options)
	if len(foreign) > 0 {
		config.Warnings = append(config.Warnings, "tables that are not alertd's are left alone: "+strings.Join(foreign, ", "))
	}
	if len(r.problems) > 0 {
		return Config{}, r.sorted()
	}
	config.redacted = r.redact(root, &config, options.Section)
	return config, nil
}

func syntaxError(path string, err error) string {
	where := path
	if decode, ok := errors.AsType[*toml.DecodeError](err); ok {
		row, column := decode.Position()
		where = fmt.Sprintf("%s: line %d, column %d", path, row, column)
	}
	// The rest shows a number that is out of range, which may be a secret.
	what, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "toml: "), ": strconv.")
	return where + ": " + what
}

// serverReloads are the keys of [server] that take effect at a reload.
var serverReloads = [...]string{"public_url", "access_log", "slow_request"}

// Reload returns the configuration in force after an alertd that started with c has loaded
// next. Settings that need a restart are those of c.
func (c *Config) Reload(next Config) Config {
	server := c.Server
	server.PublicURL, server.AccessLog, server.SlowRequest = next.Server.PublicURL, next.Server.AccessLog, next.Server.SlowRequest
	next.Server, next.Storage = server, c.Storage

	started, _ := c.redacted["server"].(map[string]any)
	loaded, _ := next.redacted["server"].(map[string]any)
	shown := maps.Clone(started)
	for _, key := range serverReloads {
		shown[key] = loaded[key]
	}
	next.redacted = maps.Clone(next.redacted)
	next.redacted["server"], next.redacted["storage"] = shown, c.redacted["storage"]
	return next
}

// RestartRequired returns the keys that differ between c and next and take
// effect only after a restart.
func (c *Config) RestartRequired(next Config) []string {
	var keys []string
	for _, key := range []struct {
		name      string
		different bool
	}{
		{"server.listen", c.Server.Listen != next.Server.Listen},
		{"server.read_header_timeout", c.Server.ReadHeaderTimeout != next.Server.ReadHeaderTimeout},
		{"server.read_timeout", c.Server.ReadTimeout != next.Server.ReadTimeout},
		{"server.write_timeout", c.Server.WriteTimeout != next.Server.WriteTimeout},
		{"server.idle_timeout", c.Server.IdleTimeout != next.Server.IdleTimeout},
		{"server.shutdown_timeout", c.Server.ShutdownTimeout != next.Server.ShutdownTimeout},
		{"server.max_body", c.Server.MaxBody != next.Server.MaxBody},
		{"server.max_streams", c.Server.MaxStreams != next.Server.MaxStreams},
		{"server.stream_heartbeat", c.Server.StreamHeartbeat != next.Server.StreamHeartbeat},
		{"server.max_searches", c.Server.MaxSearches != next.Server.MaxSearches},
		{"server.search_timeout", c.Server.SearchTimeout != next.Server.SearchTimeout},
		{"storage", c.Storage != next.Storage},
	} {
		if key.different {
			keys = append(keys, key.name)
		}
	}
	return keys
}
