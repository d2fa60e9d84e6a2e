package pgtest_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"alertd/internal/pgtest"
)

// envChild makes this test binary, run by one of its tests, behave as another
// test process would.
const envChild = "PGTEST_CHILD"

const (
	childWithoutMain = "has a TestMain that forgets pgtest.Main"
	childHangs       = "starts a cluster and never ends"
)

// TestMain leaves these tests out where short ones are asked for: other packages'
// tests use the package all the time.
func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case testing.Short():
		_, _ = fmt.Fprintln(os.Stdout, "left out of -short; make crash-test runs them")
	case os.Getenv(envChild) == childWithoutMain:
		m.Run()
	default:
		goleak.VerifyTestMain(pgtest.Main(m))
	}
}

// child returns a command that runs one test of this binary in a process of its
// own, with what else is to be in its environment.
func child(ctx context.Context, test string, environment ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.v", "-test.run", "^"+test+"$")
	cmd.Env = append(os.Environ(), environment...)
	return cmd
}

// runChild runs one test in a process of its own and returns what it prints.
func runChild(tb testing.TB, test string, environment ...string) string {
	tb.Helper()
	output, err := child(tb.Context(), test, environment...).CombinedOutput()
	if err != nil {
		require.ErrorAs(tb, err, new(*exec.ExitError))
	}
	return string(output)
}

// TestHangs is what runs in the child that never ends.
func TestHangs(t *testing.T) {
	if os.Getenv(envChild) != childHangs {
		return // it is for the child process of TestKilledProcessLeavesNoCluster
	}
	cluster := pgtest.StartCluster(t)
	_, _ = fmt.Fprintln(os.Stdout, "directory", show(t, cluster.DSN("postgres"), "data_directory"))
	<-t.Context().Done() // which never is
}

// readDirectory reads what TestHangs prints.
func readDirectory(tb testing.TB, lines *bufio.Scanner) string {
	tb.Helper()
	for lines.Scan() {
		if directory, ok := strings.CutPrefix(lines.Text(), "directory "); ok {
			return directory
		}
		if strings.Contains(lines.Text(), "needs a database") {
			tb.Skip(lines.Text())
		}
	}
	require.Fail(tb, "the child did not start a cluster")
	return ""
}
