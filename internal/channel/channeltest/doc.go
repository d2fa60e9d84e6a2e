// Package channeltest holds every kind of channel to the same rules: [Run] runs a channel
// against servers and networks that fail in every way that real ones do. [Notification]
// returns realistic messages for tests of a kind.
//
// Only tests import it.
package channeltest
