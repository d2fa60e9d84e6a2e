package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAddressIsFoundInTheLog(t *testing.T) {
	const before, line = `{"msg":"starting","addr":"127.0.0.1:1"}` + "\n" + "no JSON\n", `{"time":"t","msg":"listening","addr":"127.0.0.1:4711"}` + "\n"
	for name, size := range map[string]int{"at once": 1 << 10, "byte by byte": 1} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			a := newAnnouncement(&out)
			text := before + line + line
			for i := 0; i < len(text); i += size {
				_, err := a.Write([]byte(text[i:min(len(text), i+size)]))
				require.NoError(t, err)
			}
			require.Equal(t, "127.0.0.1:4711", <-a.address)
			require.Empty(t, a.address)
			require.Equal(t, text, out.String())
			require.Equal(t, strings.TrimSpace(text), a.end())
		})
	}
}

func TestAddressIsNotReadFromAPartialLine(t *testing.T) {
	a := newAnnouncement(new(strings.Builder))
	_, err := a.Write([]byte(`{"msg":"listening","addr":"127.0.0.1:4711"}`))
	require.NoError(t, err)
	require.Empty(t, a.address)
}
