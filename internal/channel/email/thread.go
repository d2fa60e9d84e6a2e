package email

import (
	"net/mail"
	"strings"

	"alertd/internal/channel"
)

const (
	// maxSubject is how many characters of a subject mail programs may be asked to show.
	maxSubject = 200
	// noDomain ends the Message-IDs of a sender whose domain ASCII cannot write; RFC
	// 2606 keeps it for names that are none.
	noDomain = "alertd.invalid"
)

// thread is what the messages about an incident have in common.
type thread struct {
	// first is the Message-ID of the first message that was delivered, in angle
	// brackets.
	first string
	// subject is its subject without the label.
	subject string
}

// String returns the [channel.Result.Thread].
func (t thread) String() string { return t.first + " " + t.subject }

// threadOf returns the thread that a message belongs to: its own, if it is the first.
func (c *Channel) threadOf(n channel.Notification) thread {
	first, subject, ok := strings.Cut(channel.OneLine(n.Thread), " ")
	if ok && strings.HasPrefix(first, "<") && strings.HasSuffix(first, ">") && subject != "" {
		return thread{first, subject}
	}
	_, subject, _ = strings.Cut(n.Subject(maxSubject), "] ")
	return thread{c.messageID(n.Key), subject}
}

// messageID returns a Message-ID in angle brackets; name is a UUID.
func (c *Channel) messageID(name string) string { return "<" + name + "@" + c.domain + ">" }

func domainOf(sender *mail.Address) string {
	domain := sender.Address[strings.LastIndex(sender.Address, "@")+1:]
	if beyondASCII(domain) {
		return noDomain
	}
	return domain
}
