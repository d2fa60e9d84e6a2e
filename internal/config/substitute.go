package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reference matches a reference, a malformed reference, and the escape of a literal ${.
func reference() *regexp.Regexp {
	return regexp.MustCompile(`\$\$\{|\$\{([A-Z_][A-Z0-9_]*)(:-([^}]*))?\}|\$\{`)
}

// origin says how substitution changed a string. The zero value means not at all.
type origin struct {
	// env: part of the string came from the environment and may be a secret.
	env bool
	// whole: the string was one reference and nothing else, so that it may stand for
	// a number or a boolean.
	whole bool
	// broken: a reference could not be replaced, which is reported. The value is unknown.
	broken bool
	// surrounding is what surrounds the value and is probably not meant: white space or
	// quotation marks. A problem that must not show the value names it. "" means nothing.
	surrounding string
}

// substitute replaces the references in every string below value, records the origin of
// each string, and returns the result.
func (r *reader) substitute(key string, value any, lookup func(string) (string, bool)) any {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			value[name] = r.substitute(join(key, name), value[name], lookup)
		}
	case []any:
		for i, inner := range value {
			value[i] = r.substitute(element(key, i), inner, lookup)
		}
	case string:
		return r.expand(key, value, lookup)
	}
	return value
}

func (r *reader) expand(key, text string, lookup func(string) (string, bool)) string {
	if !strings.Contains(text, "${") {
		return text
	}
	pattern := reference()
	var o origin
	refuse := func(found, message string) string {
		r.problem(key, "%s", message)
		o.broken = true
		return found
	}
	expanded := pattern.ReplaceAllStringFunc(text, func(found string) string {
		parts := pattern.FindStringSubmatch(found)
		name, hasDefault, byDefault := parts[1], parts[2] != "", parts[3]
		switch {
		case found == "$${":
			return "${"
		case name == "":
			return refuse(found, "has a ${ that begins no reference, must be ${VAR} or ${VAR:-default} with upper case letters, digits and _, or $${ for the characters themselves")
		case strings.Contains(byDefault, "${"):
			return refuse(found, fmt.Sprintf("has a ${ in the default of %s, must be a default without references", name))
		}
		o.env, o.whole = true, found == text
		if value, ok := lookup(name); ok {
			return withoutLineBreak(value)
		}
		if !hasDefault {
			return refuse(found, fmt.Sprintf("environment variable %s is not set", name))
		}
		return byDefault
	})
	if o.env && !o.broken {
		o.surrounding = surrounding(expanded)
	}
	r.origins[key] = o
	return expanded
}

// withoutLineBreak removes one line break from the end of a variable's value. It is there
// when the value was read from a file.
func withoutLineBreak(value string) string {
	if text, ok := strings.CutSuffix(value, "\n"); ok {
		return strings.TrimSuffix(text, "\r")
	}
	return value
}

// surrounding returns what a shell or a file left around a value, or "".
func surrounding(value string) string {
	trimmed := strings.TrimSpace(value)
	switch {
	case trimmed == "":
		return ""
	case trimmed != value:
		return "white space"
	case strings.ContainsRune("\"'`", rune(value[0])), strings.ContainsRune("\"'`", rune(value[len(value)-1])):
		return "quotation marks"
	}
	return ""
}

// join makes a dotted key as TOML writes it. It quotes a name that is not bare, so that two
// keys never look the same.
func join(key, name string) string {
	if name == "" || strings.ContainsFunc(name, notBare) {
		name = strconv.Quote(name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

func notBare(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
		return false
	}
	return true
}

// element makes the key of a list's element.
func element(key string, i int) string { return key + "[" + strconv.Itoa(i) + "]" }
