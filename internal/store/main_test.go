package store_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"alertd/internal/pgtest"
	"alertd/internal/store/storetest"
)

// TestMain looks at fewer random cases than rapid would, as each asks a log of
// many events; -rapid.checks=1000 looks longer.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		checks := "50"
		if storetest.Slow {
			checks = "5"
		}
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

func TestSQLiteKeepsWhatALogPromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.SQLite)
}

func TestPostgreSQLKeepsWhatALogPromises(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.PostgreSQL)
}

func TestTheIndexFindsTextsAndSurvivesDamage(t *testing.T) {
	t.Parallel()
	storetest.RunIndex(t, storetest.SQLite)
}
