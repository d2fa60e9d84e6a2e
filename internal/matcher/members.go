package matcher

import (
	"strings"

	"alertd/internal/alerting"
)

// Members returns a function that finds the texts of a context's members, for
// [Subject.Context]. The context is read when it is called first, and once. Strings have
// their text, numbers and booleans that of the JSON; null, objects and lists have none. A
// name such as order.venue is that of a member of the first level, or else that of venue in
// the object order. The function is not safe for concurrent use.
func Members(c alerting.Context) func(name string) (text string, ok bool) {
	var members []named
	return func(name string) (string, bool) {
		if members == nil {
			members = membersOf(alerting.Value(c.String()))
		}
		return find(name, members)
	}
}

// named is a member of an object.
type named struct {
	name  string
	value alerting.Value
}

// membersOf returns the members of an object, none of any other value; never nil.
func membersOf(object alerting.Value) []named {
	members := make([]named, 0, 8)
	for name, value := range object.Members() {
		members = append(members, named{name, value})
	}
	return members
}

// find returns the text of one of the members, or of a member of one of them.
func find(name string, members []named) (string, bool) {
	first, rest, nested := strings.Cut(name, ".")
	var object alerting.Value
	for _, m := range members {
		if m.name == name {
			return textOf(m.value)
		}
		if m.name == first {
			object = m.value
		}
	}
	if !nested {
		return "", false
	}
	return find(rest, membersOf(object))
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
