package main

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"alertd/internal/pgtest"
)

// TestMain makes the test binary answer to the name alertd as well: scripts and
// tests run it as a process of its own where they send signals, which reach a
// whole process, or want an exit status.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{pgtest.Main(m)}, map[string]func(){"alertd": func() {
		code := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
		if err := goleak.Find(); err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			code = exitLeak
		}
		os.Exit(code) //nolint:forbidigo // it stands for main here
	}})
}

// exitLeak is the exit status of a process that left goroutines behind.
const exitLeak = 70

// leakChecked fails tests that leave goroutines behind.
type leakChecked struct{ pgtest.Tests }

func (l leakChecked) Run() int {
	code := l.Tests.Run()
	if err := goleak.Find(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}
