package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"alertd/internal/alerting"
	"alertd/internal/heartbeat"
	"alertd/internal/routing"
	"alertd/internal/template"
	"alertd/internal/watchdog"
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
	// Heartbeats are the components that must be heard of.
	Heartbeats []heartbeat.Spec
	// Watchdog says where alertd tells that it works.
	Watchdog watchdog.Config
	// Noise says who is told of what, and when not. RouteTemplates are the words of its routes,
	// by their names.
	Noise          routing.Settings
	RouteTemplates map[string]template.Spec
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

	calendars []calendarEntry // those of Noise, as the file has them
	section   string          // the name of the alerting section
	// shown are the values without secrets, by key; those of the tables channels and
	// custom have a key each.
	shown map[string]any
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
	// Now tells the time; nil stands for time.Now.
	Now func() time.Time
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
		config, err := Parse(nil, Options{Path: options.Path, Listen: options.Listen, Now: options.Now})
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
	if options.Now == nil {
		options.Now = time.Now
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
	config.shown = r.shown(&config)
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
