package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// shown is the number of findings of a kind that are printed for an engine.
const shown = 8

// count returns how many findings are of a kind.
func (r result) count(f fault) int {
	n := 0
	for _, finding := range r.findings {
		if finding.fault == f {
			n++
		}
	}
	return n
}

// report prints a table and the findings.
func report(out io.Writer, results []result) error {
	var text bytes.Buffer
	_, _ = fmt.Fprintln(&text)
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "engine\trounds\talertd killed\tdatabase ended\tacknowledged\tlost\tdoubled\tincidents\ttold\trepeats\tuntold\totherwise wrong\t")
	for _, r := range results {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", r.name, r.rounds, r.alertdKills, r.databaseEnds,
			r.acknowledged, r.count(lost), r.count(doubled), r.incidents, r.told, r.repeats, r.count(untold), r.count(wrong))
	}
	_ = table.Flush() // to memory
	for _, r := range results {
		for _, kind := range []fault{lost, doubled, untold, wrong} {
			r.describe(&text, kind)
		}
	}
	_, err := out.Write(text.Bytes())
	return err
}

// describe prints the first findings of a kind.
func (r result) describe(text *bytes.Buffer, kind fault) {
	n := 0
	for _, finding := range r.findings {
		if finding.fault != kind {
			continue
		}
		if n++; n <= shown {
			_, _ = fmt.Fprintf(text, "\n%s: %s: %s\n", r.name, kind, finding.detail)
		}
	}
	if n > shown {
		_, _ = fmt.Fprintf(text, "\n%s: %s: and %d more\n", r.name, kind, n-shown)
	}
}
