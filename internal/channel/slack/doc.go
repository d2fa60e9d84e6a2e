// Package slack posts messages in a channel of Slack, in one of two ways.
//
// By an incoming webhook each message stands alone in the channel.
//
// By a bot token (chat:write) an incident is a thread. The first message is posted in the
// channel and always shows the present state: each later message first updates it by
// chat.update, to blue when acknowledged and green when resolved, and is then posted as a
// reply. A reply about a risen severity also appears in the channel. The update goes
// first because repeating it does no harm; if Slack refuses it for good, the reply is
// still posted. If the first message was deleted, the next message is posted in the
// channel and begins a new thread.
//
// A message mentions people only when an incident is opened as critical or becomes
// critical. Text from outside cannot mention anybody or be a link: Slack's control
// characters are escaped in it, and Slack is told to look for no links or names.
// Messages and notes are plain text, in which Slack looks for no formatting either.
//
// Slack does not recognise a message that is sent again. The block_id of the last block,
// which people do not see, is delivery-<id of the delivery>.
//
// A message has a link to alertd and no button: Slack marks the button of an app without
// an address for interactions as broken.
package slack
