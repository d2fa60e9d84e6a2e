package template

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	texttemplate "text/template"
	"time"
	_ "time/tzdata" // zones by their names on machines without a list of them

	"github.com/rivo/uniseg"
)

// builtins are the functions of text/template that a template may use as they are: those
// that make no text. print and printf are replaced.
func builtins() []string {
	return []string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index"}
}

// Functions returns the names of the functions that a template may use, sorted.
func Functions() []string {
	f := functions{budget: &budget{}}
	return slices.Sorted(slices.Values(slices.AppendSeq(builtins(), maps.Keys(f.all()))))
}

// functions are those of one template. The budget is that of the execution under way.
type functions struct {
	*budget
	html  bool
	zones map[string]*time.Location
}

// all returns the functions by name.
func (f *functions) all() map[string]any {
	return map[string]any{
		"upper": f.upper, "lower": f.lower, "truncate": f.truncate, "default": f.otherwise, "join": f.join, "plural": f.plural,
		"time": f.time, "link": f.link, "print": f.print, "printf": f.printf,
	}
}

func (f *functions) upper(text string) (string, error) {
	return strings.ToUpper(text), f.spend(text, text)
}

func (f *functions) lower(text string) (string, error) {
	return strings.ToLower(text), f.spend(text, text)
}

// truncate cuts a text to most characters as people count them: what they see as one is
// never split. A cut text ends with …, which counts.
func (f *functions) truncate(most int, text string) (string, error) {
	if most < 1 {
		return "", fmt.Errorf("%d is not allowed, must be at least 1", most)
	}
	if err := f.spend(text); err != nil {
		return "", err
	}
	shown, rest, state := 0, text, -1
	for n := 0; rest != ""; n++ {
		if n == most {
			return text[:shown] + "…", nil
		}
		if n == most-1 { // the last that there is place for, if it is the last
			shown = len(text) - len(rest)
		}
		_, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
	}
	return text, nil
}

// otherwise returns the value, or fallback if it is empty: "", 0, false, or a list of nothing.
func (f *functions) otherwise(fallback, value any) any {
	if full, ok := texttemplate.IsTrue(value); ok && full {
		return value
	}
	return fallback
}

// join prints the elements of a list with separator between them.
func (f *functions) join(separator string, list any) (string, error) {
	elements := reflect.ValueOf(list)
	if elements.Kind() != reflect.Slice {
		return "", fmt.Errorf("%T is not a list", list)
	}
	var texts []string
	for _, element := range elements.Seq2() {
		text := fmt.Sprint(element)
		if err := f.spend(text, separator); err != nil {
			return "", err
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, separator), nil
}

// plural returns a number and the word for one, or for any other number.
func (f *functions) plural(one, many string, number any) (string, error) {
	n := reflect.ValueOf(number)
	if !n.IsValid() || !n.CanInt() && !n.CanUint() {
		return "", fmt.Errorf("%T is not a whole number", number)
	}
	text := fmt.Sprint(number)
	if text == "1" {
		return text + " " + one, f.spend(one)
	}
	return text + " " + many, f.spend(many)
}

// time returns a time in a zone such as Europe/Berlin, in a layout of Go's such as 15:04.
func (f *functions) time(layout, zone string, t Time) (string, error) {
	location := f.zones[zone]
	if location == nil {
		var err error
		if location, err = time.LoadLocation(zone); err != nil || zone == "Local" {
			return "", fmt.Errorf("%q is not a time zone, must be one such as UTC or Europe/Berlin", zone)
		}
		f.zones[zone] = location
	}
	if err := f.spend(layout, layout, layout, layout); err != nil { // Monday is longer than Mon
		return "", err
	}
	text := t.at.In(location).Format(layout)
	return text, f.spend(text)
}

var errAddress = errors.New("the address of a link must begin with http:// or https://")

// link returns a link in HTML, and label and address in a text; "" for no address.
func (f *functions) link(label, address string) (any, error) {
	if address == "" {
		return "", nil
	}
	if err := f.spend(label, address); err != nil {
		return "", err
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errAddress
	}
	if !f.html {
		return label + ": " + address, nil
	}
	escape := htmltemplate.HTMLEscapeString
	return htmltemplate.HTML(`<a href="` + escape(u.String()) + `">` + escape(label) + `</a>`), nil //nolint:gosec // both are escaped
}

func (f *functions) print(values ...any) (string, error) {
	most := len(values)
	for _, value := range values {
		if most += len(fmt.Sprint(value)); most > f.bytes {
			return "", errTooMuch
		}
	}
	text := fmt.Sprint(values...)
	return text, f.spend(text)
}

var (
	verbForm = regexp.MustCompile(`%[-+# 0-9.\[\]*]*`)
	number   = regexp.MustCompile(`[0-9]+`)
	errStar  = errors.New("* is not allowed as a width, must be a number such as %8s")
)

// printf knows how long a text may become before it makes it: a verb makes no more than its
// width and its value. A list counts as one text, as a width would be that of each element.
func (f *functions) printf(format string, values ...any) (string, error) {
	longest := 0
	for n, value := range values {
		text := fmt.Sprint(value)
		longest = max(longest, len(text))
		switch reflect.ValueOf(value).Kind() { //nolint:exhaustive // numbers and texts stay as they are
		case reflect.Map, reflect.Slice, reflect.Struct, reflect.Pointer:
			values[n] = text
		}
	}
	most := len(format)
	for _, verb := range verbForm.FindAllString(strings.ReplaceAll(format, "%%", ""), -1) {
		if strings.Contains(verb, "*") {
			return "", errStar
		}
		most += longest
		for _, digits := range number.FindAllString(verb, -1) {
			width, err := strconv.Atoi(digits)
			if err != nil || width > f.bytes-most {
				return "", errTooMuch
			}
			most += width
		}
	}
	if most > f.bytes {
		return "", errTooMuch
	}
	text := fmt.Sprintf(format, values...)
	return text, f.spend(format, text)
}
