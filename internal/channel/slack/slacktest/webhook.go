package slacktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// payload is the body of a message to a webhook.
type payload struct {
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks"`
	Attachments json.RawMessage `json:"attachments"`
	UnfurlLinks bool            `json:"unfurl_links"`
	UnfurlMedia bool            `json:"unfurl_media"`
	Mrkdwn      bool            `json:"mrkdwn"`
	// These are for the response_url of interactions; libraries send them along.
	ReplaceOriginal bool `json:"replace_original"`
	DeleteOriginal  bool `json:"delete_original"`
}

// webhook answers an incoming webhook.
func (s *Server) webhook(r *http.Request, body []byte) answer {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	ch, ok := s.channel(s.workspace.WebhookChannel, false)
	s.mu.Lock()
	archived := ch.Archived || s.archived[ch.ID]
	s.mu.Unlock()
	var p payload
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	switch {
	case s.workspace.WebhookPath == "" || r.URL.Path != s.workspace.WebhookPath:
		return s.say(no{word: "no_service"})
	case r.Method != http.MethodPost:
		return answer{status: http.StatusMethodNotAllowed, media: "text/html", body: "invalid_method"}
	case media != "application/json" || len(body) > mostBody || !utf8.Valid(body):
		return s.say(no{"invalid_payload", []string{"it must be JSON of at most 1 MiB in UTF-8"}})
	}
	if err := decoder.Decode(&p); err != nil || decoder.More() {
		return s.say(no{"invalid_payload", []string{fmt.Sprint(err)}})
	}
	if refused := checkMessage(p.Text, p.Blocks, p.Attachments); refused.word != "" {
		return s.say(refused)
	}
	switch {
	case !ok:
		return s.say(no{word: "channel_not_found"})
	case archived:
		return s.say(no{word: "channel_is_archived"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.limit(ch.ID); wait > 0 {
		return answer{status: http.StatusTooManyRequests, retryAfter: seconds(wait), media: "text/html", body: "rate_limited"}
	}
	s.add(Message{Channel: ch.ID, Webhook: true, Text: p.Text, Blocks: array(string(p.Blocks)), Attachments: array(string(p.Attachments))})
	return answer{status: http.StatusOK, media: "text/html", body: "ok"}
}

// say records a refusal and returns its answer, which for webhooks is a word without
// details.
func (s *Server) say(n no) answer {
	s.mu.Lock()
	s.refused = append(s.refused, strings.Join(append([]string{n.word}, n.details...), " "))
	s.mu.Unlock()
	return answer{status: webhookStatus(n.word), media: "text/html", body: n.word}
}

// webhookStatus is the status that goes with a word.
func webhookStatus(word string) int {
	switch word {
	case "action_prohibited", "posting_to_general_channel_denied", "invalid_token", "team_disabled":
		return http.StatusForbidden
	case "channel_not_found", "no_service", "no_service_id", "no_team", "no_active_hooks":
		return http.StatusNotFound
	case "channel_is_archived":
		return http.StatusGone
	case "rollup_error":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// ascii escapes all that is not ASCII, as Slack does in its answers.
func ascii(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	var out bytes.Buffer
	for _, r := range string(raw) {
		if r < utf8.RuneSelf {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.Bytes()
}
