// Package pgtest gives tests a real PostgreSQL. Only tests import it, and
// test/crash, which is a test in the form of a program.
//
// A test that needs a database asks for one that is fresh and empty, and its
// own until it ends:
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		pool, err := pgxpool.New(t.Context(), pgtest.DSN(t))
//		…
//	}
//
// The first [DSN] of a test process starts a throwaway cluster, and the end of
// [Main] stops it. That cluster does not sync to the disk, and a database that a
// test has used is emptied for the next one. A test that stops, kills or fails
// over a server takes a cluster of its own with [StartCluster].
//
// # Where PostgreSQL comes from
//
//   - ALERTD_TEST_POSTGRES_DSN: a running server, whose user may create
//     databases. [DSN] uses it; a [Cluster] cannot, as it is killed.
//   - ALERTD_TEST_POSTGRES_BIN: the directory of initdb and postgres to use,
//     such as /usr/lib/postgresql/17/bin.
//   - else the programs on PATH, or the newest in /usr/lib/postgresql/*/bin.
//
// Without any of these a test is skipped, and says how to get PostgreSQL; with
// ALERTD_TEST_POSTGRES=required it fails instead.
//
// # What a cluster is
//
// One of [StartCluster] has PostgreSQL's defaults where durability is at stake
// (fsync and synchronous_commit are on). Each has data checksums, the locale C and
// the time zone UTC. It listens on a port of 127.0.0.1 that it keeps over restarts,
// and asks for no password there. PostgreSQL refuses to run as root: for root it
// runs as the user postgres, or as nobody.
//
// A cluster does not outlive the process that made it, however that ends: the
// kernel then tells PostgreSQL to stop. The directory that a killed process
// leaves behind is removed by the next one that makes a cluster.
//
// It needs Linux and PostgreSQL 13 or later.
package pgtest
