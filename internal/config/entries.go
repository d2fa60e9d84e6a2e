package config

import "alertd/internal/access"

// maxEntries is how many tables an array of them may have.
const maxEntries = 1000

// entries is a setting: an array of tables, each with a name of its own. A part of a value
// that came from the environment may be a secret.
func entries[T any](name string, at *[]T, read func(t *table, name string) T, show func(T) map[string]any) setting {
	readAll := func(t *table, name string) {
		seen := map[string]string{}
		for _, entry := range t.tables(name) {
			entry.private = true
			own := entry.entryName()
			if first := seen[own]; first != "" && own != "" {
				t.r.problem(join(entry.key, "name"), "is also that of %s, must be another one", first)
			}
			seen[own] = entry.key
			*at = append(*at, read(entry, own))
			entry.done()
		}
		if len(*at) > maxEntries {
			t.r.problem(join(t.key, name), "has %d entries, must have at most %d", len(*at), maxEntries)
		}
	}
	showAll := func() any {
		shown := make([]any, 0, len(*at))
		for _, entry := range *at {
			shown = append(shown, show(entry))
		}
		return shown
	}
	return setting{name: name, private: true, value: at, read: readAll, show: showAll}
}

// entryName reads the name of an entry, which must be there.
func (t *table) entryName() (name string) {
	if t.string("name", &name); !t.given("name") {
		t.r.problem(join(t.key, "name"), "is missing")
	} else if !access.ValidName(name) {
		t.problem("name", name, "1 to 64 letters, digits, dots, underscores, at signs and dashes, the first a letter or a digit")
	}
	return name
}

// needs reports a key that is not there, and says what it must be.
func (t *table) needs(name, what string) {
	if !t.given(name) {
		t.r.problem(join(t.key, name), "is missing, must be %s", what)
	}
}
