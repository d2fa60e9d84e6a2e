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

// DefaultPath is where the file is looked for unless another is named.
const DefaultPath = "config/config.toml"

// defaultSection is the table of the alerting settings unless another is named.
const defaultSection = "alerting"

// byteOrderMark is what some editors put before a text in UTF-8.
const byteOrderMark = "\ufeff"

// maxFileSize bounds the file, in bytes.
const maxFileSize = 1 << 20

// Config is the whole configuration, checked.
type Config struct {
	Server   Server
	Storage  Storage
	Alerting alerting.Config
	// RepeatInterval is the time between two updates about an incident that grows.
	RepeatInterval time.Duration
	// IdentifyBy names members of an event's context, at its first level, that say what it
	// is about.
	IdentifyBy []string
	// Channels are the ways out, in the order of their names.
	Channels []Channel
	// Raw is the alerting section as it was read, after substitution, the user's own
	// settings under custom included; nil if the file has no such section. It may hold
	// secrets.
	Raw map[string]any
	// Warnings are what the operator must hear of.
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
	// PublicURL is where people reach alertd, for links in messages, without a slash at
	// the end; "" if they do not.
	PublicURL string
	// AccessLog is errors, all or off.
	AccessLog string
	// SlowRequest is how long a request takes that is logged for it.
	SlowRequest       time.Duration
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	// ShutdownTimeout is how long requests under way may take to finish.
	ShutdownTimeout time.Duration
	// MaxBody is the largest request body in bytes.
	MaxBody int64
	// MaxStreams is how many event streams may be open at once.
	MaxStreams      int
	StreamHeartbeat time.Duration
}

// Storage is the [storage] section.
type Storage struct {
	// Driver is sqlite or postgres.
	Driver string
	Path   string
	DSN    string
	// Retention is how long history is kept; 0 keeps everything.
	Retention time.Duration
	// RetentionEvents is how many events are kept; 0 keeps all.
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
	// Listen, if not empty, takes the place of [server] listen.
	Listen string
	// LookupEnv finds a variable; nil stands for os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// Problem is one thing that is wrong with the file.
type Problem struct {
	// Key is dotted; "" is the file as a whole.
	Key     string
	Message string
}

// Problems is every thing that is wrong with the file, in the order of the keys.
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

// FieldErrors returns the problems as the HTTP API reports them.
func (p Problems) FieldErrors() []alerting.FieldError {
	fields := make([]alerting.FieldError, 0, len(p))
	for _, problem := range p {
		fields = append(fields, alerting.FieldError{Field: problem.Key, Message: problem.Message})
	}
	return fields
}

// Load reads and checks the file. If it does not exist, the result is the
// defaults with a warning. The error is [Problems] if the content is wrong.
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

// Parse checks the content of a file.
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
	strangers := dropStrangers(root, options.Section)
	for name, value := range root {
		if name == defaultSection && options.Section != defaultSection {
			continue // another takes its place: nobody reads it, so it needs no environment
		}
		root[name] = r.substitute(join("", name), value, options.LookupEnv)
	}
	config := Config{Path: options.Path, Found: true, section: options.Section}
	config.read(r, root, tables, options)
	if len(strangers) > 0 {
		config.Warnings = append(config.Warnings, "tables that are not alertd's are left alone: "+strings.Join(strangers, ", "))
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
	// A number that is out of range would be shown, and it may be a secret.
	what, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "toml: "), ": strconv.")
	return where + ": " + what
}

// serverReloads are the keys of [server] that take effect at a reload.
var serverReloads = [...]string{"public_url", "access_log", "slow_request"}

// Reload returns what is in force once next is loaded by an alertd that has started
// with c: what needs a restart is as in c.
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
		{"storage", c.Storage != next.Storage},
	} {
		if key.different {
			keys = append(keys, key.name)
		}
	}
	return keys
}
