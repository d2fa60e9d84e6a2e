// Command alertd is a standalone HTTP alert service. Run "alertd --help" for
// what it can do; docs/architecture.md shows how it is made.
package main

import (
	"context"
	"os"
)

// Set by the linker; see the Makefile.
var (
	version = ""
	commit  = ""
	builtAt = ""
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
