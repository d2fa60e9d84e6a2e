package slacktest

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// arguments are the names of a method's arguments.
var arguments = map[string][]string{
	"chat.postMessage": {
		"token", "channel", "text", "blocks", "attachments", "thread_ts", "reply_broadcast", "unfurl_links", "unfurl_media", "mrkdwn", "parse", "link_names",
	},
	"chat.update": {"token", "channel", "ts", "text", "blocks", "attachments", "parse", "link_names", "reply_broadcast"},
}

// no is a refusal: Slack's word and its details.
type no struct {
	word    string
	details []string
}

// call answers a call of the Web API.
func (s *Server) call(method string, r *http.Request, body []byte) answer {
	known, ok := arguments[method]
	if !ok {
		return s.refuse(no{word: "unknown_method"})
	}
	args, refused := readArguments(r, body)
	switch {
	case refused.word != "":
		return s.refuse(refused)
	case s.workspace.Token == "" || args["token"] != s.workspace.Token:
		if args["token"] == "" {
			return s.refuse(no{word: "not_authed"})
		}
		return s.refuse(no{word: "invalid_auth"})
	}
	for name := range args {
		if !slices.Contains(known, name) {
			return s.refuse(no{"invalid_arg_name", []string{"[ERROR] no such argument: " + name}})
		}
	}
	if args["parse"] != "" && args["parse"] != "none" || isTrue(args["link_names"]) {
		return s.refuse(no{"invalid_arguments", []string{"[ERROR] Slack would look for links and names in texts from outside"}})
	}
	if refused := checkMessage(args["text"], json.RawMessage(args["blocks"]), json.RawMessage(args["attachments"])); refused.word != "" {
		return s.refuse(refused)
	}
	if method == "chat.update" {
		return s.update(args)
	}
	return s.post(args)
}

// refuse records a refusal and returns its answer.
func (s *Server) refuse(n no) answer {
	s.mu.Lock()
	s.refused = append(s.refused, strings.Join(append([]string{n.word}, n.details...), " "))
	s.mu.Unlock()
	said := map[string]any{"ok": false, "error": n.word}
	if len(n.details) > 0 {
		said["response_metadata"] = map[string]any{"messages": n.details}
	}
	return inJSON(http.StatusOK, said)
}

// readArguments reads a form or JSON. It returns the values of both as a form has them.
func readArguments(r *http.Request, body []byte) (map[string]string, no) {
	args := map[string]string{}
	media, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := strings.ToLower(params["charset"])
	switch {
	case r.Method != http.MethodPost:
		return nil, no{word: "invalid_post_type"}
	case len(body) > mostBody:
		return nil, no{word: "request_too_large"}
	case charset != "" && charset != "utf-8", !utf8.Valid(body):
		return nil, no{word: "invalid_charset"}
	case media == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, no{"invalid_form_data", []string{"[ERROR] " + err.Error()}}
		}
		for name, values := range form {
			if len(values) != 1 || !utf8.ValidString(values[0]) {
				return nil, no{"invalid_form_data", []string{"[ERROR] " + name}}
			}
			args[name] = values[0]
		}
	case media == "application/json":
		var values map[string]json.RawMessage
		if json.Unmarshal(body, &values) != nil {
			return nil, no{word: "invalid_json"}
		}
		for name, value := range values {
			var text string
			if json.Unmarshal(value, &text) != nil {
				text = string(value)
			}
			args[name] = text
		}
	default:
		return nil, no{word: "invalid_post_type"}
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		args["token"] = token
	}
	return args, no{}
}

func isTrue(value string) bool { return value == "true" || value == "1" }

// checkMessage holds a message to the limits.
func checkMessage(text string, blocks, attachments json.RawMessage) no {
	switch {
	case strings.TrimSpace(text) == "":
		return no{"no_text", []string{"[ERROR] there is no text for notifications"}}
	case length(text) > mostText:
		return no{word: "msg_too_long"}
	}
	if problems := checkMarks(text, true); len(problems) > 0 {
		return no{"invalid_text", problems}
	}
	c := checker{ids: map[string]bool{}}
	if len(blocks) > 0 {
		c.blocks("/blocks", blocks)
	}
	if len(c.problems) > 0 {
		return no{"invalid_blocks", c.problems}
	}
	if len(attachments) > 0 {
		var array []json.RawMessage
		if json.Unmarshal(attachments, &array) == nil && len(array) > mostAttachments {
			return no{word: "too_many_attachments"}
		}
		c.attachments("/attachments", attachments)
	}
	switch {
	case len(c.problems) > 0:
		return no{"invalid_attachments", c.problems}
	case c.count > mostBlocks:
		return no{"invalid_blocks", []string{"[ERROR] no more than 50 items allowed"}}
	case c.total > mostTotal:
		return no{word: "msg_blocks_too_long"}
	}
	return no{}
}

var isTS = regexp.MustCompile(`^\d{10}\.\d{6}$`)

// channel finds a channel by its id, or by its name if that is allowed.
func (s *Server) channel(text string, byName bool) (Channel, bool) {
	for _, ch := range s.workspace.Channels {
		if ch.ID == text || byName && ch.Name == strings.TrimPrefix(text, "#") {
			return ch, true
		}
	}
	return Channel{}, false
}

// post answers chat.postMessage.
func (s *Server) post(args map[string]string) answer {
	ch, ok := s.channel(args["channel"], true)
	thread, broadcast := args["thread_ts"], isTrue(args["reply_broadcast"])
	s.mu.Lock()
	archived := ch.Archived || s.archived[ch.ID]
	root := s.find(ch.ID, thread)
	once := slices.ContainsFunc(s.messages, func(m *Message) bool { return m.Channel == ch.ID && m.TS == thread })
	s.mu.Unlock()
	switch {
	case !ok:
		return s.refuse(no{word: "channel_not_found"})
	case archived:
		return s.refuse(no{word: "is_archived"})
	case ch.NotMember:
		return s.refuse(no{word: "not_in_channel"})
	case thread == "" && broadcast:
		return s.refuse(no{"invalid_arguments", []string{"[ERROR] reply_broadcast without thread_ts"}})
	case thread != "" && !isTS.MatchString(thread):
		return s.refuse(no{word: "invalid_ts"})
	case thread != "" && !once:
		return s.refuse(no{word: "thread_not_found"})
	case root != nil && root.Thread != "":
		return s.refuse(no{"cannot_reply_to_message", []string{"[ERROR] it is a reply itself"}})
	}
	if root == nil {
		thread, broadcast = "", false // Slack posts what replies to a deleted message in the channel
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.limit(ch.ID); wait > 0 {
		a := inJSON(http.StatusTooManyRequests, map[string]any{"ok": false, "error": "ratelimited"})
		a.retryAfter = seconds(wait)
		return a
	}
	m := s.add(Message{
		Channel: ch.ID, Thread: thread, Broadcast: broadcast, Text: args["text"], Blocks: array(args["blocks"]), Attachments: array(args["attachments"]),
	})
	return inJSON(http.StatusOK, took{OK: true, Channel: m.Channel, TS: m.TS, Message: shown(m)})
}

// update answers chat.update.
func (s *Server) update(args map[string]string) answer {
	ch, ok := s.channel(args["channel"], false)
	if !ok {
		return s.refuse(no{word: "channel_not_found"})
	}
	s.mu.Lock()
	m := s.find(ch.ID, args["ts"])
	if m != nil && !m.Webhook {
		defer s.mu.Unlock()
		m.Text, m.Blocks, m.Attachments = args["text"], array(args["blocks"]), array(args["attachments"])
		m.Updates++
		return inJSON(http.StatusOK, took{OK: true, Channel: m.Channel, TS: m.TS, Text: m.Text, Message: shown(m)})
	}
	s.mu.Unlock()
	if m == nil {
		return s.refuse(no{word: "message_not_found"})
	}
	return s.refuse(no{word: "cant_update_message"})
}

// array is a JSON array without its white space; nil: there is none.
func array(text string) json.RawMessage {
	var compact bytes.Buffer
	if text == "" || json.Compact(&compact, []byte(text)) != nil {
		return nil
	}
	return compact.Bytes()
}

// took is the answer to a message that was taken.
type took struct {
	OK      bool   `json:"ok"`
	Channel string `json:"channel"`
	TS      string `json:"ts"`
	Text    string `json:"text,omitempty"`
	Message echo   `json:"message"`
}

// echo is a message as an answer repeats it.
type echo struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	Thread      string          `json:"thread_ts,omitempty"`
	BotID       string          `json:"bot_id"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
}

func shown(m *Message) echo {
	return echo{
		Type: "message", Subtype: "bot_message", Text: m.Text, TS: m.TS, Thread: m.Thread, BotID: "B00000000",
		Blocks: ascii(m.Blocks), Attachments: ascii(m.Attachments),
	}
}
