package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// reference matches what looks like a reference, well formed or not, and the
// escape for a literal one.
func reference() *regexp.Regexp {
	return regexp.MustCompile(`\$\$\{|\$\{([A-Z_][A-Z0-9_]*)(:-([^}]*))?\}|\$\{`)
}

// substitute replaces references in every string below value and returns what
// takes value's place. It notes which keys hold something from the environment.
func (r *reader) substitute(key string, value any, lookup func(string) (string, bool)) any {
	switch value := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			value[name] = r.substitute(join(key, name), value[name], lookup)
		}
	case []any:
		for i, element := range value {
			value[i] = r.substitute(key+"["+strconv.Itoa(i)+"]", element, lookup)
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
	return pattern.ReplaceAllStringFunc(text, func(found string) string {
		parts := pattern.FindStringSubmatch(found)
		switch {
		case found == "$${":
			return "${"
		case parts[1] == "":
			r.problem(key, "has a ${ that begins no reference, must be ${VAR} or ${VAR:-default} with upper case letters, digits and _, or $${ for the characters themselves")
			return found
		}
		r.fromEnv[key] = true
		if value, ok := lookup(parts[1]); ok {
			return value
		}
		if parts[2] == "" {
			r.problem(key, fmt.Sprintf("environment variable %s is not set", parts[1]))
		}
		return parts[3]
	})
}

// join makes a dotted key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
