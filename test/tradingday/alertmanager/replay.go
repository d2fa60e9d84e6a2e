package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"alertd/test/tradingday"
)

const (
	// warmUp is how long before its part an Alertmanager begins: until then, all that was
	// wrong before is over, or known to it.
	warmUp = 30 * time.Minute
	// after is how long it waits for messages after the last alert.
	after = 10 * time.Minute
)

// Day is what is replayed.
type Day struct {
	Alerts []tradingday.Alert
	// Config is the configuration file, with receivers at http://receiver.example.com/NAME.
	Config string
	// Parts is how many parts of the day are replayed at the same time.
	Parts int
	// Speed is how many seconds of the day pass in a second.
	Speed int
	// Directory has the files of Alertmanager.
	Directory string
}

// Result is what Alertmanager has told.
type Result struct {
	tradingday.Report
	// Slack is the time of the day from when an alert was due until Alertmanager had
	// accepted it, for 99 of 100 alerts. The report counts from then on.
	Slack time.Duration
}

// Replay replays a day. It returns when the day, and ten minutes more, have passed.
func Replay(ctx context.Context, day Day) (Result, error) {
	if len(day.Alerts) == 0 || day.Parts < 1 || day.Speed < 1 {
		return Result{}, errors.New("replay a day: it needs alerts, parts and a speed")
	}
	parts := make([]part, day.Parts)
	begins, ends := day.Alerts[0].At.Truncate(time.Second), day.Alerts[len(day.Alerts)-1].At+after
	group, ctx := errgroup.WithContext(ctx)
	for n := range parts {
		p := &parts[n]
		p.from = begins + (ends-begins)*time.Duration(n)/time.Duration(day.Parts)
		p.to = begins + (ends-begins)*time.Duration(n+1)/time.Duration(day.Parts)
		group.Go(func() error { return p.replay(ctx, day, filepath.Join(day.Directory, fmt.Sprint(n))) })
	}
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	var messages []tradingday.Message
	var accepted []tradingday.Alert
	for _, p := range parts {
		messages, accepted = append(messages, p.messages...), append(accepted, p.accepted...)
	}
	delays := make([]time.Duration, len(day.Alerts))
	for n, a := range accepted {
		delays[n] = a.At - day.Alerts[n].At
	}
	slices.Sort(delays)
	return Result{tradingday.Measure(accepted, messages), delays[len(delays)*99/100]}, nil
}

// part is a part of a day, with an Alertmanager of its own.
type part struct {
	from, to time.Duration
	messages []tradingday.Message
	accepted []tradingday.Alert // with the times at which Alertmanager had accepted them
}

// replay replays the part, and what comes before it.
func (p *part) replay(ctx context.Context, day Day, directory string) error {
	begins := max(p.from-warmUp, day.Alerts[0].At.Truncate(time.Second))
	alerts := tradingday.Between(day.Alerts, begins, p.to)
	// It begins a little later than now, when all is ready.
	c := clock{speed: day.Speed, began: time.Now().Add(time.Second), begins: begins}
	r, err := startReceiver(ctx, c, p.from, p.to)
	if err != nil {
		return err
	}
	defer func() { _, _ = r.close() }() // once more, if all went well
	config, err := compress(day.Config, day.Speed, r.url)
	if err != nil {
		return err
	}
	if err := os.Mkdir(directory, 0o700); err != nil {
		return err
	}
	path := filepath.Join(directory, "alertmanager.yml")
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return err
	}
	server, err := startProcess(ctx, path)
	if err != nil {
		return err
	}
	sender := newSender(server.url, c)
	err = sender.send(ctx, alerts)
	if err == nil {
		err = c.until(ctx, p.to)
	}
	log := server.stop()
	messages, closeErr := r.close()
	if err = errors.Join(err, closeErr); err != nil {
		return fmt.Errorf("%w; the log of Alertmanager:\n%s", err, log)
	}
	p.messages = messages
	for n, a := range sender.accepted {
		if alerts[n].At >= p.from {
			p.accepted = append(p.accepted, a)
		}
	}
	return nil
}

// clock tells the time of the day.
type clock struct {
	speed  int
	began  time.Time     // when the replay began
	begins time.Duration // the time of day at which it did
}

func (c clock) timeOfDay(t time.Time) time.Duration {
	return c.begins + t.Sub(c.began)*time.Duration(c.speed)
}

func (c clock) moment(timeOfDay time.Duration) time.Time {
	return c.began.Add((timeOfDay - c.begins) / time.Duration(c.speed))
}

// until waits for a time of day.
func (c clock) until(ctx context.Context, timeOfDay time.Duration) error {
	timer := time.NewTimer(time.Until(c.moment(timeOfDay)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
