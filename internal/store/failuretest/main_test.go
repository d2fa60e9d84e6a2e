// Package failuretest_test proves what the event log does when its database
// fails: a full disk, damaged files, a server that is stopped, killed, failed
// over or does not answer. The parts are real: SQLite on a real file system,
// PostgreSQL servers of the tests' own, and the API in front of the store as
// cmd/alertd puts them together. In each case:
//
//   - what was acknowledged is in the log, once, under the number that was answered;
//   - what was refused is not in it, unless the answer says that this is not known;
//   - numbers ascend by one, and a follower of the log sees each event once, in
//     their order;
//   - readiness says why, and the log goes on by itself when it can.
package failuretest_test

import (
	"testing"

	"go.uber.org/goleak"

	"alertd/internal/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
