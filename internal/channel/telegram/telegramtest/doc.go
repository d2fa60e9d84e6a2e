// Package telegramtest stands in for Telegram's Bot API: an [http.Handler] that takes
// sendMessage, reads the HTML of its text as Telegram does, answers as Telegram does,
// and keeps the messages.
//
// It is stricter than Telegram: it refuses unknown fields, HTML that is not escaped, and
// more tags than Telegram reads. Lengths are counted in UTF-16 code units after the HTML
// was read.
//
// It can be told to be in trouble: to be down, slow, out of patience, or to refuse.
package telegramtest
