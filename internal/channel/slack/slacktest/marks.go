package slacktest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
)

// isMark matches what may be between < and >.
var isMark = regexp.MustCompile(`^(?:!(?:here|channel|everyone)` +
	`|!subteam\^S[A-Z0-9]+(?:\|[^|]+)?` +
	`|!date\^\d+\^[^|]+\|.+` +
	`|@[UW][A-Z0-9]+` +
	`|#C[A-Z0-9]+` +
	`|(?:https?://|mailto:)[^\s|]+(?:\|[^|]+)?)$`)

// checkMarks returns the problems with the control characters of a text. In plain text
// all of them must be escaped.
func checkMarks(text string, marked bool) []string {
	var problems []string
	for n, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			problems = append(problems, fmt.Sprintf("has the control character %q", r))
		}
		if rest := text[n:]; r == '&' && !strings.HasPrefix(rest, "&amp;") && !strings.HasPrefix(rest, "&lt;") && !strings.HasPrefix(rest, "&gt;") {
			problems = append(problems, "has an & that is not escaped")
		}
	}
	for rest := text; ; {
		at := strings.IndexAny(rest, "<>")
		if at < 0 {
			return problems
		}
		inside, after, closed := strings.Cut(rest[at+1:], ">")
		switch {
		case rest[at] == '>':
			problems = append(problems, "has a > that is not escaped")
			rest = rest[at+1:]
		case !marked || !closed || !isMark.MatchString(inside):
			problems = append(problems, "has a < that is not escaped")
			rest = rest[at+1:]
		default:
			rest = after
		}
	}
}
