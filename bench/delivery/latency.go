package main

import (
	"context"
	"io"
	"time"

	"alertd/bench/internal/child"
)

// probeEvery is the interval of alerts that open an incident while most do not.
const probeEvery = 20

// warmUp is the part of a turn before the measurement.
const warmUp = time.Second

// The goals, from the answer to the webhook.
const (
	goalP50 = 3 * time.Millisecond
	goalP99 = 15 * time.Millisecond
)

func (b *bench) measureLatency(ctx context.Context, out io.Writer) error {
	alertd := contender{"alertd, " + b.database(), func(ctx context.Context, turn, url string) (*child.Child, error) {
		return b.startAlertd(ctx, turn, withWebhook(true, url))
	}}
	bare := contender{"bare relay", b.startRelay}
	for _, l := range []load{
		{rate: b.rate, probeEvery: probeEvery, warmUp: warmUp, duration: b.duration},
		{rate: b.rate, probeEvery: 1, warmUp: warmUp, duration: b.duration},
	} {
		rounds, err := b.compare(ctx, l, alertd, bare)
		if err != nil {
			return err
		}
		if err := reportLatency(out, l, []string{alertd.name, bare.name}, rounds); err != nil {
			return err
		}
	}
	return nil
}
