package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// signalError is the cause of a context that a signal has ended.
type signalError struct{ os.Signal }

func (e signalError) Error() string { return e.String() }

// errAskedAgain says that a second signal came before alertd had ended.
var errAskedAgain = errors.New("told again")

// watchSignals returns two contexts. asked ends with ctx, or by SIGTERM or SIGINT, which is
// then its cause. again ends by such a signal after that. The caller calls stop at the end.
func watchSignals(ctx context.Context) (asked, again context.Context, stop func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	asked, ask := context.WithCancelCause(ctx)
	again, askAgain := context.WithCancelCause(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-ended:
				return
			case s := <-signals:
				if asked.Err() != nil {
					askAgain(errAskedAgain)
				}
				ask(signalError{s})
			}
		}
	})
	return asked, again, func() {
		signal.Stop(signals)
		close(ended)
		watch.Wait()
		ask(nil)
		askAgain(nil)
	}
}

// onHangup returns a channel of SIGHUP, which keeps one that came before it is read. The
// caller calls stop at the end.
func onHangup() (hangups <-chan os.Signal, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// surviveBrokenPipes makes a write to a closed pipe on standard output or error return an
// error. Otherwise it would end the process. undo restores that.
func surviveBrokenPipes() (undo func()) {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	return func() { signal.Stop(ignored) }
}
