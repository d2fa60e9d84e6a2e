// Package channeltest holds every kind of channel to the same rules, whatever it
// talks: [Run] runs a channel against servers and networks that fail in every way
// that a real one does. [Notification] has realistic messages for tests of a kind.
//
// Only tests import it.
package channeltest
