// Package slacktest stands in for Slack: an [http.Handler] that takes messages by an
// incoming webhook and by chat.postMessage and chat.update, answers as Slack does, and
// keeps the messages.
//
// It holds each message to what Slack documents: which blocks there are, their
// required fields and limits, channels, threads and tokens. Where the documentation
// leaves room it is strict: it refuses what it does not know, control characters that
// are not escaped, and messages without a text for notifications. Lengths are counted
// in UTF-16 code units, the larger of the two things that "characters" may mean.
// Beside the documented limits it refuses messages whose blocks hold more than 13,000
// characters together, as Slack does.
//
// It can be told to be in trouble: to be down, slow, out of patience, or to refuse.
package slacktest
