package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// stopMargin is how long a stop may take beyond the timeouts of requests and of the
	// database. logPatience comes on top.
	stopMargin = 4 * time.Second
	// stopHaste bounds the rest of a stop after a second signal.
	stopHaste = 2 * time.Second
)

// runUntil serves until asked ends and then stops in stages: HTTP, then the engine, then the
// event log, which both need. It returns when all of them have ended, and otherwise with an
// error: when the limit of the stop is over, or soon after again has ended.
func (d *daemon) runUntil(asked, again context.Context, hangups <-chan os.Signal) error {
	ended := make(chan error, 1)
	go func() { ended <- d.runStages(asked, again, hangups) }() // it ends with the process at the latest
	select {
	case err := <-ended:
		return err
	case <-d.stopping:
	}
	limit := time.NewTimer(d.limit)
	defer limit.Stop()
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		return fmt.Errorf("stop: %s did not end within %s", d.stage.Load(), d.limit)
	case <-again.Done():
	}
	limit.Reset(stopHaste)
	select {
	case err := <-ended:
		return err
	case <-limit.C:
		return fmt.Errorf("stop: %w before %s had ended", context.Cause(again), d.stage.Load())
	}
}

// runStages is runUntil without the limit.
func (d *daemon) runStages(asked, again context.Context, hangups <-chan os.Signal) error {
	endLog := background(asked, d.store.Run)
	endEngine := background(asked, d.engine.Run)
	endWatchdog := background(asked, d.watchdog.Run)
	endReloads := background(asked, func(ctx context.Context) error { return d.reloadOn(ctx, hangups) })
	err := d.serveHTTP(asked, again)
	d.stage.Store("a reload")
	err = errors.Join(err, endReloads(), endWatchdog())
	d.stage.Store("deliveries")
	err = errors.Join(err, endEngine(), d.engine.Close())
	d.stage.Store("the event log")
	if err := errors.Join(err, endLog(), d.store.Close()); err != nil {
		return err
	}
	d.log.Info("stopped")
	return nil
}

// background runs a part that outlives ctx. end makes the part end and waits for it.
func background(ctx context.Context, run func(ctx context.Context) error) (end func() error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// serveHTTP serves until asked ends, then lets requests finish unless again ends. The
// administrators are the last to go, so that they can see what a stop waits for.
func (d *daemon) serveHTTP(asked, again context.Context) error {
	group, ctx := errgroup.WithContext(asked)
	d.ways.serve(group, d.server, d.ways.main, d.limiter)
	d.ways.serve(group, d.admin, d.ways.admin, d.adminsLimiter)
	group.Go(func() error {
		<-ctx.Done()
		err := d.drain(ctx, again)
		limit, cancel := context.WithTimeout(again, adminGrace)
		defer cancel()
		if d.admin.Shutdown(limit) != nil {
			_ = d.admin.Close() // a profile may take long, and is not worth an error
		}
		return err
	})
	return group.Wait()
}

// drain accepts no more requests and lets those under way finish. The cause of ctx may be a
// signal, which is logged.
func (d *daemon) drain(ctx, again context.Context) error {
	d.stage.Store("requests")
	close(d.stopping)
	if s, ok := errors.AsType[signalError](context.Cause(ctx)); ok {
		d.log.Info("stopping", "signal", s.String())
	}
	d.api.Shutdown()
	limit, cancel := context.WithTimeout(again, d.timeout)
	defer cancel()
	if err := d.server.Shutdown(limit); err != nil {
		_ = d.server.Close()
		if again.Err() != nil {
			return fmt.Errorf("stop: %w before requests had finished", context.Cause(again))
		}
		return fmt.Errorf("stop: requests did not finish within %s", d.timeout)
	}
	return nil
}

// reloadOn reloads the configuration and reopens files at each SIGHUP, until ctx ends.
// logrotate sends it as well.
func (d *daemon) reloadOn(ctx context.Context, hangups <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			_, _ = d.reloader.reload(ctx) // it logs its errors
			go d.reopen()                 // not waited for: a write may hang in the kernel, and signals must not
		}
	}
}

// reopen makes the channels reopen their files.
func (d *daemon) reopen() {
	if err := d.engine.Reopen(); err != nil {
		d.log.Error("files were not reopened", "error", err)
	}
}
