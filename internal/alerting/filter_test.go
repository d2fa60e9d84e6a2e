package alerting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

func TestAFilterCombinesItsPartsByAnd(t *testing.T) {
	alert := varBreach()
	alert.Timestamp = time.Date(2025, 12, 27, 10, 30, 0, 0, time.UTC)
	alert.Message = "Größe: VaR Limit 1000K breached"
	event := register(t, newManager(t, everything(10)), alert)
	second := time.Second
	cases := map[string]struct {
		filter alerting.Filter
		want   bool
	}{
		"nothing asked":             {alerting.Filter{}, true},
		"empty lists ask nothing":   {alerting.Filter{Categories: []alerting.Category{}, Sources: []string{}}, true},
		"its own severity":          {alerting.Filter{MinSeverity: alerting.SeverityError}, true},
		"a higher severity":         {alerting.Filter{MinSeverity: alerting.SeverityCritical}, false},
		"one of the categories":     {alerting.Filter{Categories: []alerting.Category{alerting.CategoryOther, alerting.CategoryRiskLimit}}, true},
		"other categories":          {alerting.Filter{Categories: []alerting.Category{alerting.CategoryOther}}, false},
		"no such category":          {alerting.Filter{Categories: []alerting.Category{0}}, false},
		"one of the sources":        {alerting.Filter{Sources: []string{"x", "var_gate"}}, true},
		"its source":                {alerting.Filter{Sources: []string{"var_gate"}}, true},
		"other sources":             {alerting.Filter{Sources: []string{"x", "y"}}, false},
		"sources in another case":   {alerting.Filter{Sources: []string{"VAR_GATE"}}, false},
		"since is inclusive":        {alerting.Filter{Since: alert.Timestamp}, true},
		"since later":               {alerting.Filter{Since: alert.Timestamp.Add(1)}, false},
		"until is exclusive":        {alerting.Filter{Until: alert.Timestamp}, false},
		"until later":               {alerting.Filter{Until: alert.Timestamp.Add(1)}, true},
		"between":                   {alerting.Filter{Since: alert.Timestamp.Add(-second), Until: alert.Timestamp.Add(second)}, true},
		"text in any case":          {alerting.Filter{Text: "vAR lIMIT"}, true},
		"text of digits":            {alerting.Filter{Text: "1000k"}, true},
		"text beyond ASCII":         {alerting.Filter{Text: "GRÖSSE"}, false},
		"text beyond ASCII, folded": {alerting.Filter{Text: "GRÖßE"}, true},
		"other text":                {alerting.Filter{Text: "breached!"}, false},
		"all parts, one wrong":      {alerting.Filter{MinSeverity: alerting.SeverityInfo, Sources: []string{"var_gate"}, Text: "nothing"}, false},
	}
	buffer := alerting.NewBuffer(1)
	buffer.Append(event)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, c.filter.Matches(event))
			require.Equal(t, c.want, len(buffer.Recent(alerting.Query{Filter: c.filter}).Events) == 1, "the buffer's columns agree")
		})
	}
}

// anEvent draws an alert from few values, so that filters hit.
func anAlert(t *rapid.T) alerting.Alert {
	return alerting.Alert{
		Severity:  rapid.SampledFrom(alerting.Severities()).Draw(t, "severity"),
		Category:  rapid.SampledFrom(alerting.Categories()).Draw(t, "category"),
		Source:    fmt.Sprintf("source-%d", rapid.IntRange(0, 5).Draw(t, "source")),
		Message:   rapid.SampledFrom([]string{"VaR breached", "feed is stale", "Größe"}).Draw(t, "message"),
		Timestamp: time.UnixMicro(rapid.Int64Range(0, 50).Draw(t, "at")),
	}
}

func aFilter(t *rapid.T) alerting.Filter {
	var f alerting.Filter
	f.MinSeverity = alerting.Severity(rapid.IntRange(0, 5).Draw(t, "min"))
	f.Categories = rapid.SliceOfN(rapid.SampledFrom(alerting.Categories()), 0, 3).Draw(t, "categories")
	f.Sources = rapid.SliceOfN(rapid.SampledFrom([]string{"source-0", "source-1", "source-2", "none"}), 0, 3).Draw(t, "sources")
	if rapid.Bool().Draw(t, "has since") {
		f.Since = time.Unix(0, rapid.Int64Range(1, 60_000).Draw(t, "since"))
	}
	if rapid.Bool().Draw(t, "has until") {
		f.Until = time.Unix(0, rapid.Int64Range(1, 60_000).Draw(t, "until"))
	}
	f.Text = rapid.SampledFrom([]string{"", "var", "STALE", "größe"}).Draw(t, "text")
	return f
}

// A buffer with its chunks, columns and summaries answers as a plain list does.
func TestABufferAnswersAsAPlainListDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 700).Draw(t, "capacity")
		total := rapid.IntRange(0, 1200).Draw(t, "total")
		templates := rapid.SliceOfN(rapid.Custom(anAlert), 1, 40).Draw(t, "alerts")
		manager, err := alerting.NewManager(everything(10_000), nil)
		require.NoError(t, err)
		buffer := alerting.NewBuffer(capacity)
		var list []*alerting.Event // oldest first
		for i := range total {
			result, err := manager.Register(t.Context(), templates[i*i%len(templates)])
			require.NoError(t, err)
			buffer.Append(result.Event)
			list = append(list, result.Event)
		}
		if smaller := rapid.IntRange(1, 700).Draw(t, "smaller"); rapid.Bool().Draw(t, "resize") {
			buffer.Resize(smaller, alerting.DefaultBufferBytes)
			capacity = min(capacity, smaller)
			require.Equal(t, smaller, buffer.Capacity())
		}
		list = list[max(0, len(list)-capacity):]
		require.Equal(t, len(list), buffer.Len())

		filter := rapid.Custom(aFilter).Draw(t, "filter")
		limit := rapid.IntRange(0, 50).Draw(t, "limit")
		mark := alerting.Seq(rapid.IntRange(0, total+2).Draw(t, "mark"))
		var newest, after []*alerting.Event
		more := false
		for _, e := range slices.Backward(list) {
			if !filter.Matches(e) || (mark > 0 && e.Seq() >= mark) {
				continue
			}
			if limit > 0 && len(newest) == limit {
				more = true
				break
			}
			newest = append(newest, e)
		}
		for _, e := range list {
			if filter.Matches(e) && e.Seq() > mark {
				after = append(after, e)
			}
		}
		page := buffer.Recent(alerting.Query{Filter: filter, Limit: limit, Before: mark})
		require.Equal(t, seqs(newest), seqs(page.Events))
		require.Equal(t, more, page.More)
		stretch, some := buffer.After(mark, filter, total)
		require.Equal(t, len(list) > 0 && list[0].Seq() <= mark+1 && mark < alerting.Seq(total), some)
		if some {
			require.Equal(t, seqs(after), seqs(stretch.Events))
		}
	})
}

func TestTextSearchFindsWhatLowerCaseFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-cA-C0 é]{1,20}`).Draw(t, "text")
		part := rapid.StringMatching(`[a-cA-C0 é]{1,3}`).Draw(t, "part")
		alert := varBreach()
		alert.Message = "x" + text
		manager, err := alerting.NewManager(everything(1), nil)
		require.NoError(t, err)
		result, err := manager.Register(t.Context(), alert)
		require.NoError(t, err)
		want := strings.Contains(strings.ToLower(text), strings.ToLower(part))
		require.Equal(t, want, alerting.Filter{Text: part}.Matches(result.Event))
	})
}
