// Package needs ends tests that need something the machine lacks. They are skipped. With
// ALERTD_TEST_SKIP=never in the environment, as in CI, they fail.
package needs

import (
	"os"
	"testing"
)

// Env is the environment variable that forbids skipping if it is "never".
const Env = "ALERTD_TEST_SKIP"

// Lacking ends a test that lacks what the text says.
func Lacking(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(Env) == "never" {
		tb.Fatalf(Env+"=never, but it needs "+format, args...)
	}
	tb.Skipf("it needs "+format, args...)
}
