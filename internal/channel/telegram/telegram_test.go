package telegram_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/channeltest"
	"alertd/internal/channel/telegram"
	"alertd/internal/channel/telegram/telegramtest"
	"alertd/internal/incident"
)

var update = flag.Bool("update", false, "write what messages are now to testdata")

func TestMessagesAreWhatTheyWere(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		server, ch := api(t)
		tell(t, ch, reason, "")
		require.Len(t, server.Messages(), 1)
		got := server.Messages()[0].HTML + "\n"
		path := filepath.Join("testdata", reason.String()+".html")
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), got, "if this is meant: go test ./internal/channel/telegram -update")
	}
}

func TestLaterMessagesReplyToTheFirst(t *testing.T) {
	server, ch := api(t)
	thread := ""
	for _, reason := range []incident.Reason{incident.Opened, incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved} {
		got := tell(t, ch, reason, thread)
		if thread == "" {
			thread = got
		}
	}
	for n, m := range server.Messages() {
		assert.Equal(t, map[bool]int64{false: 1}[n == 0], m.ReplyTo, n)
	}
	assert.Equal(t, id+"/1", thread)
}

func TestReplyToDeletedMessageStandsAlone(t *testing.T) {
	server, ch := api(t)
	thread := tell(t, ch, incident.Opened, "")
	server.Delete(chat, 1)
	tell(t, ch, incident.WasResolved, thread)
	assert.Zero(t, server.Messages()[0].ReplyTo)
}

func TestForeignThreadIsNotJoined(t *testing.T) {
	for _, thread := range []string{"", "x", "1", "-5/1", "C0123/1.2", id + "/", id + "/99999999999999999999"} {
		server, ch := api(t)
		tell(t, ch, incident.Opened, "")
		tell(t, ch, incident.WasResolved, thread)
		assert.Zero(t, server.Messages()[1].ReplyTo, thread)
	}
	server := telegramtest.New(bot())
	byName := open(t, serve(t, server), "@alerts")
	thread := tell(t, byName, incident.Opened, "")
	tell(t, byName, incident.WasResolved, thread)
	assert.Equal(t, int64(1), server.Messages()[1].ReplyTo)
}

func TestOnlyWhatIsNewOrWorseRings(t *testing.T) {
	want := map[incident.Reason]bool{incident.Updated: true, incident.WasAcknowledged: true, incident.WasResolved: true, incident.Digested: true}
	for _, reason := range channeltest.Reasons() {
		server, ch := api(t)
		tell(t, ch, reason, "")
		assert.Equal(t, want[reason], server.Messages()[0].Silent, reason)
		assert.False(t, server.Messages()[0].Preview, reason)
	}
}

func TestMigratedGroupIsFollowed(t *testing.T) {
	server := telegramtest.New(bot())
	ch := open(t, serve(t, server), "-5")
	thread := tell(t, ch, incident.Opened, "-5/77")
	assert.Equal(t, id+"/1", thread)
	m := server.Messages()[0]
	assert.Equal(t, chat, m.Chat)
	assert.Zero(t, m.ReplyTo, "messages of the old group have other numbers")
	assert.Contains(t, m.Text, "This group has become a supergroup: chat_id should now be "+id)
	tell(t, ch, incident.WasResolved, thread)
	assert.Equal(t, int64(1), server.Messages()[1].ReplyTo)
}

func TestFailedMigrationNamesBothChats(t *testing.T) {
	server := telegramtest.New(bot())
	result := open(t, serve(t, server), "-7").Send(t.Context(), channeltest.Notification(incident.Opened))
	assert.Equal(t, channel.Permanent, result.Outcome)
	assert.Equal(t, "the group has become the supergroup -8, which chat_id should be, and there: Telegram says Forbidden: bot was kicked from the group chat", result.Error)
	assert.Len(t, server.Refused(), 2, "it is tried once more, not again and again")
}

func TestLinkNeedsPublicURL(t *testing.T) {
	for url, want := range map[string]string{
		"": "", "javascript:alert(1)": "", "https://x.example.com/" + strings.Repeat("x", 3000): "",
		`https://x.example.com/?a=1&b="><b>`: "https://x.example.com/?a=1&b=\"><b>",
	} {
		server, ch := api(t)
		n := channeltest.Notification(incident.Opened)
		n.URL = url
		result := ch.Send(t.Context(), n)
		require.Equal(t, channel.Delivered, result.Outcome, result.Error)
		got := ""
		for _, e := range server.Messages()[0].Entities {
			if e.Type == "text_link" {
				got = e.URL
			}
		}
		assert.Equal(t, want, got)
	}
}

func TestWideLastCharacterIsCut(t *testing.T) {
	server, ch := api(t)
	for n, want := range map[int]string{1598: "x😀\n", 1599: "xx…\n", 1600: "xx…\n"} {
		result := ch.Send(t.Context(), channeltest.Opened(alerting.SeverityError, "s", strings.Repeat("x", n)+"😀", "{}"))
		require.Equal(t, channel.Delivered, result.Outcome, result.Error)
		messages := server.Messages()
		assert.Contains(t, messages[len(messages)-1].Text, want, n)
	}
}

func TestDetailsThatDoNotFitAreCounted(t *testing.T) {
	server, ch := api(t)
	n := channeltest.Opened(alerting.SeverityError, "var_gate", strings.Repeat("😀", 5000), "{}")
	for range 30 {
		n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: "k", Value: []byte(`"v"`)})
	}
	n.Notice.Context.Cut = true
	require.Equal(t, channel.Delivered, ch.Send(t.Context(), channeltest.Rendered(n)).Outcome)
	text := server.Messages()[0].Text
	assert.Contains(t, text, "\n10 more details\nThe context is longer than this\n")
	assert.Contains(t, text, "😀…\n")
}

func TestInvalidConfigNamesKeysWithoutSecrets(t *testing.T) {
	for name, c := range map[string]struct {
		config telegram.Config
		want   []string
	}{
		"a number":        {telegram.Config{BotToken: token, ChatID: id}, nil},
		"a person":        {telegram.Config{BotToken: token, ChatID: "42"}, nil},
		"a name":          {telegram.Config{BotToken: token, ChatID: "@alerts"}, nil},
		"nothing":         {telegram.Config{}, []string{"bot_token", "chat_id"}},
		"no token":        {telegram.Config{BotToken: "bot" + token, ChatID: id}, []string{"bot_token"}},
		"a token of path": {telegram.Config{BotToken: token + "/../x", ChatID: id}, []string{"bot_token"}},
		"no chat":         {telegram.Config{BotToken: token, ChatID: "alerts"}, []string{"chat_id"}},
		"another API":     {telegram.Config{BotToken: token, ChatID: id, APIURL: "api.telegram.org"}, []string{"api_url"}},
	} {
		err := c.config.Validate()
		if c.want == nil {
			require.NoError(t, err, name)
			continue
		}
		var invalid *alerting.Error
		require.ErrorAs(t, err, &invalid, name)
		var fields []string
		for _, f := range invalid.Fields {
			fields = append(fields, f.Field)
			assert.NotContains(t, f.Message, "AAEabc", name)
		}
		assert.Equal(t, c.want, fields, name)
		_, err = telegram.New(c.config)
		require.Error(t, err, name)
	}
	config := telegram.Config{BotToken: token, ChatID: id}
	config.Outbound.Proxy, config.Outbound.CAFile = "nowhere", "/does/not/exist.pem"
	var invalid *alerting.Error
	require.ErrorAs(t, config.Validate(), &invalid)
	assert.Len(t, invalid.Fields, 2)
}

// pieces are what hostile texts are made of.
var pieces = []string{
	"<b>", "</b>", "</pre>", "</code>", "<a href=\"https://evil.example.com\">", "&lt;", "&amp", "&", "<", ">", "\"", "'", "@everyone", "@ada", "#tag", "$USD",
	"/stop", "https://evil.example.com", "evil.example.com", "a@example.com", "tg://resolve?domain=x", "+1 212 555 0123", "\x00", "\x1b[31m", "\r\n", "\n", "\t",
	"\u2028", "\u202e", "\u200b", "\ufffe", "\xff", "😀", "👩‍👩‍👧", "é", "中", "…", " ", "a", strings.Repeat("long ", 100), strings.Repeat("😀", 80), strings.Repeat("<", 150),
}

func hostileText(most int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 10).Draw(t, "parts")
		text := strings.Join(parts, "")
		if strings.TrimSpace(text) == "" {
			text = "x"
		}
		return channel.Shorten(strings.Repeat(text, rapid.IntRange(1, 30).Draw(t, "times")), most)
	})
}

func TestHostileTextsAreSent(t *testing.T) {
	server, ch := api(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := channeltest.Notification(rapid.SampledFrom(channeltest.Reasons()).Draw(rt, "reason"))
		i := &n.Notice.Incident
		i.Message, i.Source = hostileText(alerting.MaxMessageLength).Draw(rt, "message"), hostileText(alerting.MaxSourceLength).Draw(rt, "source")
		i.AcknowledgedBy, n.Notice.By = hostileText(255).Draw(rt, "acknowledged by"), hostileText(255).Draw(rt, "by")
		n.Notice.Note, n.Notice.Why = hostileText(8192).Draw(rt, "note"), hostileText(500).Draw(rt, "why")
		n.Notice.Context = incident.Context{Cut: rapid.Bool().Draw(rt, "cut")}
		for range rapid.IntRange(0, 25).Draw(rt, "details") {
			value, err := json.Marshal(hostileText(400).Draw(rt, "value"))
			if err != nil {
				rt.Fatal(err)
			}
			n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: hostileText(100).Draw(rt, "name"), Value: value})
		}
		if result := ch.Send(t.Context(), channeltest.Rendered(n)); result.Outcome != channel.Delivered {
			rt.Fatalf("%+v, refused %v", result, server.Refused())
		}
		messages := server.Messages()
		for _, e := range messages[len(messages)-1].Entities {
			switch {
			case e.Type == "bold", e.Type == "code", e.Type == "pre":
			case e.Type == "text_link" && strings.HasPrefix(e.URL, "https://alerts.example.com/incidents") && slices.Contains(links(n), e.Text):
			default:
				rt.Fatalf("a text from outside is a %s: %q", e.Type, e.Text)
			}
		}
	})
	assert.Empty(t, server.Refused())
}

// links returns the texts of a message's links.
func links(n channel.Notification) []string {
	texts := []string{"Open in alertd"}
	for _, item := range n.Items {
		texts = append(texts, item.Name)
	}
	return texts
}

func TestTheLongestTextsAreSent(t *testing.T) {
	server, ch := api(t)
	for _, piece := range []string{"x", "é", "😀", "<", "&", "@", "\u202e", "\x01", "\"", "a ", "\n"} {
		for _, reason := range channeltest.Reasons() {
			n := channeltest.Notification(reason)
			i := &n.Notice.Incident
			i.Message, i.Source = "m"+strings.Repeat(piece, alerting.MaxMessageLength-1), "s"+strings.Repeat(piece, alerting.MaxSourceLength-1)
			i.AcknowledgedBy, n.Notice.By, n.Notice.Note = strings.Repeat(piece, 255), strings.Repeat(piece, 255), strings.Repeat(piece, 8192)
			value, err := json.Marshal(strings.Repeat(piece, 1000))
			require.NoError(t, err)
			for range 30 {
				n.Notice.Context.Fields = append(n.Notice.Context.Fields, incident.Field{Name: strings.Repeat(piece, 100), Value: value})
			}
			result := ch.Send(t.Context(), channeltest.Rendered(n))
			assert.Equal(t, channel.Delivered, result.Outcome, "%s of %q: %s", reason, piece, result.Error)
		}
	}
	assert.Empty(t, server.Refused())
}

func TestTemplatesWordTheMessage(t *testing.T) {
	server, ch := api(t)
	for _, n := range []channel.Notification{channeltest.Worded(), channeltest.Unworded()} {
		require.Equal(t, channel.Delivered, ch.Send(t.Context(), n).Outcome)
	}
	worded, failed := server.Messages()[0].Text, server.Messages()[1].Text
	assert.Contains(t, worded, "[ERROR] Incident 12 opened\n"+channeltest.Title+"\n"+channeltest.Body+"\n")
	assert.Contains(t, failed, "\nTemplate failed: "+channeltest.TemplateError+"\n")
}

func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, reason := range channeltest.Reasons() {
		n := channeltest.Notification(reason)
		sent := channeltest.Requests(t, func(address string) channel.Channel { return open(t, address, id) }, n)
		shown, err := telegram.Config{ChatID: id}.Preview(n)
		require.NoError(t, err)
		require.Len(t, sent, 1)
		assert.Equal(t, string(shown), sent[0], reason)
	}
}
