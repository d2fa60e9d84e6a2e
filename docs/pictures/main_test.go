package main

import (
	"html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestThePagesShowWhatIsSent(t *testing.T) {
	t.Chdir("../..") // as it is run
	folder := t.TempDir()
	require.NoError(t, run(folder))
	for name, wanted := range map[string][]string{
		"slack-opened":       {"[ERROR] var_gate: VaR limit breached: 0.0512 &gt; 0.0300", "#e8770c", "<b>Severity</b><br>error", "note: R&amp;D &lt;desk&gt; said &#34;hold&#34;", ">Open in alertd</a>"},
		"slack-critical":     {"[CRITICAL]", "#d00000", `<span class="mention">@channel</span>`, "1 reply", "replied to a thread:", "(edited)"},
		"slack-acknowledged": {"[ACKNOWLEDGED]", "#2f6fde", "3 replies", "Note: Looking at the hedge"},
		"slack-resolved":     {"[RESOLVED]", "#2e9d48", "4 replies", "Incident 12 resolved by grace"},
		"email-opened":       {"<h1>[ERROR] var_gate: VaR limit breached: 0.0512 &gt; 0.0300</h1>", "&lt;h1&gt;[ERROR] Incident 12 opened&lt;/h1&gt;", "to Ada", "27 December 2025, 10:30"},
		"email-resolved":     {"&lt;h1&gt;[RESOLVED] Incident 12 resolved by grace&lt;/h1&gt;"},
	} {
		page, err := os.ReadFile(filepath.Join(folder, name+".html"))
		require.NoError(t, err)
		for _, text := range wanted {
			require.Contains(t, string(page), text, name)
		}
	}
}

func TestEveryPageHasItsPictureAndEveryPictureItsPage(t *testing.T) {
	pictures, err := filepath.Glob("*.png")
	require.NoError(t, err)
	document, err := os.ReadFile("../channels.md")
	require.NoError(t, err)
	pictures = slices.DeleteFunc(pictures, func(name string) bool { return strings.HasPrefix(name, "dashboard-") }) // see dashboard.sh
	require.Len(t, pictures, len(pages()))
	for _, picture := range pictures {
		require.Contains(t, pages(), strings.TrimSuffix(picture, ".png"))
		require.Contains(t, string(document), "](pictures/"+picture+")")
		file, err := os.Stat(picture)
		require.NoError(t, err)
		require.Less(t, file.Size(), int64(150_000), picture)
	}
}

func TestTextOfSlackIsEscapedButForItsMarks(t *testing.T) {
	for text, want := range map[string]string{
		"a &amp; b &lt;i&gt;":       "a &amp; b &lt;i&gt;",
		`"quoted" & raw`:            "&#34;quoted&#34; &amp; raw",
		"*bold &gt; text* and more": "<b>bold &gt; text</b> and more",
		"<!here> *now*":             `<span class="mention">@here</span> <b>now</b>`,
		"<https://x.example|a & b>": `<a href="#">a &amp; b</a>`,
		"<https://x.example>":       "https://x.example",
		"one\ntwo":                  "one<br>two",
	} {
		require.Equal(t, want, string(slackText{Type: "mrkdwn", Text: text}.HTML()), text)
	}
	require.Equal(t, html.EscapeString("*not bold* <b>"), string(slackText{Type: "plain_text", Text: "*not bold* <b>"}.HTML()))
}
