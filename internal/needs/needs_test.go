package needs_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/needs"
)

// recorder is a test that only records how it would have ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper() {}
func (r *recorder) Skipf(format string, args ...any) {
	r.ended += "skipped: " + fmt.Sprintf(format, args...)
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.ended = "failed: " + fmt.Sprintf(format, args...) + "; "
}

func TestLackingSkipsUnlessForbidden(t *testing.T) {
	t.Setenv(needs.Env, "")
	skipped := &recorder{TB: t}
	needs.Lacking(skipped, "a %s", "moon")
	require.Equal(t, "skipped: it needs a moon", skipped.ended)

	t.Setenv(needs.Env, "never")
	failed := &recorder{TB: t}
	needs.Lacking(failed, "a %s", "moon")
	require.Contains(t, failed.ended, "failed: ALERTD_TEST_SKIP=never, but it needs a moon")
}
