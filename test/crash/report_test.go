package main

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReportCountsAndShowsFindings(t *testing.T) {
	r := result{name: "sqlite", rounds: 20, alertdKills: 25, databaseEnds: 3, acknowledged: 12_345, figures: figures{incidents: 40, told: 70, repeats: 6}}
	for range shown + 2 {
		r.findings = append(r.findings, finding{wrong, "odd"})
	}
	r.findings = append(r.findings, finding{lost, "gone"}, finding{lost, "gone too"}, finding{doubled, "again"}, finding{untold, "silence"})
	var out strings.Builder
	require.NoError(t, report(&out, []result{r, {name: "postgres"}}))
	numbers := row(t, out.String(), "sqlite")
	require.Equal(t, [11]string{"20", "25", "3", "12345", "2", "1", "40", "70", "6", "1", strconv.Itoa(shown + 2)}, numbers)
	require.Equal(t, [11]string{"0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0"}, row(t, out.String(), "postgres"))
	require.Contains(t, out.String(), "sqlite: lost: gone too\n")
	require.Contains(t, out.String(), "sqlite: doubled: again\n")
	require.Contains(t, out.String(), "sqlite: untold: silence\n")
	require.Equal(t, shown, strings.Count(out.String(), "sqlite: wrong: odd\n"))
	require.Contains(t, out.String(), "sqlite: wrong: and 2 more\n")
}

func TestParseOptions(t *testing.T) {
	o, err := parseOptions([]string{"-engines", "replicas,sqlite", "-rounds", "3"})
	require.NoError(t, err)
	require.Len(t, o.engines, 2)
	require.Equal(t, "replicas", o.engines[0].name)
	require.Equal(t, 3, o.rounds)
	require.NotZero(t, o.seed)

	o, err = parseOptions([]string{"-seed", "5"})
	require.NoError(t, err)
	require.Len(t, o.engines, 3)
	require.Equal(t, uint64(5), o.seed)

	for args, problem := range map[string]string{
		"-engines mysql":    `"mysql" is not one of sqlite, postgres, replicas`,
		"-rounds 0":         "must be at least 1",
		"-clients 0":        "must be at least 1",
		"-tell-every 0":     "must be at least 1",
		"-tell-patience 0s": "at least 100ms",
		"-max-batch 0":      "from 1 to 10000",
		"-patience 0s":      "at least 100ms",
		"more":              `unexpected argument "more"`,
	} {
		_, err := parseOptions(strings.Fields(args))
		require.ErrorContains(t, err, problem, args)
	}
}
