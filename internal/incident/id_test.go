package incident_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/incident"
)

func TestIDAppendsItsText(t *testing.T) {
	for range 100 {
		id := incident.NewID()
		text, err := id.AppendText([]byte("id "))
		require.NoError(t, err)
		require.Equal(t, "id "+id.String(), string(text))
	}
}
