// Package telegram tells a chat of Telegram of incidents, by the Bot API's
// sendMessage.
//
// Later messages about an incident reply to the first one, if that is still there.
// That one was opened or has become worse rings; that it has grown, was acknowledged
// or resolved comes without a sound.
//
// Messages are HTML. What comes from outside is escaped, and where Telegram might find
// a mention, a command, a hashtag or a link in it, it stands as code, in which Telegram
// looks for none. A text is cut before it becomes HTML, so that no cut splits a tag or
// an entity.
//
// A group that becomes a supergroup gets another id. Telegram says so to whoever uses
// the old one; the message is then sent to the new one, in the same Send, and says that
// chat_id should be changed.
//
// Telegram has no key by which it would know a message that is sent again.
package telegram
