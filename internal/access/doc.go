// Package access says who may do what. It is pure: it knows no HTTP, no clock and no file.
//
// A [Role] is what a configuration grants, a [Need] is what a route asks for, and
// [Role.Allows] is the only place where the two meet. A [Secret] is a token as its owner
// holds it; alertd keeps its [Hash] alone. A [Directory] has the entries of the
// configuration in force and finds the [Identity] for a token, a client certificate or the
// [Login] of a session.
//
// The caller of a request, which is an identity and the address it came from, travels in
// the request's context as a [Caller].
package access
