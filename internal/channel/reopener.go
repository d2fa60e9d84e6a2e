package channel

// Reopener is a [Channel] that keeps a file open which others, such as logrotate, may
// move away.
type Reopener interface {
	// Reopen closes the file. The next message opens the one that is at the path then. It
	// may be called while messages are sent.
	Reopen() error
}
