// Package slack tells a channel of Slack of incidents, in one of two ways.
//
// By an incoming webhook each message stands alone in the channel.
//
// By a bot token (chat:write) an incident is a thread. The first message about it is
// posted in the channel and shows how the incident is: later ones bring it up to date
// by chat.update, blue once it is acknowledged, green once it is resolved, and are
// then posted as replies. That the severity has risen is also shown in the channel.
// The update goes first, since it may be done twice; if it is refused for good, the
// reply is still posted. If the first message is gone, what follows is posted in the
// channel anew.
//
// Whoever is to be mentioned is so when an incident of severity critical is opened or
// becomes critical, and at no other time. No text from outside can mention anybody,
// or be a link: Slack's control characters are escaped wherever they come from
// outside, Slack is told to look for no links or names in them, and messages and notes
// are plain text, in which it looks for no formatting either.
//
// Slack has no key by which it would know a message that is sent again. The id of the
// delivery is the block_id of the last block, which people do not see: delivery-<id>.
//
// There is a link to alertd and no button, as Slack marks a button whose app has no
// address for interactions as broken.
package slack
