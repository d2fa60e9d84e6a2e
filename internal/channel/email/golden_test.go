package email_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/email/smtptest"
	"alertd/internal/incident"
)

var update = flag.Bool("update", false, "write testdata anew")

// What mail programs show is looked at by people: testdata has the messages as they
// went out (.eml), and their HTML to open in a browser.
func TestMessagesLookAsTheyDid(t *testing.T) {
	server := serve(t, smtptest.Config{})
	c := open(t, settings(server))
	thread := ""
	for _, reason := range []incident.Reason{incident.Opened, incident.SeverityRaised, incident.WasResolved, incident.Digested} {
		n := channeltest.Notification(reason)
		n.Thread = thread
		thread = deliver(t, c, n).Thread
		messages := server.Messages()
		data := messages[len(messages)-1].Data
		golden(t, reason.String()+".eml", strings.ReplaceAll(string(data), "\r\n", "\n"))
		golden(t, reason.String()+".html", read(t, data).html)
	}
}

func golden(tb testing.TB, name, got string) {
	tb.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(tb, os.MkdirAll("testdata", 0o755))
		require.NoError(tb, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(tb, err)
	assert.Equal(tb, string(want), got, "%s: go test -update writes it anew", name)
}
