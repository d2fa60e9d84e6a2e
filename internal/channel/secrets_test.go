package channel_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/channel"
)

func TestURLPasswordIsHiddenInBothForms(t *testing.T) {
	secrets := channel.NewSecrets(channel.URLSecrets("https://alertd:correct-horse@example.test/hook")...)
	require.Equal(t, "no: Basic "+channel.Hidden+" and "+channel.Hidden, secrets.Hide("no: Basic YWxlcnRkOmNvcnJlY3QtaG9yc2U= and correct-horse"))
}
