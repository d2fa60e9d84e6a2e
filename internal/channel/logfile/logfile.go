package logfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/DeRuina/timberjack"

	"alertd/internal/channel"
)

// Channel writes to one file. It is opened by the first message, and again after
// something went wrong.
type Channel struct {
	config Config

	mu   sync.Mutex
	file *file // nil: not open
}

var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Reopener = (*Channel)(nil)
)

// New returns a channel. The error is that of [Config.Validate]: whether the file can
// be written shows with the first message.
func New(config Config) (*Channel, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.MaxSize == 0 {
		config.MaxSize = DefaultMaxSize
	}
	return &Channel{config: config}, nil
}

// Send implements [channel.Channel]. Whatever goes wrong is transient: a disk that is
// full, or a folder that is closed to alertd, is put in order by people. A line that
// is being written is not interrupted.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	text, err := encode(n)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: "write the line: " + err.Error()}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return channel.Result{Outcome: channel.Transient, Error: "interrupted before anything was written"}
	}
	if err := c.write(text, n.Notice.At); err != nil {
		// What is open may be what is wrong.
		err = errors.Join(err, c.release())
		return channel.Result{Outcome: channel.Transient, Error: c.explain(err)}
	}
	return channel.Result{Outcome: channel.Delivered}
}

func (c *Channel) write(text []byte, at time.Time) error {
	if c.file != nil && c.file.regular && !c.file.isAt(c.config.Path) {
		if err := c.release(); err != nil {
			return err
		}
	}
	if err := c.ready(); err != nil {
		return err
	}
	if reason := c.due(len(text), at); reason != "" {
		if err := c.rotate(reason); err != nil {
			return fmt.Errorf("rotate: %w", err)
		}
	}
	return c.file.append(text, at)
}

func (c *Channel) ready() error {
	if c.file != nil {
		return nil
	}
	f, err := open(c.config.Path)
	if err != nil {
		return err
	}
	c.file = f
	return nil
}

// due returns why the file is to be rotated before a line is written; "": it is not.
func (c *Channel) due(more int, at time.Time) string {
	switch {
	case !c.file.regular || c.file.size == 0:
		return ""
	case c.file.size+int64(more) > c.config.MaxSize:
		return "size"
	case c.config.RotateEvery > 0 && at.Sub(c.file.began) >= c.config.RotateEvery:
		return "age"
	default:
		return ""
	}
}

// rotate gives the file another name, begins a new one, and deletes what is too old
// or too much. The library is used for that alone, and only for as long as it takes:
// it opens the file in a way that others who truncate it would leave with a hole.
func (c *Channel) rotate(reason string) error {
	if err := c.release(); err != nil {
		return err
	}
	rotator := &timberjack.Logger{
		Filename: c.config.Path, MaxAge: int(c.config.MaxAge / day), MaxBackups: c.config.MaxBackups, FileMode: fileMode,
	}
	err := rotator.RotateWithReason(reason)
	// Close waits until the backups are looked through.
	if err := errors.Join(err, rotator.Close(), syncFolder(filepath.Dir(c.config.Path))); err != nil {
		return err
	}
	return c.ready()
}

// release closes the file, if it is open.
func (c *Channel) release() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}

// Reopen implements [channel.Reopener].
func (c *Channel) Reopen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.release()
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.Reopen() }

// explain says what to do about it, where that is known.
func (c *Channel) explain(err error) string {
	text := channel.OneLine(err.Error())
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk of " + c.config.Path + " is full: " + text
	case errors.Is(err, fs.ErrPermission):
		return "alertd may not write " + c.config.Path + ": " + text
	default:
		return text
	}
}
