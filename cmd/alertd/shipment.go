package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/client"
	"alertd/internal/spool"
	"alertd/internal/transfer"
)

const (
	// A batch is sent when it has so many alerts or bytes, or when no further alert has come
	// for the pause.
	batchCount = 500
	batchBytes = 1 << 20
	batchPause = 100 * time.Millisecond
	// maxInputLine is how many bytes a line of standard input may have.
	maxInputLine = 8 << 20
)

// numbered is an alert and its line in the input, 0 if it has none.
type numbered struct {
	client.Alert
	line uint64
}

// shipment sends alerts and says what has become of each.
type shipment struct {
	flags   *sendFlags
	out     screen
	err     io.Writer
	sender  client.Sender
	refused bool // whether an alert was
}

// outcome is what has become of an alert, for --output json.
type outcome struct {
	EventID string `json:"event_id,omitzero"`
	Line    uint64 `json:"line,omitzero"`
	client.Result
}

// errRefused ends a shipment after alertd has refused one of its alerts. The refusal is on standard error already.
var errRefused = toldError{errors.New("alerts were refused")}

// verdict returns the error that ended a shipment, or else one if the output has failed, or
// if an alert was refused.
func (s *shipment) verdict(err error) error {
	if err = errors.Join(err, s.out.failure()); err != nil {
		return err
	}
	if s.refused {
		return errRefused
	}
	return nil
}

func (s *shipment) print(value any) {
	data, err := json.Marshal(value)
	if err == nil {
		_ = s.out.json(data) // verdict returns the error
	}
}

// tell says what has become of an alert.
func (s *shipment) tell(o outcome) {
	switch {
	case s.flags.output == outputJSON:
		s.print(o)
	case !o.Rejected() && o.Reason == "":
		s.out.line("%s", o.EventID)
	}
	where := o.EventID
	if o.Line > 0 {
		where = fmt.Sprintf("line %d", o.Line)
	}
	switch {
	case o.Rejected():
		s.refused = true
		note(s.err, "%s is refused%s", where, client.FieldLines(o.Errors))
	case o.Reason != "" && s.flags.output != outputJSON:
		note(s.err, "%s is not registered: %s", where, o.Reason)
	}
}

// lines sends an alert a line.
func (s *shipment) lines(ctx context.Context, in io.Reader) error {
	ended := make(chan struct{})
	defer close(ended)
	inputs := make(chan input)
	go readInput(in, inputs, ended) // it may wait for a line until the process ends
	var batch []numbered
	size := 0
	ship := func() error {
		err := s.ship(ctx, batch)
		batch, size = nil, 0
		return err
	}
	pause := time.NewTimer(batchPause)
	defer pause.Stop()
	for {
		select {
		case next, open := <-inputs:
			switch {
			case !open:
				return s.verdict(ship())
			case next.err != nil:
				return errors.Join(ship(), fmt.Errorf("read standard input after line %d: %w", next.line, next.err))
			case next.problems != nil:
				s.tell(outcome{Line: next.line, Result: client.Result{Status: client.Rejected, Errors: next.problems}})
				continue
			}
			batch = append(batch, next.numbered)
			if size += len(next.JSON); len(batch) < batchCount && size < batchBytes {
				pause.Reset(batchPause)
				continue
			}
		case <-pause.C:
		case <-ctx.Done():
			return errors.Join(ship(), context.Cause(ctx))
		}
		if err := ship(); err != nil {
			return err
		}
	}
}

// input is an alert that was read, or what is wrong with it, or the error of reading.
type input struct {
	numbered
	problems []alerting.FieldError
	err      error
}

// readInput hands over the alerts until there are no more, or until ended is closed.
func readInput(in io.Reader, inputs chan<- input, ended <-chan struct{}) {
	defer close(inputs)
	lines := transfer.NewLines(in, maxInputLine)
	for {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		var next input
		if _, tooLong := errors.AsType[transfer.TooLongError](err); err != nil && !tooLong {
			next.err = err
		} else if err == nil {
			if line = bytes.TrimPrefix(line, []byte("\ufeff")); len(line) == 0 {
				continue
			}
			next.Alert, err = client.NewAlert(line, time.Now())
		}
		if next.line = lines.Number(); err != nil {
			next.problems = client.Problems(err)
		}
		select {
		case inputs <- next:
		case <-ended:
			return
		}
		if next.err != nil {
			return
		}
	}
}

// ship sends alerts and tells of each. An error means that they are neither registered nor
// in the spool, or that nothing more can be sent.
func (s *shipment) ship(ctx context.Context, batch []numbered) error {
	if len(batch) == 0 {
		return nil
	}
	alerts := make([]client.Alert, len(batch))
	for i, one := range batch {
		alerts[i] = one.Alert
	}
	results, err := s.sender.Send(ctx, alerts)
	if err != nil {
		return s.keep(ctx, batch, alerts, err)
	}
	s.sender.RetryFor = s.flags.retryFor
	for i, one := range batch {
		s.tell(outcome{one.ID.String(), one.line, results[i]})
	}
	return s.out.failure()
}

// keep writes alerts that alertd has not taken to the spool, if there is one. If alertd only
// was away, that is no error, and what follows is tried once until it is back.
func (s *shipment) keep(ctx context.Context, batch []numbered, alerts []client.Alert, cause error) error {
	if s.flags.spool == "" {
		return fmt.Errorf("%w\n%s", cause, notTaken(batch))
	}
	dir, err := spool.Open(s.flags.spool)
	if err == nil {
		err = dir.Put(alerts, time.Now())
	}
	if err != nil {
		return fmt.Errorf("%w\n%s\nnor could they be kept, so they are not safe: %w", cause, notTaken(batch), err)
	}
	note(s.err, "%s\n%d alerts are kept in %s; alertd send --drain %[3]s sends them", cause, len(batch), s.flags.spool)
	for _, one := range batch {
		s.tell(outcome{one.ID.String(), one.line, client.Result{Status: "spooled"}})
	}
	if !client.Temporary(cause) || ctx.Err() != nil {
		return toldError{cause}
	}
	s.sender.RetryFor = 0
	return s.out.failure()
}

// notTaken says which alerts alertd may not have.
func notTaken(batch []numbered) string {
	if line := batch[0].line; line > 0 {
		return fmt.Sprintf("alertd may not have what is in line %d and after it", line)
	}
	return "alertd may not have the alert"
}
