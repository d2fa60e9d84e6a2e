package alerting_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
)

// split returns the elements of an array as texts.
func split(data string) ([]string, error) {
	elements := []string{}
	for element, err := range alerting.Elements([]byte(data)) {
		if err != nil {
			return nil, err
		}
		elements = append(elements, string(element))
	}
	return elements, nil
}

func TestElementsMayBeMalformed(t *testing.T) {
	for array, want := range map[string][]string{
		`[]`:                                 {},
		"[ \t\r\n]":                          {},
		`[1]`:                                {`1`},
		`[{"a":[1,{"b":2}]} , "x,]}" ,[,] ]`: {`{"a":[1,{"b":2}]}`, `"x,]}"`, `[,]`},
		`["\\",2]`:                           {`"\\"`, `2`},
		`["\",",2]`:                          {`"\","`, `2`},
		`[{"a":NaN},{"a":007},{"a":.5},1]`:   {`{"a":NaN}`, `{"a":007}`, `{"a":.5}`, `1`},
		`[{'a':1, b:True},1]`:                {`{'a':1, b:True}`, `1`},
		"[\"a\nb\",\"\xff\",1]":              {"\"a\nb\"", "\"\xff\"", `1`},
		`[,1,,]`:                             {``, `1`, ``, ``},
		`[{"a":[1},{"b":{"c":[}},1]`:         {`{"a":[1}`, `{"b":{"c":[}}`, `1`},
		`[{"a":1}},{"b":1]},1]`:              {`{"a":1}}`, `{"b":1]}`, `1`},
	} {
		got, err := split(array)
		require.NoError(t, err, array)
		require.Equal(t, want, got, array)
	}
}

func TestUnclosedArrayIsMalformed(t *testing.T) {
	for array, says := range map[string]string{
		``: "it ends too soon", `[`: "it ends too soon", `1]`: "it ends too soon", `[1,2`: "it ends too soon", `[1] 2`: "there is more after it", `[1}`: "it ends too soon",
		`[1,{"a":1,2]`: "element 1 is not closed", `[[]`: "element 0 is not closed", `[1],[2]`: "element 1 is not closed", `[1,"a]`: "a string in element 1 does not end", `["a\"]`: "a string in element 0 does not end",
	} {
		_, err := split(array)
		var malformed *alerting.Error
		require.ErrorAs(t, err, &malformed, array)
		require.Equal(t, alerting.CodeMalformed, malformed.Code)
		require.ErrorContains(t, err, "malformed JSON: the array cannot be read: ", array)
		require.ErrorContains(t, err, says, array)
	}
}

func TestElementsStopsEarly(t *testing.T) {
	for _, array := range []string{`[1,2,3]`, `[1]`} {
		for element, err := range alerting.Elements([]byte(array)) {
			require.NoError(t, err)
			require.Equal(t, "1", string(element))
			break
		}
	}
}

// A closing bracket without an opening one must not cost a look at every open
// bracket.
func TestElementsIsLinear(t *testing.T) {
	const n = 4 << 20
	_, err := split("[" + strings.Repeat("[", n) + strings.Repeat("}", n) + "]")
	require.ErrorContains(t, err, "element 0 is not closed")
}
