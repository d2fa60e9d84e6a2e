package config

import (
	"slices"
	"strings"
)

const (
	// maxIdentifyBy is how many names identify_by may have.
	maxIdentifyBy = 32
	// maxIdentifyByName is how long such a name may be, in bytes.
	maxIdentifyByName = 255
)

// defaultIdentifyBy returns the members that identify an alert on a trading desk.
func defaultIdentifyBy() []string {
	return []string{
		"position", "symbol", "instrument", "isin", "ticker", "account", "portfolio", "strategy",
		"venue", "exchange", "desk", "host", "instance",
	}
}

// identifyBy is a setting: names of members of a context. An empty list means none.
func identifyBy(name string, at *[]string) setting {
	read := func(t *table, name string) {
		t.strings(name, at)
		if len(*at) > maxIdentifyBy {
			t.r.problem(join(t.key, name), "has %d names, must have at most %d", len(*at), maxIdentifyBy)
		}
		for i, member := range *at {
			key := element(join(t.key, name), i)
			switch {
			case member == "" || len(member) > maxIdentifyByName:
				t.r.problem(key, "is a name of %d bytes, must be 1 to %d", len(member), maxIdentifyByName)
			case strings.TrimSpace(member) != member:
				t.r.problem(key, "%s has white space around it, which is not allowed", t.show(key, member))
			case strings.HasPrefix(member, "context."):
				t.r.problem(key, "%s is not allowed, must be the name alone, without context.", t.show(key, member))
			case slices.Contains((*at)[:i], member):
				t.r.problem(key, "%s is there twice", t.show(key, member))
			}
		}
	}
	return setting{name: name, private: true, value: at, read: read, show: func() any { return anys(*at) }}
}

// anys returns a list as the reader shows one.
func anys(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}
