// Package telegram sends messages to a chat of Telegram, by the Bot API's sendMessage.
//
// Later messages about an incident reply to the first one, if it still exists. Opened and
// severity raised make a sound; updated, acknowledged and resolved are silent.
//
// Messages are HTML. Text from outside is escaped. Where Telegram might find a mention, a
// command, a hashtag or a link in it, it is marked as code, in which Telegram looks for
// none. A text is cut before it becomes HTML, so that no cut splits a tag or an entity.
//
// A group that becomes a supergroup gets another id, which Telegram names in its refusal.
// The message is then sent to the new id in the same Send, and says that chat_id should
// be changed.
//
// Telegram does not recognise a message that is sent again.
package telegram
