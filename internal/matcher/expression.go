package matcher

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
)

// maxSteps is the most steps of a regular expression. The time to match grows with the steps
// and the length of the message. Both come from outside.
const maxSteps = 1000

// newExpression compiles a regular expression. The error continues a sentence about it.
func newExpression(expression string) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(expression, syntax.Perl)
	if syntaxError, ok := errors.AsType[*syntax.Error](err); ok {
		return nil, fmt.Errorf("is not a regular expression (RE2): %s in %q", syntaxError.Code, syntaxError.Expr)
	}
	if err != nil {
		return nil, err
	}
	if n := steps(parsed); n > maxSteps {
		return nil, fmt.Errorf("has %d steps when its repetitions are written out, may have at most %d", n, maxSteps)
	}
	return regexp.Compile(expression)
}

// steps estimates the size of the compiled expression. The parser bounds it.
func steps(of *syntax.Regexp) int {
	n := 1
	if of.Op == syntax.OpLiteral {
		n = len(of.Rune)
	}
	for _, sub := range of.Sub {
		n += steps(sub)
	}
	if of.Op == syntax.OpRepeat {
		n *= max(of.Min, of.Max, 1)
	}
	return n
}
