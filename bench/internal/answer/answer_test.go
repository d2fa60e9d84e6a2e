package answer_test

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"alertd/bench/internal/answer"
)

func TestRead(t *testing.T) {
	const whole = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nDate: now\r\n\r\nhello"
	tests := map[string]struct {
		text, body, problem string
	}{
		"a whole answer":             {text: whole, body: "hello"},
		"an empty body":              {text: "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"},
		"cut off in the head":        {text: whole[:30], problem: "unexpected EOF"},
		"cut off in the body":        {text: whole[:len(whole)-1], problem: "unexpected EOF"},
		"more than one answer":       {text: whole + "H", problem: `more after its end: "H"`},
		"no Content-Length":          {text: "HTTP/1.1 201 Created\r\n\r\n", problem: "no Content-Length"},
		"a Content-Length of no use": {text: "HTTP/1.1 201 Created\r\nContent-Length: -1\r\n\r\n", problem: "no Content-Length"},
		"too long for the space":     {text: "HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\n" + strings.Repeat("a", 999), problem: "more than 100 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			readers := map[string]io.Reader{"at once": strings.NewReader(test.text), "byte by byte": iotest.OneByteReader(strings.NewReader(test.text))}
			for how, reader := range readers {
				if how == "byte by byte" && strings.HasPrefix(test.problem, "more after") {
					continue // the next answer's reader would notice
				}
				head, body, err := answer.Read(reader, make([]byte, 100))
				if test.problem != "" {
					require.ErrorContains(t, err, test.problem, how)
					continue
				}
				require.NoError(t, err, how)
				require.Equal(t, test.text, string(head)+string(body), how)
				require.Equal(t, test.body, string(body), how)
			}
		})
	}
}
