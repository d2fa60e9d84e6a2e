package slacktest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/channel/slack/slacktest"
	"alertd/internal/channel/standin"
)

const (
	hook   = "/services/T0/B0/x"
	token  = "xoxb-1"
	alerts = "C0123456789"
)

var now = time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)

func workspace() slacktest.Workspace {
	return slacktest.Workspace{
		Token: token, WebhookPath: hook, WebhookChannel: alerts,
		Channels: []slacktest.Channel{
			{ID: alerts, Name: "alerts"}, {ID: "C0000000001", Name: "old", Archived: true}, {ID: "C0000000002", Name: "closed", NotMember: true},
		},
		Now: func() time.Time { return now },
	}
}

func send(tb testing.TB, s *slacktest.Server, path, media, body string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// call calls a method with pairs of names and values, and returns the answer.
func call(tb testing.TB, s *slacktest.Server, method string, pairs ...string) map[string]any {
	tb.Helper()
	form := url.Values{"token": {token}, "channel": {alerts}, "text": {"breached"}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	w := send(tb, s, "/api/"+method, "application/x-www-form-urlencoded", form.Encode())
	var said map[string]any
	require.NoError(tb, json.Unmarshal(w.Body.Bytes(), &said), w.Body.String())
	return said
}

func TestAWebhookAnswersAsSlackDoes(t *testing.T) {
	for name, c := range map[string]struct {
		path, media, body string
		status            int
		says, refused     string
	}{
		"taken":            {hook, "application/json", `{"text":"breached"}`, 200, "ok", ""},
		"another path":     {"/services/T0/B0/y", "application/json", `{"text":"breached"}`, 404, "no_service", "no_service"},
		"no JSON":          {hook, "application/json", `{"text"`, 400, "invalid_payload", "unexpected EOF"},
		"two values":       {hook, "application/json", `{"text":"a"}{}`, 400, "invalid_payload", ""},
		"a form":           {hook, "application/x-www-form-urlencoded", `text=a`, 400, "invalid_payload", "must be JSON"},
		"an unknown field": {hook, "application/json", `{"text":"a","colour":"red"}`, 400, "invalid_payload", "colour"},
		"no UTF-8":         {hook, "application/json", "{\"text\":\"\xff\"}", 400, "invalid_payload", "UTF-8"},
		"no text":          {hook, "application/json", `{"blocks":[{"type":"divider"}]}`, 400, "no_text", "no text for notifications"},
		"wrong blocks":     {hook, "application/json", `{"text":"a","blocks":[{"type":"box"}]}`, 400, "invalid_blocks", "unsupported type: box [json-pointer:/blocks/0]"},
	} {
		s := slacktest.New(workspace())
		w := send(t, s, c.path, c.media, c.body)
		assert.Equal(t, c.status, w.Code, name)
		assert.Equal(t, c.says, w.Body.String(), name)
		assert.Contains(t, strings.Join(s.Refused(), "\n"), c.refused, name)
		assert.Len(t, s.Messages(), map[bool]int{true: 1}[c.status == 200], name)
	}
	s := slacktest.New(workspace())
	s.Archive(alerts)
	w := send(t, s, hook, "application/json", `{"text":"breached"}`)
	assert.Equal(t, http.StatusGone, w.Code)
	assert.Equal(t, "channel_is_archived", w.Body.String())
}

func TestAMessageIsPostedUpdatedAndRepliedTo(t *testing.T) {
	s := slacktest.New(workspace())
	said := call(t, s, "chat.postMessage", "channel", "#alerts", "blocks", `[{"type":"header","text":{"type":"plain_text","text":"A &amp; B"}}]`,
		"attachments", `[{"color":"#d00000","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"<!here> <https://x.com|x>"}}]}]`)
	require.Equal(t, true, said["ok"], said)
	ts := fmt.Sprint(said["ts"])
	assert.Equal(t, "1766831400.000001", ts)
	assert.Equal(t, alerts, said["channel"])
	m := s.Messages()[0]
	assert.Equal(t, "A &amp; B", m.Header())
	assert.Equal(t, "#d00000", m.Color())
	assert.Equal(t, []string{"<!here>"}, m.Mentions())
	assert.Equal(t, []string{"<https://x.com|x>"}, m.Links())
	assert.Equal(t, "A & B\n<!here> <https://x.com|x>", m.String())

	said = call(t, s, "chat.update", "ts", ts, "text", "over")
	require.Equal(t, true, said["ok"], said)
	said = call(t, s, "chat.postMessage", "thread_ts", ts, "reply_broadcast", "true")
	require.Equal(t, true, said["ok"], said)
	messages := s.Messages()
	assert.Equal(t, "over", messages[0].Text)
	assert.Equal(t, 1, messages[0].Updates)
	assert.Empty(t, messages[0].Color())
	assert.Equal(t, ts, messages[1].Thread)
	assert.True(t, messages[1].Broadcast)
	assert.Empty(t, s.Refused())
}

func TestTheAPITakesJSONAndATokenInTheHeader(t *testing.T) {
	s := slacktest.New(workspace())
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/chat.postMessage",
		strings.NewReader(`{"channel":"`+alerts+`","text":"a","unfurl_links":false,"blocks":[{"type":"divider"}]}`))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	assert.Contains(t, w.Body.String(), `"ok":true`)
}

func TestAPIRefusesByWord(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		pairs  []string
		word   string
	}{
		"another method":           {"chat.shout", nil, "unknown_method"},
		"no token":                 {"chat.postMessage", []string{"token", ""}, "not_authed"},
		"another token":            {"chat.postMessage", []string{"token", "xoxb-2"}, "invalid_auth"},
		"another channel":          {"chat.postMessage", []string{"channel", "#none"}, "channel_not_found"},
		"an archived channel":      {"chat.postMessage", []string{"channel", "old"}, "is_archived"},
		"a channel without us":     {"chat.postMessage", []string{"channel", "closed"}, "not_in_channel"},
		"an unknown argument":      {"chat.postMessage", []string{"colour", "red"}, "invalid_arg_name"},
		"full parsing":             {"chat.postMessage", []string{"parse", "full"}, "invalid_arguments"},
		"names as links":           {"chat.postMessage", []string{"link_names", "1"}, "invalid_arguments"},
		"no text":                  {"chat.postMessage", []string{"text", " "}, "no_text"},
		"a long text":              {"chat.postMessage", []string{"text", strings.Repeat("x", 40_001)}, "msg_too_long"},
		"a text with a <":          {"chat.postMessage", []string{"text", "a < b"}, "invalid_text"},
		"a thread that is none":    {"chat.postMessage", []string{"thread_ts", "1766831400.000009"}, "thread_not_found"},
		"a thread of words":        {"chat.postMessage", []string{"thread_ts", "first"}, "invalid_ts"},
		"a broadcast of nothing":   {"chat.postMessage", []string{"reply_broadcast", "true"}, "invalid_arguments"},
		"an update of nothing":     {"chat.update", []string{"ts", "1766831400.000009"}, "message_not_found"},
		"an update by name":        {"chat.update", []string{"channel", "alerts", "ts", "1"}, "channel_not_found"},
		"101 attachments":          {"chat.postMessage", []string{"attachments", "[" + strings.Repeat("{},", 100) + "{}]"}, "too_many_attachments"},
		"an attachment of nothing": {"chat.postMessage", []string{"attachments", "[{}]"}, "invalid_attachments"},
		"too much in all": {
			"chat.postMessage", []string{"blocks", sections(5, strings.Repeat("x", 2900))}, "msg_blocks_too_long",
		},
	} {
		s := slacktest.New(workspace())
		said := call(t, s, c.method, c.pairs...)
		assert.Equal(t, false, said["ok"], name)
		assert.Equal(t, c.word, said["error"], name)
		assert.Empty(t, s.Messages(), name)
		require.Len(t, s.Refused(), 1, name)
		assert.True(t, strings.HasPrefix(s.Refused()[0], c.word), name)
	}
}

func sections(n int, text string) string {
	one := `{"type":"section","text":{"type":"plain_text","text":"` + text + `"}}`
	return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]"
}

func TestBlocksAreHeldToTheirLimits(t *testing.T) {
	text := func(kind string, size int) string {
		return fmt.Sprintf(`{"type":%q,"text":%q}`, kind, strings.Repeat("x", size))
	}
	many := func(n int, one string) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	field := text("mrkdwn", 10)
	button := `{"type":"button","text":` + text("plain_text", 75) + `,"url":"https://x.com","action_id":"a","style":"primary","value":"v"}`
	for good, bad := range map[string]string{
		`[{"type":"header","text":` + text("plain_text", 150) + `}]`:                                            `[{"type":"header","text":` + text("plain_text", 151) + `}]`,
		`[{"type":"header","text":` + text("plain_text", 1) + `}]`:                                              `[{"type":"header","text":` + text("mrkdwn", 1) + `}]`,
		`[{"type":"header","text":{"type":"plain_text","text":"x","emoji":true}}]`:                              `[{"type":"header","text":{"type":"plain_text","text":"x","emoji":"yes"}}]`,
		`[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("😀", 75) + `"}}]`:             `[{"type":"header","text":{"type":"plain_text","text":"` + strings.Repeat("😀", 76) + `"}}]`,
		`[{"type":"header","text":{"type":"plain_text","text":"x"}}]`:                                           `[{"type":"header"}]`,
		`[{"type":"section","text":` + text("mrkdwn", 3000) + `}]`:                                              `[{"type":"section","text":` + text("mrkdwn", 3001) + `}]`,
		`[{"type":"section","text":{"type":"mrkdwn","text":"x","verbatim":true}}]`:                              `[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`,
		`[{"type":"section","fields":` + many(10, field) + `}]`:                                                 `[{"type":"section","fields":` + many(11, field) + `}]`,
		`[{"type":"section","fields":[` + text("mrkdwn", 2000) + `]}]`:                                          `[{"type":"section","fields":[` + text("mrkdwn", 2001) + `]}]`,
		`[{"type":"section","fields":[` + field + `]}]`:                                                         `[{"type":"section","fields":[]}]`,
		`[{"type":"section","text":` + field + `,"block_id":"` + strings.Repeat("x", 255) + `"}]`:               `[{"type":"section","text":` + field + `,"block_id":"` + strings.Repeat("x", 256) + `"}]`,
		`[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}]`:                                 `[{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}]`,
		`[{"type":"section","text":` + text("plain_text", 1) + `}]`:                                             `[{"type":"section"}]`,
		`[{"type":"context","elements":` + many(10, field) + `}]`:                                               `[{"type":"context","elements":` + many(11, field) + `}]`,
		`[{"type":"context","elements":[{"type":"image","alt_text":"a","image_url":"https://x.com/a"}]}]`:       `[{"type":"context","elements":[{"type":"image","image_url":"https://x.com/a"}]}]`,
		`[{"type":"image","alt_text":"a","image_url":"https://x.com/a","title":` + text("plain_text", 9) + `}]`: `[{"type":"image","alt_text":"a","image_url":"data:x"}]`,
		`[{"type":"actions","elements":` + many(25, button) + `}]`:                                              `[{"type":"actions","elements":` + many(26, button) + `}]`,
		`[{"type":"actions","elements":[` + button + `]}]`:                                                      `[{"type":"actions","elements":[` + strings.Replace(button, "primary", "big", 1) + `]}]`,
		`[{"type":"actions","elements":[{"type":"button","text":` + text("plain_text", 75) + `}]}]`:             `[{"type":"actions","elements":[{"type":"button","text":` + text("plain_text", 76) + `}]}]`,
		many(50, `{"type":"divider"}`):                                                                          many(51, `{"type":"divider"}`),
		`[{"type":"divider"}]`:                                                                                  `[{"type":"divider","text":"x"}]`,
		sections(1, "a &amp; b &lt;c&gt;"):                                                                      sections(1, "a & b"),
		sections(1, "a\\nb"):                                                                                    sections(1, "a\\u0007b"),
		sections(1, "(!channel)"):                                                                               sections(1, "<!channel>"), // in plain text
		sections(1, "."):                                                                                        sections(1, " "),
		mrkdwn("<!channel> <@U0123456>"):                                                                        mrkdwn("<!channels>"),
		mrkdwn("<!subteam^S0123456>"):                                                                           mrkdwn("<!subteam^0123456>"),
		mrkdwn("<https://x.com/?a=1&amp;b=2|x>"):                                                                mrkdwn("<https://x.com|a|b>"),
		mrkdwn("&gt; quoted"):                                                                                   mrkdwn("> quoted"),
		mrkdwn("1 &lt; 2"):                                                                                      mrkdwn("1 < 2"),
		mrkdwn("<#C0123456789>"):                                                                                mrkdwn("<javascript:alert(1)|x>"),
	} {
		for _, place := range []string{"blocks", "attachments"} {
			wrap := func(blocks string) string {
				if place == "attachments" {
					return `[{"color":"good","blocks":` + blocks + `}]`
				}
				return blocks
			}
			s := slacktest.New(workspace())
			said := call(t, s, "chat.postMessage", place, wrap(good))
			assert.Equal(t, true, said["ok"], "%s: %v", good, said)
			said = call(t, s, "chat.postMessage", place, wrap(bad))
			assert.Equal(t, "invalid_"+place, said["error"], "%.200s", bad)
		}
	}
}

func mrkdwn(text string) string {
	return `[{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}]`
}

func TestAttachmentsAreHeldToTheirLimits(t *testing.T) {
	blocks := `"blocks":[{"type":"divider"}]`
	for _, bad := range []string{
		`[{` + blocks + `,"color":"red"}]`, `[{` + blocks + `,"title":"x"}]`, `[{` + blocks + `,"fallback":"a < b"}]`, `{}`,
		`[` + strings.TrimSuffix(strings.Repeat(`{`+blocks+`},`, 51), ",") + `]`,
	} {
		s := slacktest.New(workspace())
		assert.Equal(t, false, call(t, s, "chat.postMessage", "attachments", bad)["ok"], bad)
	}
}

func TestReplyToReplyIsRefused(t *testing.T) {
	s := slacktest.New(workspace())
	root := fmt.Sprint(call(t, s, "chat.postMessage")["ts"])
	reply := fmt.Sprint(call(t, s, "chat.postMessage", "thread_ts", root)["ts"])
	assert.Equal(t, "cannot_reply_to_message", call(t, s, "chat.postMessage", "thread_ts", reply)["error"])
	s.Delete(alerts, root)
	assert.Equal(t, "message_not_found", call(t, s, "chat.update", "ts", root)["error"])
	said := call(t, s, "chat.postMessage", "thread_ts", root)
	assert.Equal(t, true, said["ok"], "what replies to a deleted message is posted in the channel")
	assert.Empty(t, s.Messages()[2].Thread)
	assert.True(t, s.Messages()[0].Deleted)
}

func TestAMessageByWebhookCannotBeUpdated(t *testing.T) {
	s := slacktest.New(workspace())
	_ = send(t, s, hook, "application/json", `{"text":"breached"}`)
	assert.Equal(t, "cant_update_message", call(t, s, "chat.update", "ts", s.Messages()[0].TS)["error"])
}

func TestLimitedChannelTakesOneMessageASecond(t *testing.T) {
	w := workspace()
	at := now
	w.Limited, w.Now = true, func() time.Time { return at }
	s := slacktest.New(w)
	assert.Equal(t, http.StatusOK, send(t, s, hook, "application/json", `{"text":"a"}`).Code)
	at = at.Add(999 * time.Millisecond)
	limited := send(t, s, hook, "application/json", `{"text":"a"}`)
	assert.Equal(t, http.StatusTooManyRequests, limited.Code)
	assert.Equal(t, "1", limited.Header().Get("Retry-After"))
	assert.Equal(t, "ratelimited", call(t, s, "chat.postMessage")["error"])
	at = at.Add(time.Millisecond)
	assert.Equal(t, true, call(t, s, "chat.postMessage")["ok"])
}

func TestTroubleIsWhatItWasToldToBe(t *testing.T) {
	s := slacktest.New(workspace())
	s.SetTrouble(standin.Trouble{Status: http.StatusTooManyRequests, RetryAfter: "7"})
	w := send(t, s, hook, "application/json", `{"text":"a"}`)
	assert.Equal(t, http.StatusTooManyRequests, w.Code)
	assert.Equal(t, "7", w.Header().Get("Retry-After"))
	assert.Equal(t, "ratelimited", call(t, s, "chat.postMessage")["error"])
	for word, status := range map[string]int{
		"action_prohibited": 403, "no_service": 404, "channel_is_archived": 410, "rollup_error": 500, "invalid_payload": 400,
	} {
		s.SetTrouble(standin.Trouble{Words: word})
		w := send(t, s, hook, "application/json", `{"text":"a"}`)
		assert.Equal(t, status, w.Code, word)
		assert.Equal(t, word, w.Body.String())
		assert.Equal(t, word, call(t, s, "chat.postMessage")["error"])
	}
	s.SetTrouble(standin.Trouble{Status: http.StatusBadGateway})
	assert.Equal(t, http.StatusBadGateway, send(t, s, "/api/chat.postMessage", "", "").Code)
	s.SetDown(true)
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { send(t, s, hook, "application/json", `{"text":"a"}`) })
	s.SetTrouble(standin.Trouble{Only: "chat.update", Words: "internal_error"})
	assert.Equal(t, "internal_error", call(t, s, "chat.update")["error"])
	assert.Empty(t, s.Messages())
	assert.Equal(t, true, call(t, s, "chat.postMessage")["ok"])
	s.SetTrouble(standin.Trouble{Lost: true})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { send(t, s, hook, "application/json", `{"text":"a"}`) })
	assert.Len(t, s.Messages(), 2, "what is lost is the answer")
}

func TestClientThatLeavesHasSentNothing(t *testing.T) {
	s := slacktest.New(workspace())
	s.SetTrouble(standin.Trouble{Delay: time.Hour})
	ctx, leave := context.WithCancel(t.Context())
	leave()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, hook, strings.NewReader(`{"text":"a"}`))
	r.Header.Set("Content-Type", "application/json")
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { s.ServeHTTP(httptest.NewRecorder(), r) })
	assert.Empty(t, s.Messages())
}
