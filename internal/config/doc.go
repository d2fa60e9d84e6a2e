// Package config reads alertd's configuration file.
//
// The file is TOML and may begin with a byte-order mark. After it is parsed, ${VAR} in any
// string is replaced from the environment. ${VAR:-default} has a default, which holds no
// reference itself. $${ stands for a literal ${. One line break at the end of a variable's
// value is left out. A string that is one reference and nothing else may stand for a
// number or a boolean.
//
// Then each section is checked by the code that knows it. All problems are reported at
// once as [Problems], each with its key, the value and what is allowed. Unknown keys are
// problems too, with two exceptions: keys under [alerting.custom] are the user's own, and
// a top-level table whose name is not like one of ours belongs to another program. Where
// the alerting section has another name, [alerting] itself is left alone.
//
// A file that does not exist is no problem: the defaults are safe, and [Config.Warnings]
// says so. While alertd runs, [Config.CheckReload] refuses a file that would silently turn
// alerting off.
//
// Secrets appear neither in problems nor in the result of [Config.Redacted]. A value is secret
// if its key says so, such as password, or, in channels, storage and custom, if it came from
// the environment.
package config
