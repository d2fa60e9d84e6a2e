package config

import (
	"fmt"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
	"time"

	"alertd/internal/alerting"
	"alertd/internal/delivery"
)

// setting is one key of the file. Each key of [server], [storage] and the alerting
// section is one, except channels and custom. One list of them serves reading,
// [Config.Redacted], [Config.Reload], [Config.Changed] and [Config.RestartRequired].
type setting struct {
	section string
	// name is that within the section. One of a table in the section has a dot, such as
	// tls.cert_file.
	name string
	// restart: it takes effect only at a restart.
	restart bool
	// private: a part of the value that came from the environment may be a secret.
	private bool
	// value points to the value.
	value any
	// read reads a key of the file into the value.
	read func(t *table, name string)
	// show returns the value as text, number, boolean, list or table, without secrets.
	show func() any
}

// settings returns all keys, with pointers to their values in c.
func (c *Config) settings() []setting {
	var all []setting
	for _, section := range []struct {
		name            string
		atOnce, restart []setting
	}{
		{"server", c.Server.atOnce(), c.Server.atRestart()},
		{"storage", nil, c.Storage.settings()},
		{c.section, c.alertingSettings(), nil},
	} {
		for _, s := range section.atOnce {
			s.section = section.name
			all = append(all, s)
		}
		for _, s := range section.restart {
			s.section, s.restart = section.name, true
			all = append(all, s)
		}
	}
	return all
}

// key is the key as problems and lists of changes name it.
func (s setting) key() string { return join("", s.section) + "." + s.name }

// path names the tables above the value, and the value.
func (s setting) path() []string { return append([]string{s.section}, strings.Split(s.name, ".")...) }

// equal reports whether a setting has the same value in another configuration.
func (s setting) equal(other setting) bool { return reflect.DeepEqual(s.value, other.value) }

// take gives a setting the value of another configuration.
func (s setting) take(other setting) {
	reflect.ValueOf(s.value).Elem().Set(reflect.ValueOf(other.value).Elem())
}

// read reads settings from the table of their section.
func (t *table) read(settings []setting) {
	inner := map[string]*table{}
	for _, s := range settings {
		name, key, nested := strings.Cut(s.name, ".")
		if !nested {
			s.read(t, s.name)
			continue
		}
		if inner[name] == nil {
			inner[name] = t.inner(name)
		}
		s.read(inner[name], key)
	}
	for _, below := range inner {
		below.done()
	}
}

// text is a setting that is any text.
func text(name string, at *string) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.string(name, at) }, show: func() any { return *at }}
}

// checked is a text that must be valid; allowed says what is.
func checked(name string, at *string, valid func(string) bool, allowed string) setting {
	s := text(name, at)
	s.read = func(t *table, name string) {
		if t.string(name, at); !valid(*at) {
			t.problem(name, *at, allowed)
		}
	}
	return s
}

// secret is a text that is never shown.
func secret(name string, at *string) setting {
	s := text(name, at)
	s.show = func() any {
		if *at == "" {
			return ""
		}
		return hidden
	}
	return s
}

func flag(name string, at *bool) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.bool(name, at) }, show: func() any { return *at }}
}

// whole is a whole number from least to most.
func whole(name string, least, most int64, at *int) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.intFrom(name, least, most, at) }, show: func() any { return *at }}
}

func size(name string, least, most int64, at *int64) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.size(name, least, most, at) }, show: func() any { return formatSize(*at) }}
}

func duration(name string, least, most time.Duration, at *time.Duration) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.duration(name, least, most, at) }, show: func() any { return FormatDuration(*at) }}
}

func rate(name string, at *delivery.Rate) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { readRate(t, name, at) }, show: func() any { return formatRate(*at) }}
}

func severity(name string, at *alerting.Severity) setting {
	return setting{name: name, value: at, read: func(t *table, name string) { t.severity(name, at) }, show: func() any { return at.String() }}
}

// list is a list of texts. allowed returns "" for a good one, and else what is allowed.
func list(name string, at *[]string, allowed func(string) string) setting {
	read := func(t *table, name string) {
		t.strings(name, at)
		t.each(name, *at, allowed)
	}
	return setting{name: name, value: at, read: read, show: func() any { return anys(*at) }}
}

// each reports the texts of a list that are not allowed.
func (t *table) each(name string, texts []string, allowed func(string) string) {
	for i, text := range texts {
		if must := allowed(text); must != "" {
			key := element(join(t.key, name), i)
			t.r.problem(key, "%s is not allowed, must be %s", t.show(key, text), must)
		}
	}
}

// mode is a file's permissions, in octal.
func mode(name string, at *fs.FileMode) setting {
	read := func(t *table, name string) {
		text := formatMode(*at)
		t.string(name, &text)
		parsed, err := strconv.ParseUint(text, 8, 32)
		if err != nil || parsed > uint64(fs.ModePerm) {
			t.problem(name, text, "permissions in octal from 0000 to 0777, such as 0660")
			return
		}
		*at = fs.FileMode(parsed)
	}
	return setting{name: name, value: at, read: read, show: func() any { return formatMode(*at) }}
}

func formatMode(m fs.FileMode) string { return fmt.Sprintf("%04o", uint32(m)) }
