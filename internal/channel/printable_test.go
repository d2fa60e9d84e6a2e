package channel_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"alertd/internal/channel"
)

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"VaR 5 % über dem Limit, 損失 🚨": "VaR 5 % über dem Limit, 損失 🚨",
		"two\nlines\tand a tab":        "two\nlines\tand a tab",
		"\x1b[31mred\x1b[0m":           `\x1b[31mred\x1b[0m`,
		"two\r\nlines\r\n":             "two\nlines\n",
		"over\rwritten\bs\x00":         `over\rwritten\bs\x00`,
		"C1: \u009b31m":                `C1: \u009b31m`,
		"\u202eright to left":          `\u202eright to left`,
		"bad \xff byte":                "bad � byte",
	} {
		assert.Equal(t, want, channel.Printable(text), "%q", text)
	}
}
