// Package matcher has the one matcher of alertd: routes, silences, inhibitions, promotions
// and windows say with it which events they are about. It is pure: it knows no SQL, no HTTP
// and no clock.
//
// A [Condition] is what users write, in TOML or JSON. Its Match says what an event must
// have, its Not what it must not have, each by the same keys:
//
//	match = { min_severity = "warning", source = ["var_*"], message = "(?i)limit" }
//	not = { source = ["var_test"], context = { account = "demo-*" } }
//
// Keys in match are combined by and, the values in a list by or. Each key in not is negated
// by itself, so that an event is left out if any of them fits it; so is each member of a
// context. A key that is not given, or given by an empty list, says nothing: the empty
// condition matches everything.
//
// Sources and values of a context are globs, in which * stands for any characters, ? for one,
// and a backslash takes the meaning from the character after it. A message is a regular
// expression (RE2) that is looked for anywhere in the message. A context's member is named
// as position, or as order.venue for a member of a member; strings are matched as they are,
// numbers and booleans as they are written. A member that is not there matches nothing.
//
// [Condition.Compile] checks a condition and makes a [Matcher] of it. An [Index] of many
// matchers finds those that match without trying each of them. Both are safe for concurrent
// use.
package matcher
