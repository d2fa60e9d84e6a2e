// Command alertd is a standalone HTTP alert service. "alertd --help" lists its commands;
// docs/architecture.md describes its design.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // calendars work where the system has no time zones, as in the image
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
