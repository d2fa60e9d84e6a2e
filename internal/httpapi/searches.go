package httpapi

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// searches bounds how many requests read the database at length at once, and how long
// each may. Others that read it a little, and what is written, have connections left.
type searches struct {
	places  chan struct{}
	timeout time.Duration
}

func newSearches(most int, timeout time.Duration) *searches {
	return &searches{places: make(chan struct{}, most), timeout: timeout}
}

// placePatience is how long a search waits for a place: most searches end sooner.
const placePatience = time.Second

// errSearchTooLong ends a search. It cancels the context instead of letting its deadline
// pass, because a deadline that passes makes the store suspect the database.
var errSearchTooLong = errors.New("the search took too long")

// run runs a search with a context that ends when the time is up. The error is search's
// own, or a problem.
func (s *searches) run(ctx context.Context, search func(context.Context) error) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer func() { <-s.places }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(s.timeout, func() { cancel(errSearchTooLong) }).Stop()
	err := search(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errSearchTooLong) {
		p := unavailable(fmt.Sprintf("the search took longer than %s, which is the limit; narrow it down, such as by since, source or category", s.timeout))
		p.cause = err
		return p
	}
	return err
}

// enter takes a place.
func (s *searches) enter(ctx context.Context) error {
	patience := time.NewTimer(placePatience)
	defer patience.Stop()
	select {
	case s.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.C:
		return unavailable(fmt.Sprintf("%d searches are under way, which is the limit", cap(s.places)))
	}
}
