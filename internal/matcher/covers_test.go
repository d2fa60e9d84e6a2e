package matcher_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatcherCoversWhatItCertainlyMatches(t *testing.T) {
	const all = `{}`
	for _, c := range []struct {
		by, covered string
		want        bool
	}{
		{all, all, true},
		{all, `{"match":{"source":["a"],"message":"x"},"not":{"category":["other"]}}`, true},
		{`{"match":{"min_severity":"error"}}`, all, false},
		{`{"match":{"min_severity":"error"}}`, `{"match":{"min_severity":"critical"}}`, true},
		{`{"match":{"min_severity":"error"}}`, `{"not":{"max_severity":"warning"}}`, true},
		{`{"not":{"min_severity":"error"}}`, `{"match":{"max_severity":"error"}}`, false},
		{`{"match":{"category":["other","compliance"]}}`, `{"match":{"category":["other"]}}`, true},
		{`{"match":{"category":["other"]}}`, `{"match":{"category":["other","compliance"]}}`, false},
		{`{"match":{"source":["a*"]}}`, all, false},
		{`{"match":{"source":["a*","b"]}}`, `{"match":{"source":["b","ab","ab*c","a?"]}}`, true},
		{`{"match":{"source":["a*b"]}}`, `{"match":{"source":["a*b","acb"]}}`, true},
		{`{"match":{"source":["ab*"]}}`, `{"match":{"source":["a*"]}}`, false},
		{`{"match":{"source":["a"]}}`, `{"match":{"source":["a*"]}}`, false},
		{`{"not":{"source":["a*"]}}`, all, false},
		{`{"not":{"source":["ab*"]}}`, `{"not":{"source":["a*"]}}`, true},
		{`{"not":{"source":["a*"]}}`, `{"not":{"source":["ab*"]}}`, false},
		{`{"not":{"source":["a*"]}}`, `{"match":{"source":["b*","c"]}}`, true},
		{`{"not":{"source":["a*"]}}`, `{"match":{"source":["b*","*"]}}`, false},
		{`{"not":{"source":["a*c"]}}`, `{"match":{"source":["ab"]}}`, true},
		{`{"not":{"source":["ab"]}}`, `{"match":{"source":["a*c"]}}`, true},
		{`{"not":{"source":["a*c"]}}`, `{"match":{"source":["abc"]}}`, false},
		{`{"not":{"source":["abc"]}}`, `{"match":{"source":["a*c"]}}`, false},
		{`{"match":{"message":"x"}}`, `{"match":{"message":"x","source":["a"]}}`, true},
		{`{"match":{"message":"x"}}`, `{"match":{"message":"xy"}}`, false},
		{`{"match":{"message":"x"}}`, all, false},
		{`{"not":{"message":"x"}}`, `{"not":{"message":"x"}}`, true},
		{`{"not":{"message":"x"}}`, `{"match":{"message":"y"}}`, false},
		{`{"match":{"context":{"p":"a*"}}}`, `{"match":{"context":{"p":"ab","q":"x"}}}`, true},
		{`{"match":{"context":{"p":"a*"}}}`, `{"match":{"context":{"q":"ab"}}}`, false},
		{`{"match":{"context":{"p":"*"}}}`, all, false},
		{`{"not":{"context":{"p":"ab"}}}`, `{"not":{"context":{"p":"a*"}}}`, true},
		{`{"not":{"context":{"p":"a*"}}}`, `{"match":{"context":{"p":"b"}}}`, true},
		{`{"not":{"context":{"p":"a*"}}}`, `{"match":{"context":{"q":"b"}}}`, false},
		{`{"not":{"context":{"p":"a*"}}}`, all, false},
	} {
		require.Equal(t, c.want, compiled(t, c.by).Covers(compiled(t, c.covered)), "%s covers %s", c.by, c.covered)
	}
}
