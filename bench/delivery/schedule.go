package main

import (
	"context"
	"time"
)

// schedule says when each alert is due: at a steady rate, whatever the outcome of earlier
// ones.
type schedule struct {
	begin time.Time
	rate  int // a second
	count int
}

// due returns when the alert n is due, counted from 0.
func (s schedule) due(n int) time.Time {
	return s.begin.Add(time.Duration(n) * time.Second / time.Duration(s.rate))
}

// announce sends the number of each alert when it is due, and closes out after the last one,
// or when ctx ends. out must have room for all, so that a slow reader delays nothing.
func (s schedule) announce(ctx context.Context, out chan<- int) {
	defer close(out)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n := range s.count {
		timer.Reset(time.Until(s.due(n)))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		out <- n
	}
}
