package template

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// The forms of errors of text/template and html/template.
var (
	atLine     = regexp.MustCompile(`(?s)^(?:html/)?template: ?[^:]*:(\d+)(?::\d+)?: (.*)$`)
	executing  = regexp.MustCompile(`(?s)^executing ".*?" at <(.*)>: (.*)$`)
	noField    = regexp.MustCompile(`^can't evaluate field (\w+) in type (\S+)$`)
	noDigest   = regexp.MustCompile(`^nil pointer evaluating \*template\.Digest\.(\w+)$`)
	noFunction = regexp.MustCompile(`^function "(\w+)" not defined$`)
	calling    = regexp.MustCompile(`(?s)^error calling (\w+): (.*)$`)
)

// explain returns what is wrong with a template in the words of its author: line, field or
// function, and what is allowed.
func explain(err error) error {
	parts := atLine.FindStringSubmatch(err.Error())
	if parts == nil {
		return err
	}
	return fmt.Errorf("line %s: %s", parts[1], explanation(parts[2]))
}

func explanation(text string) string {
	if parts := noFunction.FindStringSubmatch(text); parts != nil {
		return "no function " + parts[1] + suggestion(parts[1], "", Functions())
	}
	parts := executing.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	at, text := parts[1], parts[2]
	if parts := noField.FindStringSubmatch(text); parts != nil {
		if fields := fieldsOf("template.Data"); parts[2] != "template.Data" && slices.Contains(fields, parts[1]) {
			return "no field ." + parts[1] + " here; within {{range}} and {{with}} it is $." + parts[1]
		}
		return "no field ." + parts[1] + suggestion(parts[1], ".", fieldsOf(parts[2]))
	}
	if parts := noDigest.FindStringSubmatch(text); parts != nil {
		return at + ": there is no digest; write {{with .Digest}}{{." + parts[1] + "}}{{end}}"
	}
	if parts := calling.FindStringSubmatch(text); parts != nil {
		return strings.TrimPrefix(parts[1]+": "+parts[2], "tick: ")
	}
	return at + ": " + text
}

// fieldsOf returns the fields of a type of [Data] by its name in an error.
func fieldsOf(name string) (fields []string) {
	for _, t := range []reflect.Type{reflect.TypeFor[Data](), reflect.TypeFor[Incident](), reflect.TypeFor[Digest](), reflect.TypeFor[Tally](), reflect.TypeFor[Item]()} {
		if t.String() == strings.TrimPrefix(name, "*") {
			for field := range t.Fields() {
				fields = append(fields, field.Name)
			}
		}
	}
	return fields
}

// suggestion names the nearest of the known names, or all of them if none is near.
func suggestion(name, prefix string, known []string) string {
	best, distance := "", len(name)/2+1
	for _, candidate := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	switch {
	case best != "":
		return ", did you mean " + prefix + best + "?"
	case len(known) == 0:
		return ", as there are no fields in a text or a number"
	}
	shown := make([]string, len(known))
	for i, name := range slices.Sorted(slices.Values(known)) {
		shown[i] = prefix + name
	}
	return ", must be one of " + strings.Join(shown, ", ")
}
