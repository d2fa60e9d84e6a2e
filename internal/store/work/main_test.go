package work_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"alertd/internal/pgtest"
	"alertd/internal/store/storetest"
)

// TestMain looks at fewer random cases than rapid would, as each asks a database.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "rapid.checks" })
	if !given {
		checks := "15"
		if storetest.Slow {
			checks = "5"
		}
		if err := flag.Set("rapid.checks", checks); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}
