package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

// indexedMessage is how many bytes a message has at most whose text is indexed; a
// wrong number here makes the test weaker, not wrong.
const indexedMessage = 512

var textCases = []testCase{
	{"a text is found wherever it is, in short messages and in long ones", textAnywhere},
}

func textAnywhere(t *testing.T, db Database) {
	db.Open(t).Stop() // makes the schema
	seed := rand.Uint64()
	t.Logf("the messages' seed is %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	model := make([]*alerting.Event, segmentSize+100)
	var long []*alerting.Event // or nearly so
	for i := range model {
		alert := RandomAlert(random, i)
		alert.Message = messageOf(random, messageLength(random))
		draft, err := alerting.NewDraft(alert, time.Now())
		require.NoError(t, err)
		model[i] = draft.Finish(alerting.Seq(i) + 1)
		if len(alert.Message) > indexedMessage-10 {
			long = append(long, model[i])
		}
	}
	db.Insert(t, model...)
	r := openReader(t, db)
	r.log.Run()
	r.waitForIndex(t)
	r.log.Stop()
	r = openReader(t, db) // with little in memory
	r.log.Run()

	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int, label string) int { return rapid.IntRange(0, n-1).Draw(t, label) }
		event := model[draw(len(model), "event")]
		if rapid.Bool().Draw(t, "long") {
			event = long[draw(len(long), "long event")]
		}
		text := event.Message()
		if rapid.Bool().Draw(t, "border") { // a part that begins or ends near it
			text = piece(text, indexedMessage-8+draw(16, "at"), 1+draw(12, "bytes"))
		}
		filter := alerting.Filter{Text: part(text, draw)}
		if draw(4, "with a source") == 0 {
			filter.Sources = []string{event.Source()}
		}
		for _, problem := range r.compare(t, model, filter, 0, 0, 1+draw(200, "limit")) {
			t.Errorf("%+v: %s", filter, problem)
		}
	})
}

// messageLength is mostly that of usual messages, and often near the border of what
// is indexed, or far beyond it.
func messageLength(random *rand.Rand) int {
	switch n := random.IntN(100); {
	case n < 90:
		return 1 + random.IntN(80)
	case n < 98:
		return indexedMessage - 6 + random.IntN(12)
	default:
		return 600 + random.IntN(7000)
	}
}

// messageOf returns one of a length in bytes, that of its lower case being another
// one now and then.
func messageOf(random *rand.Rand, bytes int) string {
	var b strings.Builder
	for {
		word := words[random.IntN(len(words))]
		if random.IntN(3) == 0 {
			word = fmt.Sprint(random.IntN(100_000))
		}
		if b.Len()+len(word)+1 >= bytes {
			break
		}
		b.WriteString(word)
		b.WriteByte(' ')
	}
	return b.String() + strings.Repeat("z", bytes-b.Len())
}

// piece returns some bytes of a text from a place on, and what is needed for whole
// characters. If the text ends before that, it is the end.
func piece(text string, at, bytes int) string {
	from := min(at, len(text)-1)
	to := min(from+bytes, len(text))
	for !utf8.RuneStart(text[from]) {
		from--
	}
	for to < len(text) && !utf8.RuneStart(text[to]) {
		to++
	}
	return text[from:to]
}
