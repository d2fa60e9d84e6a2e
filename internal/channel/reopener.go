package channel

// Reopener is a [Channel] that holds something open which may have been replaced
// from outside: a file that logrotate has moved away.
type Reopener interface {
	// Reopen lets go of it, so that what follows uses what is there now. It may be
	// called while messages are sent.
	Reopen() error
}
