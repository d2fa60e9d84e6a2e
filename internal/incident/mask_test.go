package incident_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func TestMask(t *testing.T) {
	for message, want := range map[string]string{
		"kill switch activated":                        "kill switch activated",
		"VaR limit breached: 0.0512 > 0.03":            "VaR limit breached: # > #",
		"VaR limit breached: -1,234.5 > +1e-9":         "VaR limit breached: # > #",
		"drawdown 12.5% of 1'000'000":                  "drawdown # of #",
		"S&P500 at 4,781":                              "S&P500 at #",
		"order ORD7F3A91 rejected":                     "order # rejected",
		"stale since 2025-12-27T10:30:00Z, for 1h30m":  "stale since #, for #",
		"loss €950.10, EUR950.10, 950.10 € and 5.2M":   "loss €#, EUR #, €# and #",
		"heap 1.5 GB, spread 25 bps":                   "heap #B, spread #bp",
		"[27/Dec/2025:10:30:00 +0100] GET /orders/123": "[# #] GET /orders/123",
		"x=5 y>7 (5) \"5\" 5. 5":                       `x=# y># # "#" #. #`,
		"  white\tspace \n":                            "white space",
		"größe 5":                                      "größe #",
		"":                                             "",
		"7":                                            "#",
		"-7":                                           "#",
		"a-7":                                          "a-7",
	} {
		assert.Equal(t, want, incident.Mask(message), "%q", message)
	}
}

// docs/channels.md lists the words after which an integer is a name.
func TestDocumentedWordsName(t *testing.T) {
	document, err := os.ReadFile("../../docs/channels.md")
	require.NoError(t, err)
	section := string(document)[strings.Index(string(document), "After these words an integer names"):]
	count := 0
	for line := range strings.Lines(section[:strings.Index(section, "\nA number with a fraction")]) {
		list, listed := strings.CutPrefix(line, "> ")
		if !listed {
			continue
		}
		for _, word := range strings.FieldsFunc(list, func(r rune) bool { return !unicode.IsLetter(r) }) {
			assert.False(t, alike(t, word+" 1 is down", word+" 2 is down"), word)
			assert.True(t, alike(t, word+" is 1 late", word+" is 2 late"), word)
			count++
		}
	}
	require.Greater(t, count, 50)
}

func TestMessagesAreOneOrDifferent(t *testing.T) {
	file, err := os.Open("testdata/messages.txt")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	lines := bufio.NewScanner(file)
	pairs := 0
	for lines.Scan() {
		if line := lines.Text(); line != "" && line[0] != '#' {
			var verdict, a, b string
			_, err := fmt.Sscanf(line, "%s %q %q", &verdict, &a, &b)
			require.NoError(t, err, line)
			require.Contains(t, []string{"one", "different"}, verdict, line)
			assert.Equal(t, verdict == "one", alike(t, a, b), "%s: masked %q and %q", line, incident.Mask(a), incident.Mask(b))
			pairs++
		}
	}
	require.NoError(t, lines.Err())
	require.GreaterOrEqual(t, pairs, 100)
}

// alike reports whether two messages make one incident.
func alike(tb rapid.TB, a, b string) bool {
	return keyOf(tb, saying(a)).Fingerprint == keyOf(tb, saying(b)).Fingerprint
}

func saying(message string) alerting.Alert {
	return like(func(a *alerting.Alert) { a.Message = message })
}

// units are the words of letters alone that are masked after a number.
var units = strings.Fields("d h m s ms us µs μs ns day days hr hrs hour hours min mins minute minutes sec secs second seconds " +
	"msec millisecond milliseconds microsecond microseconds x k b mm mn mln mio bn bln mrd tn million billion thousand bytes " +
	"kb mb gb tb kib mib gib tib bp bps hz khz mhz ghz am pm")

var (
	// letters are words of letters alone.
	letters = rapid.OneOf(rapid.StringMatching(`[a-zA-Z]{1,8}`), rapid.StringMatching(`[a-zäöüßéA-ZÄÖÜ]{1,8}`), rapid.StringMatching(`\pL{1,4}`),
		rapid.SampledFrom(append([]string{"gateway", "HTTP", "EUR", "ISIN", "no", "and", "HK", "P", "T", "e", "ss", "ß", "ſ", "K"}, units...)))
	// measures are masked.
	measures = rapid.OneOf(
		rapid.StringMatching(`[-+]?[0-9]{1,4}(\.[0-9]{1,6})?(e-?[0-9]{1,2})?%?`),
		rapid.StringMatching(`[0-9]{1,3}(ms|s|h|bp|GB|K| 123,45)`),
		rapid.StringMatching(`[€$][0-9]{1,3}`),
		rapid.SampledFrom([]string{"2025-12-27", "10:30", "2025-12-27T10:30:00Z", "019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55", "a1b2c3d4"}),
	)
	// names are kept.
	names = rapid.SampledFrom([]string{"gw1", "ACC-1001", "VaR99", "10.0.0.1", "ESZ5", "host[3]", "2s10s", "1.2.3"})
	marks = rapid.SampledFrom([]string{" ", " ", " ", ", ", ": ", " > ", "=", " (", ") ", " - ", "/", "-"})
)

func TestMaskKeepsWordsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, two := letters.Draw(t, "one"), letters.Draw(t, "two")
		if strings.EqualFold(norm.NFC.String(one), norm.NFC.String(two)) {
			return
		}
		tokens := rapid.OneOf(letters, measures, names)
		var before, after strings.Builder
		last := ""
		for range rapid.IntRange(0, 4).Draw(t, "before") {
			last = tokens.Draw(t, "token")
			before.WriteString(last + marks.Draw(t, "mark"))
		}
		for range rapid.IntRange(0, 4).Draw(t, "after") {
			after.WriteString(marks.Draw(t, "mark") + tokens.Draw(t, "token"))
		}
		if strings.ContainsFunc(last, unicode.IsDigit) && isUnit(one) && isUnit(two) {
			return // 5 s and 5 ms are the same measure
		}
		require.False(t, alike(t, before.String()+one+after.String(), before.String()+two+after.String()), "%q", before.String()+one+after.String())
	})
}

func isUnit(word string) bool {
	for _, unit := range units {
		if strings.EqualFold(unit, word) {
			return true
		}
	}
	return false
}

func TestMaskMeasuresAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.StringMatching(`-?[0-9]{1,4}(\.[0-9]{1,6})?(e-?[0-9]{1,2})?%?`)
		words := rapid.StringMatching(`[qwzöü]{4,8}( [qwzöü]{4,8}){0,3}`)
		before, after := words.Draw(t, "before"), words.Draw(t, "after")
		require.Equal(t, before+" # "+after, incident.Mask(before+" "+number.Draw(t, "number")+" "+after))
	})
}

func TestMaskIsItsOwnMask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var message strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "tokens") {
			message.WriteString(rapid.OneOf(letters, measures, names).Draw(t, "token") + rapid.SampledFrom([]string{" ", ", ", ": ", " > "}).Draw(t, "mark"))
		}
		mask := incident.Mask(message.String())
		require.Equal(t, mask, incident.Mask(mask))
	})
}

func TestRandomIDsAreMostlyOneIncident(t *testing.T) {
	const letterOrDigit = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	for length, most := range map[int]int{6: 90, 8: 50, 12: 20} {
		r := rand.New(rand.NewPCG(1, 2))
		masks := map[string]bool{}
		for range 200 {
			id := make([]byte, length)
			for i := range id {
				id[i] = letterOrDigit[r.IntN(len(letterOrDigit))]
			}
			masks[incident.Mask("Order "+string(id)+" rejected")] = true
		}
		require.LessOrEqual(t, len(masks), most, "ids of %d", length)
	}
}

func FuzzMask(f *testing.F) {
	for _, seed := range []string{
		"VaR limit breached: 0.0512 > 0.03", "order 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55 at 2025-12-27 10:30:00+01:00 by [2001:db8::1%eth0]:443",
		"loss (€1,234.56), EUR950.10, 1 234,56 €, −5 bps, 3M, PT5M", "Gateway #1, HTTP/1.1 503, host[3], 0x1F, 700 HK, T+2", "\xff5\u0301 5\u202f000\u2028%",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		mask := incident.Mask(message)
		require.True(t, utf8.ValidString(mask))
		require.True(t, norm.NFC.IsNormalString(mask) || !norm.NFC.IsNormalString(message))
		require.Equal(t, mask, incident.Mask(" "+message+"\n"), "white space around it does not matter")
	})
}
