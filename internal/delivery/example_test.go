package delivery_test

import (
	"fmt"
	"time"

	"alertd/internal/channel"
	"alertd/internal/delivery"
)

func ExampleAfter() {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	d := delivery.Delivery{GiveUpAt: now.Add(time.Hour)}
	retry := delivery.Retry{Initial: time.Second, Max: 5 * time.Minute}
	for number := 1; number <= 3; number++ {
		step := delivery.After(d, number, channel.Result{Outcome: channel.Transient}, retry, 0, now)
		fmt.Println(step.Why)
	}
	step := delivery.After(d, 4, channel.Result{Outcome: channel.Permanent}, retry, 0, now)
	fmt.Println(step.Status, "-", step.Why)
	// Output:
	// attempt 1 failed, the next is due in 1s
	// attempt 2 failed, the next is due in 2s
	// attempt 3 failed, the next is due in 4s
	// failed - it would not be taken later either
}

func ExampleHealthOf() {
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	r := delivery.Record{Successes: 100, Failures: 1, LastFailure: now.Add(-time.Minute), LastSuccess: now}
	fmt.Println(delivery.HealthOf(r, delivery.BreakerClosed, now))
	fmt.Println(delivery.HealthOf(r, delivery.BreakerOpen, now))
	// Output:
	// degraded
	// failing
}
