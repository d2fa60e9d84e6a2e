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

// TestMain lets the test binary also run as alertd: scripts and tests run it as a separate
// process to send signals or to check exit statuses. Under the name alertd-as-shipped it does
// not check for leaked goroutines at its end. Under the name alertd-hasty it sends itself
// signals as early as possible.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{pgtest.Main(m)}, map[string]func(){
		"alertd":            func() { process(os.Stderr) },
		"alertd-as-shipped": main,
		"alertd-hasty":      func() { process(hasty{os.Stderr}) },
	})
}

// exitLeak is the exit status of a process that leaked goroutines.
const exitLeak = 70

// process runs main and checks for leaked goroutines.
func process(stderr io.Writer) {
	code := run(context.Background(), os.Args[1:], os.Stdout, stderr)
	// pgx closes a connection that was cancelled by a goroutine of its own, in up to 15 s.
	if err := goleak.Find(goleak.IgnoreAnyFunction("github.com/jackc/pgx/v5/pgconn.(*PgConn).asyncClose.func1")); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = exitLeak
	}
	os.Exit(code) //nolint:forbidigo // it stands for main here
}

// hasty sends SIGHUP as the log says that alertd listens, and SIGTERM as it says that it has
// reloaded.
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

// leakChecked fails tests that leak goroutines.
type leakChecked struct{ pgtest.Tests }

func (l leakChecked) Run() int {
	code := l.Tests.Run()
	if err := goleak.Find(); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}
