package email

import (
	"net/mail"
	"strings"

	"alertd/internal/channel"
)

const (
	// maxSubject is how many characters a subject has at most.
	maxSubject = 200
	// noDomain is the domain of Message-IDs of a sender whose own is not ASCII. RFC 2606
	// reserves invalid for such names.
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

// threadOf returns the thread of a message; the first message begins one.
func (c *Channel) threadOf(n channel.Notification) thread {
	first, subject, ok := strings.Cut(channel.OneLine(n.Thread), " ")
	if ok && n.Notice.Digest == nil && strings.HasPrefix(first, "<") && strings.HasSuffix(first, ">") && subject != "" {
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
