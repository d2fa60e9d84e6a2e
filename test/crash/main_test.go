package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain makes this binary a miniature of alertd if the environment says so.
func TestMain(m *testing.M) {
	if nature := os.Getenv(envMiniature); nature != "" {
		if err := runMiniature(nature, os.Args[1:]); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
