package incident_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/incident"
)

func contextOf(tb rapid.TB, text string) alerting.Context {
	tb.Helper()
	c, err := alerting.ParseContext([]byte(text))
	require.NoError(tb, err)
	return c
}

func TestCutContextKeepsMembers(t *testing.T) {
	const text = `{"var":0.0500,"desk":"FX \"spot\"","nested":{"a":[1,2]},"none":null,"größe":"\u00fc"}`
	c := incident.CutContext(contextOf(t, text))
	require.False(t, c.Cut)
	names, texts := []string{}, []string{}
	for _, f := range c.Fields {
		names, texts = append(names, f.Name), append(texts, f.Text())
	}
	require.Equal(t, []string{"var", "desk", "nested", "none", "größe"}, names)
	require.Equal(t, []string{"0.0500", `FX "spot"`, `{"a":[1,2]}`, "null", "ü"}, texts)
	require.Equal(t, text, string(c.Object()))
	require.Equal(t, incident.Context{}, incident.CutContext(contextOf(t, `{}`)))
	require.Equal(t, incident.Context{}, incident.CutContext(alerting.Context{}))
	require.Equal(t, `{}`, string(incident.Context{}.Object()))
	require.Equal(t, `"cut`, incident.Field{Value: jsontext.Value(`"cut`)}.Text(), "what is damaged is shown as it is")
}

func TestCutContextDropsWholeMembers(t *testing.T) {
	large := strings.Repeat("x", incident.MaxContext)
	c := incident.CutContext(contextOf(t, `{"a":1,"large":"`+large+`","b":2}`))
	require.True(t, c.Cut)
	require.Equal(t, `{"a":1,"b":2}`, string(c.Object()), "what fits is kept, also after what does not")
}

func TestCutContextFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := make([]string, rapid.IntRange(0, 12).Draw(t, "members"))
		for n := range members {
			size := rapid.SampledFrom([]int{0, 1, 100, 2000, 5000, 9000, incident.MaxContext}).Draw(t, "size")
			members[n] = fmt.Sprintf(`"%s%d":"%s"`, strings.Repeat("k", n), n, strings.Repeat("v", size))
		}
		text := "{" + strings.Join(members, ",") + "}"
		c := incident.CutContext(contextOf(t, text))
		object := c.Object()
		require.True(t, object.IsValid())
		require.LessOrEqual(t, len(object), incident.MaxContext+2)
		require.Equal(t, len(c.Fields) < len(members), c.Cut)
		if !c.Cut {
			require.Equal(t, text, string(object))
		}
		from := 0
		for _, f := range c.Fields {
			at := strings.Index(text[from:], `"`+f.Name+`":`+string(f.Value))
			require.GreaterOrEqual(t, at, 0, "in their order")
			from += at
		}
	})
}
