package matcher

import (
	"iter"
	"strings"

	"alertd/internal/alerting"
)

// Members returns a function that finds the texts of a context's members, for
// [Subject.Context]. The context is read when it is called first, and once. Strings have
// their text, numbers and booleans that of the JSON; null, objects and lists have none. A
// name such as order.venue is that of a member of the first level, or else that of venue in
// the object order. The function is not safe for concurrent use.
func Members(c alerting.Context) func(name string) (text string, ok bool) {
	var names []string
	var values []alerting.Value
	read := false
	return func(name string) (string, bool) {
		if !read {
			for name, value := range c.Members() {
				names, values = append(names, name), append(values, value)
			}
			read = true
		}
		return find(name, func(yield func(string, alerting.Value) bool) {
			for i, name := range names {
				if !yield(name, values[i]) {
					return
				}
			}
		})
	}
}

// find returns the text of one of the members, or of a member of one of them.
func find(name string, among iter.Seq2[string, alerting.Value]) (string, bool) {
	first, rest, nested := strings.Cut(name, ".")
	var object alerting.Value
	for member, value := range among {
		if member == name {
			return textOf(value)
		}
		if nested && member == first {
			object = value
		}
	}
	if !nested {
		return "", false
	}
	return find(rest, object.Members())
}

func textOf(value alerting.Value) (string, bool) {
	if text, ok := value.Text(); ok {
		return text, true
	}
	if value == "" || value == "null" || value[0] == '{' || value[0] == '[' {
		return "", false
	}
	return string(value), true
}
