package alerting_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

// pair is a member of a context.
type pair struct{ name, value string }

func pairs(value alerting.Value) []pair {
	var all []pair
	for name, member := range value.Members() {
		all = append(all, pair{name, string(member)})
	}
	return all
}

func TestMembersAreThoseOfTheFirstLevel(t *testing.T) {
	for text, want := range map[string][]pair{
		`{}`:                nil,
		`{ }`:               nil,
		`{"a":1}`:           {{"a", `1`}},
		`{"b":"x","a":"y"}`: {{"b", `"x"`}, {"a", `"y"`}},
		"{ \"a\" :\t[1,{\"b\":\"]\"}] ,\r\n\"\": null }": {{"a", `[1,{"b":"]"}]`}, {"", `null`}},
		`{"a":{"b":{"c":"}"}},"d":-1.5e3}`:               {{"a", `{"b":{"c":"}"}}`}, {"d", `-1.5e3`}},
		`{"\u0061\"":"\\","b":"\""}`:                     {{`a"`, `"\\"`}, {"b", `"\""`}},
	} {
		context, err := alerting.ParseContext([]byte(text))
		require.NoError(t, err)
		var all []pair
		for name, value := range context.Members() {
			all = append(all, pair{name, string(value)})
		}
		require.Equal(t, want, all, text)
		for range context.Members() {
			break
		}
	}
	for _, other := range []alerting.Value{"", `"{"`, `[{"a":1}]`, `1`, `null`} {
		require.Empty(t, pairs(other), other)
	}
}

func TestTextIsThatOfAStringAlone(t *testing.T) {
	for value, want := range map[alerting.Value]string{`""`: "", `"a b"`: "a b", `"\u00e9\n\""`: "é\n\""} {
		text, ok := value.Text()
		require.True(t, ok, value)
		require.Equal(t, want, text)
	}
	for _, value := range []alerting.Value{"", `"`, `1`, `true`, `null`, `{"a":"b"}`, `["a"]`, `"\x"`} {
		_, ok := value.Text()
		require.False(t, ok, value)
	}
}

func TestMembersAreThoseOfAnotherDecoder(t *testing.T) {
	value := rapid.SampledFrom([]string{`1`, `-2.50`, `true`, `null`, `"x"`, `"\"}],{["`, `[]`, `[1,[2]]`, `{}`, `{"a":{"b":"c"}}`})
	name := rapid.SampledFrom([]string{`a`, `b`, `c`, ``, `\"`, `\u00e9`, `{`, `,`, `:`})
	rapid.Check(t, func(t *rapid.T) {
		text := []byte("{")
		names := rapid.SliceOfNDistinct(name, 0, 5, rapid.ID).Draw(t, "names")
		space := rapid.SampledFrom([]string{"", " ", "\n\t"})
		for i, name := range names {
			if i > 0 {
				text = append(text, ',')
			}
			text = append(text, space.Draw(t, "space")+`"`+name+`"`+space.Draw(t, "space")+`:`+space.Draw(t, "space")+value.Draw(t, "value")+space.Draw(t, "space")...)
		}
		text = append(text, '}')
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(text, &want))
		all := pairs(alerting.Value(text))
		require.Len(t, all, len(want))
		for _, member := range all {
			require.Equal(t, string(want[member.name]), member.value)
		}
		for end := range text { // text that is cut off is read within its bounds
			pairs(alerting.Value(text[:end]))
		}
	})
}
