package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"alertd/internal/pgtest"
)

// TestMain makes the test binary answer to the name alertd as well: scripts and
// tests run it as a process of its own where they send signals, which reach a
// whole process, or want an exit status. Under the name alertd-as-shipped it does not look
// for goroutines at its end. Under the name alertd-hasty it sends itself signals at the
// earliest moment.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{pgtest.Main(m)}, map[string]func(){
		"alertd":            func() { process(os.Stderr) },
		"alertd-as-shipped": main,
		"alertd-hasty":      func() { process(hasty{os.Stderr}) },
	})
}

// exitLeak is the exit status of a process that left goroutines behind.
const exitLeak = 70

// process is main, and looks for goroutines that are left behind.
func process(stderr io.Writer) {
	code := run(context.Background(), os.Args[1:], os.Stdout, stderr)
	if err := goleak.Find(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = exitLeak
	}
	os.Exit(code) //nolint:forbidigo // it stands for main here
}

// hasty asks for a reload while the log says that alertd listens, and for an end
// while it says that it has reloaded.
type hasty struct{ log io.Writer }

func (h hasty) Write(record []byte) (int, error) {
	switch {
	case bytes.Contains(record, []byte("listening")):
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
	case bytes.Contains(record, []byte("configuration reloaded")):
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
	}
	return h.log.Write(record)
}

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
