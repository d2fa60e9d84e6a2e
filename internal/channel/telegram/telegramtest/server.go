package telegramtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"alertd/internal/channel/standin"
)

// Bot is the bot and the chats that it may write to.
type Bot struct {
	Token string
	Chats []Chat
	// Limited lets only one message a second into each chat, as Telegram does.
	Limited bool
	// Now is the time; nil: [time.Now].
	Now func() time.Time
}

// Chat is one chat.
type Chat struct {
	ID int64
	// Name is that of a public chat, without the @.
	Name string
	// Blocked: the bot was blocked, or kicked from the group.
	Blocked bool
	// MovedTo is the id of the supergroup that the group has become; 0: none.
	MovedTo int64
}

// Message is one message as Telegram keeps it.
type Message struct {
	Chat, ID int64
	// Text is what is read, HTML what was sent.
	Text, HTML string
	// Entities are those of the HTML, and those that Telegram finds in the rest.
	Entities []Entity
	// ReplyTo is the message that it replies to; 0: none.
	ReplyTo int64
	// Silent came without a sound. Preview shows what a link leads to.
	Silent  bool
	Preview bool
}

// Server is the API. Safe for concurrent use.
type Server struct {
	standin.Service
	bot Bot

	mu       sync.Mutex
	messages []Message
	refused  []string
	last     map[int64]time.Time // of the last message, by chat
}

// New returns a server for one bot.
func New(b Bot) *Server {
	if b.Now == nil {
		b.Now = time.Now
	}
	return &Server{bot: b, last: map[int64]time.Time{}}
}

// Messages returns all messages in the order in which they came. They are a copy.
func (s *Server) Messages() []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Refused returns why messages were refused.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Delete deletes a message, as somebody in the chat may do.
func (s *Server) Delete(chat, id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = slices.DeleteFunc(s.messages, func(m Message) bool { return m.Chat == chat && m.ID == id })
}

// mostBody is how much of a request is read.
const mostBody = 1 << 20

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Serve(w, r, "", mostBody, func(trouble standin.Trouble, body []byte) func(http.ResponseWriter) {
		if trouble.Status != 0 {
			return inTrouble(trouble).write
		}
		a := s.take(r, body)
		if !a.OK {
			s.mu.Lock()
			s.refused = append(s.refused, a.Description)
			s.mu.Unlock()
		}
		return a.write
	})
}

// answer is the body of an answer.
type answer struct {
	OK          bool        `json:"ok"`
	Code        int         `json:"error_code,omitempty"`
	Description string      `json:"description,omitempty"`
	Parameters  *parameters `json:"parameters,omitempty"`
	Result      *result     `json:"result,omitempty"`
}

type parameters struct {
	MovedTo    int64 `json:"migrate_to_chat_id,omitempty"`
	RetryAfter int   `json:"retry_after,omitempty"`
}

type result struct {
	ID   int64 `json:"message_id"`
	Date int64 `json:"date"`
	Chat struct {
		ID int64 `json:"id"`
	} `json:"chat"`
	Text string `json:"text"`
}

func no(status int, format string, values ...any) answer {
	return answer{Code: status, Description: fmt.Sprintf(format, values...), Parameters: &parameters{}}
}

func bad(format string, values ...any) answer {
	return no(http.StatusBadRequest, "Bad Request: "+format, values...)
}

// inTrouble is the answer of a service in trouble.
func inTrouble(t standin.Trouble) answer {
	words := t.Words
	switch {
	case words != "":
	case t.Status == http.StatusTooManyRequests:
		words = "Too Many Requests: retry after " + t.RetryAfter
	default:
		words = http.StatusText(t.Status)
	}
	a := no(t.Status, "%s", words)
	a.Parameters.RetryAfter, _ = strconv.Atoi(t.RetryAfter) // 0 if there is none
	return a
}

func (a answer) write(w http.ResponseWriter) {
	if a.Parameters != nil && *a.Parameters == (parameters{}) {
		a.Parameters = nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(http.ErrAbortHandler) // it has nothing that JSON has not
	}
	w.Header().Set("Content-Type", "application/json")
	if a.Parameters != nil && a.Parameters.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(a.Parameters.RetryAfter))
	}
	if !a.OK {
		w.WriteHeader(a.Code)
	}
	_, _ = w.Write(body) // the client may have left
}

// request has the fields of sendMessage that alertd may use.
type request struct {
	ChatID    json.RawMessage `json:"chat_id"`
	Text      string          `json:"text"`
	ParseMode string          `json:"parse_mode"`
	Preview   struct {
		Disabled bool `json:"is_disabled"`
	} `json:"link_preview_options"`
	Silent  bool `json:"disable_notification"`
	Protect bool `json:"protect_content"`
	Reply   *struct {
		MessageID int64 `json:"message_id"`
		OrWithout bool  `json:"allow_sending_without_reply"`
	} `json:"reply_parameters"`
}

// chat finds a chat by its number, or by its @name.
func (s *Server) chat(raw json.RawMessage) (Chat, bool) {
	var name string
	if json.Unmarshal(raw, &name) != nil {
		name = string(raw)
	}
	for _, c := range s.bot.Chats {
		if strconv.FormatInt(c.ID, 10) == name || c.Name != "" && strings.EqualFold("@"+c.Name, name) {
			return c, true
		}
	}
	return Chat{}, false
}

// take looks at a message and keeps it.
func (s *Server) take(r *http.Request, body []byte) answer {
	token, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/bot"), "/")
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var asked request
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	switch {
	case !strings.HasPrefix(r.URL.Path, "/bot") || !strings.Contains(token, ":"):
		return no(http.StatusNotFound, "Not Found")
	case token != s.bot.Token:
		return no(http.StatusUnauthorized, "Unauthorized")
	case method != "sendMessage":
		return no(http.StatusNotFound, "Not Found: method not found")
	case r.Method != http.MethodPost || media != "application/json" || len(body) > mostBody:
		return bad("the request must be POST with JSON")
	case !utf8.Valid(body):
		return bad("strings must be encoded in UTF-8")
	}
	if err := decoder.Decode(&asked); err != nil || decoder.More() {
		return bad("can't parse JSON: %v", err)
	}
	to, ok := s.chat(asked.ChatID)
	switch {
	case len(asked.ChatID) == 0:
		return bad("chat_id is empty")
	case !ok:
		return bad("chat not found")
	case to.Blocked:
		return no(http.StatusForbidden, "Forbidden: bot was kicked from the group chat")
	case to.MovedTo != 0:
		a := bad("group chat was upgraded to a supergroup chat")
		a.Parameters.MovedTo = to.MovedTo
		return a
	}
	m := Message{Chat: to.ID, HTML: asked.Text, Text: asked.Text, Silent: asked.Silent, Preview: !asked.Preview.Disabled}
	switch asked.ParseMode {
	case "HTML":
		var err error
		if m.Text, m.Entities, err = read(asked.Text); err != nil {
			return bad("can't parse entities: %s", err.Error())
		}
	case "":
	default:
		return bad("unsupported parse_mode")
	}
	switch {
	case strings.TrimSpace(m.Text) == "":
		return bad("message text is empty")
	case length(m.Text) > mostText:
		return bad("message is too long")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked.Reply != nil {
		there := slices.ContainsFunc(s.messages, func(m Message) bool { return m.Chat == to.ID && m.ID == asked.Reply.MessageID })
		switch {
		case there:
			m.ReplyTo = asked.Reply.MessageID
		case !asked.Reply.OrWithout:
			return bad("message to be replied not found")
		}
	}
	return s.add(m)
}

// add keeps a message and answers it. The caller holds the lock.
func (s *Server) add(m Message) answer {
	now := s.bot.Now()
	if last, ok := s.last[m.Chat]; s.bot.Limited && ok && now.Sub(last) < time.Second {
		a := no(http.StatusTooManyRequests, "Too Many Requests: retry after 1")
		a.Parameters.RetryAfter = 1
		return a
	}
	s.last[m.Chat] = now
	m.ID = 1
	if n := len(s.messages); n > 0 {
		m.ID = s.messages[n-1].ID + 1
	}
	s.messages = append(s.messages, m)
	sent := &result{ID: m.ID, Date: now.Unix(), Text: m.Text}
	sent.Chat.ID = m.Chat
	return answer{OK: true, Result: sent}
}
