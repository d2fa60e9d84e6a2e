// Package needs has tests say what they need and the machine lacks. There they are
// skipped, and with ALERTD_TEST_SKIP=never in the environment, as in CI, they fail.
package needs

import (
	"os"
	"testing"
)

// Env is the variable that says never where nothing may be skipped.
const Env = "ALERTD_TEST_SKIP"

// Lacking ends a test that needs what the text says.
func Lacking(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(Env) == "never" {
		tb.Fatalf(Env+"=never, but it needs "+format, args...)
	}
	tb.Skipf("it needs "+format, args...)
}
