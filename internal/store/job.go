package store

import (
	"context"
	"errors"

	"alertd/internal/alerting"
)

// Use opens the database, as [Open] does, for one job that appends, and does the
// store's work for as long as that takes. Nothing is deleted meanwhile: what the
// job brings may be older than the retention, which is for alertd to judge. The
// error is the job's, or says what went wrong around it.
func Use(ctx context.Context, config Config, job func(ctx context.Context, s *Store) error) (err error) {
	config.Retention, config.RetentionEvents, config.AuditRetention = 0, 0, 0
	s, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Attach(ctx, nobody{}, 0); err != nil {
		return err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx)) // it ends after the job
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	err = job(ctx, s)
	end()
	return errors.Join(err, <-ended)
}

// nobody is a sink that looks at nothing.
type nobody struct{}

func (nobody) Publish([]*alerting.Event, alerting.Origin) {}
