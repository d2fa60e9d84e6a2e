// Package config reads alertd's configuration file.
//
// The file is TOML. After it is parsed, ${VAR} in any string is replaced from
// the environment, ${VAR:-default} with a default, which holds no reference
// itself; $${ stands for a literal ${. A string that is one reference and nothing
// else may stand for a number or a boolean.
//
// Then every section is checked by the one that knows it, and all problems are
// reported at once as [Problems], each with its key, the value and what is
// allowed. Keys that are not known are problems too, except under
// [alerting.custom], which is the user's own. Where the alerting section has
// another name, [alerting] itself is left alone.
//
// A file that does not exist is no problem: the defaults are safe, and
// [Config.Warnings] says so. Secrets appear neither in problems nor in what
// [Config.Redacted] returns: neither the values of keys that hold them by their
// meaning nor, in channels, storage and custom, any value that came from the
// environment.
package config
