package slack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/incident"
)

var update = flag.Bool("update", false, "write what messages are now to testdata")

// golden holds messages beside the file of that name.
func golden(t *testing.T, name string, messages any) {
	t.Helper()
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	require.NoError(t, encoder.Encode(messages))
	path := filepath.Join("testdata", name+".json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, text.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), text.String(), "if this is meant: go test ./internal/channel/slack -update")
}

func TestWebhookGolden(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		server := slacktest.New(workspace())
		tell(t, open(t, byWebhook(serve(t, server))), reason, "")
		assert.Empty(t, server.Refused(), reason)
		require.Len(t, server.Messages(), 1, reason)
		golden(t, "webhook_"+reason.String(), server.Messages()[0])
	}
}

// A file for each step has all messages as they are after it.
func TestThreadGolden(t *testing.T) {
	server, ch := bot(t)
	thread := ""
	for _, reason := range channeltest.Reasons() {
		if reason == incident.Test || reason == incident.Digested { // they have no thread
			continue
		}
		thread = tell(t, ch, reason, thread)
		golden(t, "thread_"+reason.String(), server.Messages())
	}
	assert.Empty(t, server.Refused())
}

func TestBotTestGolden(t *testing.T) {
	server, ch := bot(t)
	tell(t, ch, incident.Test, "")
	golden(t, "bot_test", server.Messages())
}
