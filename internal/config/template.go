package config

import (
	"errors"
	"regexp"

	"alertd/internal/alerting"
	"alertd/internal/template"
)

// readTemplate reads the table template of a table, whose keys are title and body, and
// reports what is wrong with them. Templates that are returned are valid.
func readTemplate(t *table) template.Spec {
	inner := t.inner("template")
	spec := inner.texts()
	inner.done()
	return inner.valid(spec)
}

// readChannelTemplate is readTemplate for a channel. One that sends HTML has the key html,
// too.
func readChannelTemplate(t *table, kind string) template.Spec {
	inner := t.inner("template")
	spec := inner.texts()
	if kind == "email" {
		inner.string("html", &spec.HTML)
	} else if inner.given("html") {
		inner.take("html")
		inner.r.problem(join(inner.key, "html"), "is only for channels of kind email, this one is of kind %s", kind)
	}
	inner.done()
	return inner.valid(spec)
}

func (t *table) texts() (spec template.Spec) {
	t.string("title", &spec.Title)
	t.string("body", &spec.Body)
	return spec
}

// lineOf matches what a problem with a template may say if its text may be a secret.
var lineOf = regexp.MustCompile(`^line \d+: `)

// valid reports what is wrong with templates, and returns those that are valid.
func (t *table) valid(spec template.Spec) template.Spec {
	_, err := template.New(spec)
	invalid, ok := errors.AsType[*alerting.Error](err)
	if !ok {
		return spec
	}
	for _, field := range invalid.Fields {
		key, message := join(t.key, field.Field), field.Message
		if t.private && t.r.origins[key].env {
			message = lineOf.FindString(message) + "the template (not shown) is not valid"
		}
		t.r.problem(key, "%s", message)
	}
	return template.Spec{}
}
