package logfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"alertd/internal/channel"
)

// Channel writes to one file. The first message opens it, and so does the first after
// something went wrong.
type Channel struct {
	config Config
	turn   turn // guards the file, and the fields below

	file *file // nil: not open
	cut  bool  // the last line that a pipe has got has no end
}

var (
	_ channel.Channel  = (*Channel)(nil)
	_ channel.Reopener = (*Channel)(nil)
)

// New returns a channel whose file no other channel of files writes at the same time. It
// opens the file once, and makes it if there is none. The error is that of
// [Config.Validate], or says why alertd cannot write the file; a disk that is full and a
// pipe that nobody reads are no reason.
func New(config Config, files *Files) (*Channel, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.MaxSize == 0 {
		config.MaxSize = DefaultMaxSize
	}
	opened, err := open(config.Path)
	switch {
	case err == nil:
		err = opened.Close()
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.ENXIO):
		err = nil
	}
	if err != nil {
		return nil, channel.Invalid(channel.Problem{Field: "path", Message: config.explain(err)})
	}
	return &Channel{config: config, turn: files.turn(config.Path)}, nil
}

// Send implements [channel.Channel]. Whatever goes wrong is transient: a disk that is
// full or a directory that alertd may not write is for people to put in order. A line
// that is being written to a disk is not interrupted.
func (c *Channel) Send(ctx context.Context, n channel.Notification) channel.Result {
	text, err := encode(n)
	if err != nil {
		return channel.Result{Outcome: channel.Permanent, Error: "write the line: " + err.Error()}
	}
	if ctx.Err() == nil {
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
		}
	}
	if ctx.Err() != nil {
		return channel.Result{Outcome: channel.Transient, Error: "interrupted before anything was written"}
	}
	if err := c.write(ctx, text, n.Notice.At); err != nil {
		// The open file may be the cause.
		err = errors.Join(err, c.release())
		return channel.Result{Outcome: channel.Transient, Error: c.config.explain(err)}
	}
	return channel.Result{Outcome: channel.Delivered}
}

func (c *Channel) write(ctx context.Context, text []byte, at time.Time) error {
	if err := c.ready(); err != nil {
		return err
	}
	if reason := c.due(len(text), at); reason != "" {
		if err := c.rotate(reason); err != nil {
			return fmt.Errorf("rotate: %w", err)
		}
	}
	err := c.file.append(ctx, text, at)
	c.cut = c.file.torn && !c.file.regular
	return err
}

// ready opens the file, unless the one that is open is still at its path.
func (c *Channel) ready() error {
	if c.file != nil && c.file.regular {
		switch at, err := c.file.isAt(c.config.Path); {
		case err != nil:
			return err
		case !at:
			if err := c.release(); err != nil {
				return err
			}
		}
	}
	if c.file != nil {
		return nil
	}
	f, err := open(c.config.Path)
	if err != nil {
		return err
	}
	f.torn = f.torn || c.cut && !f.regular
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

// rotate gives the file another name, begins a new one, and deletes backups that are too
// old or too many.
func (c *Channel) rotate(reason string) error {
	if err := c.release(); err != nil {
		return err
	}
	now := time.Now()
	if err := moveAway(c.config.Path, reason, now); err != nil {
		return err
	}
	if err := c.ready(); err != nil { // this syncs the directory, and with it the backup's name
		return err
	}
	return c.config.deleteBackups(now)
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

// Reopen implements [channel.Reopener]. It waits for a line that is being written.
func (c *Channel) Reopen() error {
	c.turn <- struct{}{}
	defer func() { <-c.turn }()
	return c.release()
}

// Close implements [channel.Channel].
func (c *Channel) Close() error { return c.Reopen() }

// explain returns the text of an error, with what to do about it where that is known.
func (c Config) explain(err error) string {
	text := channel.OneLine(err.Error())
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "the disk of " + c.Path + " is full: " + text
	case errors.Is(err, fs.ErrPermission):
		return "alertd may not write " + c.Path + ": " + text
	case errors.Is(err, syscall.ENXIO), errors.Is(err, os.ErrDeadlineExceeded):
		return "nobody reads " + c.Path + ": " + text
	default:
		return text
	}
}
