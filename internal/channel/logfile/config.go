package logfile

import (
	"fmt"
	"time"

	"alertd/internal/channel"
)

// DefaultMaxSize is the default of MaxSize.
const DefaultMaxSize = 100 << 20

// day is the unit of MaxAge.
const day = 24 * time.Hour

// Config is the settings of a channel of this kind.
type Config struct {
	// Path is the file's. Its directory is made if there is none. A file that is not
	// regular, such as /dev/stderr, is neither rotated nor synced.
	Path string
	// MaxSize is how many bytes a file has at most (max_size); 0: [DefaultMaxSize].
	MaxSize int64
	// RotateEvery is the age at which a file is rotated (rotate_every); 0: none.
	RotateEvery time.Duration
	// MaxAge is the age at which backups are deleted, in whole days (max_age); 0: none.
	MaxAge time.Duration
	// MaxBackups is how many backups are kept (max_backups); 0: all.
	MaxBackups int
}

// Validate returns nil or an error that names each key that is wrong, and what is
// allowed.
func (c Config) Validate() error {
	var problems []channel.Problem
	wrong := func(key, format string, args ...any) {
		problems = append(problems, channel.Problem{Field: key, Message: fmt.Sprintf(format, args...)})
	}
	if c.Path == "" {
		problems = append(problems, channel.Required("path"))
	}
	if c.MaxSize < 0 {
		wrong("max_size", "%d is not allowed, must be a size such as 100MiB, or 0 for 100 MiB", c.MaxSize)
	}
	if c.RotateEvery < 0 {
		wrong("rotate_every", "%s is not allowed, must be a duration such as 1d, or 0", c.RotateEvery)
	}
	if c.MaxAge < 0 || c.MaxAge%day != 0 {
		wrong("max_age", "%s is not allowed, must be whole days such as 90d, or 0", c.MaxAge)
	}
	if c.MaxBackups < 0 {
		wrong("max_backups", "%d is not allowed, must be 0 or more", c.MaxBackups)
	}
	return channel.Invalid(problems...)
}
