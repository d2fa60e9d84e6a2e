package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/access"
)

// hashes are those of some tokens.
var hashes = []string{
	"sha256:0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
	"sha256:1f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f1",
}

func hashOf(tb testing.TB, text string) access.Hash {
	tb.Helper()
	hash, err := access.ParseHash(text)
	require.NoError(tb, err)
	return hash
}
