package matcher

import (
	"errors"
	"regexp"
	"strings"

	"github.com/tidwall/match"
)

// glob is a compiled pattern.
type glob struct {
	pattern string
	form    form
	// head is what is before the first wildcard; every text that matches begins with it.
	head string
	// expression is set for a pattern of more than maxStars.
	expression *regexp.Regexp
}

// form is how a glob is matched.
type form uint8

const (
	exact  form = iota // the text is the head
	prefix             // the head, and anything after it
	mixed              // by the whole pattern
)

// maxStars is the most stars that the library matches in time proportional to the text. It
// goes back to each star but the last one, so a pattern of more becomes a regular expression.
const maxStars = 2

var errEscape = errors.New(`ends in a backslash, must have after it the character that it escapes`)

// newGlob compiles a pattern of valid UTF-8.
func newGlob(pattern string) (glob, error) {
	g := glob{pattern: pattern}
	var head, expression strings.Builder
	expression.WriteString(`(?s)\A`)
	stars, escaped, afterStar := 0, false, false
	for _, r := range pattern {
		if r == '\\' && !escaped {
			escaped = true
			continue
		}
		switch {
		case r == '*' && !escaped:
			if !afterStar {
				stars++
				expression.WriteString(`.*`)
			}
			afterStar = true
			g.form = max(g.form, prefix)
			continue
		case r == '?' && !escaped:
			expression.WriteByte('.')
			g.form = mixed
		default:
			expression.WriteString(regexp.QuoteMeta(string(r)))
			if g.form == exact {
				head.WriteRune(r)
			} else {
				g.form = mixed
			}
		}
		escaped, afterStar = false, false
	}
	if escaped {
		return glob{}, errEscape
	}
	g.head = head.String()
	if g.form != mixed || stars <= maxStars {
		return g, nil
	}
	var err error
	g.expression, err = regexp.Compile(expression.String() + `\z`)
	return g, err
}

func (g *glob) matches(text string) bool {
	switch {
	case g.form == exact:
		return text == g.head
	case g.form == prefix:
		return strings.HasPrefix(text, g.head)
	case g.expression != nil:
		return g.expression.MatchString(text)
	}
	return match.Match(text, g.pattern)
}

// covers reports whether every text that matches other certainly matches g.
func (g *glob) covers(other *glob) bool {
	switch {
	case g.pattern == other.pattern:
		return true
	case other.form == exact:
		return g.matches(other.head)
	}
	return g.form == prefix && strings.HasPrefix(other.head, g.head)
}

// disjoint reports whether certainly no text matches both.
func (g *glob) disjoint(other *glob) bool {
	switch {
	case g.form == exact:
		return !other.matches(g.head)
	case other.form == exact:
		return !g.matches(other.head)
	}
	return !strings.HasPrefix(g.head, other.head) && !strings.HasPrefix(other.head, g.head)
}
