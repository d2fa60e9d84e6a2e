package delivery_test

import (
	"time"

	"alertd/internal/delivery"
)

// now is when a test decides.
var now = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// policy is one that lets everything pass.
func policy(name string, changes ...func(p *delivery.Policy)) delivery.Policy {
	p := delivery.DefaultPolicy()
	p.Name, p.Enabled = name, true
	for _, change := range changes {
		change(&p)
	}
	return p
}
