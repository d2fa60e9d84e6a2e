package work

import "errors"

// unreadableError says that a row cannot be decoded.
type unreadableError struct{ error }

func (e unreadableError) Unwrap() error { return e.error }

func isUnreadable(err error) bool {
	_, unreadable := errors.AsType[unreadableError](err)
	return unreadable
}
