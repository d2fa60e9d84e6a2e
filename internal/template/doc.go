// Package template words messages as the configuration says.
//
// A channel or a route may have a template for a message's title and body, and a channel of
// kind email one for the HTML part. They are those of text/template, and of html/template
// for the HTML. What they see is [Data]; docs/templates.md shows it, with the functions
// that [Functions] lists.
//
// [New] parses templates and executes them against samples, so that a wrong one is found
// when the configuration is read. [Template.Apply] words a message. If a template fails
// then, the message is the built-in one and says so.
//
// A template cannot spin, whatever it says: each execution has a number of steps, and each
// turn of a loop and each {{template}} takes some. It has a number of bytes that its
// functions may read and write. Both are counted, not timed, so that a template that was
// good on one machine is good on a slower one. Its result has a limit, too.
//
// The package is pure: it uses no clock, database or channel.
package template
