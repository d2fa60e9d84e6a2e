package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"alertd/internal/alerting"
	"alertd/internal/plaintext"
)

// column is one column of a table.
type column struct {
	title string
	cell  func(e element, now time.Time) string
	right bool
	// least is how wide the column is at least in a table that grows row by row.
	least int
	// most is how wide it is at most on a terminal; 0 is any width. The last column has
	// what is left.
	most int
	// spare is not 0 if it is left out where a terminal is too narrow for it, the highest
	// first.
	spare int
}

// or makes a column one that may be left out.
func (c column) or(spare int) column {
	c.spare = spare
	return c
}

// member is a column with a member as it is.
func member(title, name string, least, most int) column {
	return column{title: title, cell: func(e element, _ time.Time) string { return e.text(name) }, least: least, most: most}
}

// number is a column with a number.
func number(title, name string) column {
	c := member(title, name, 0, 0)
	c.right = true
	return c
}

// moment is a column with a time in UTC, to the second.
func moment(title, name string) column {
	return column{title: title, least: len("2006-01-02T15:04:05Z"), cell: func(e element, _ time.Time) string {
		at, err := alerting.ParseTime(name, e.text(name))
		if err != nil {
			return e.text(name)
		}
		return at.UTC().Format(time.RFC3339)
	}}
}

// age is a column with how long a time is past.
func age(name string) column {
	return column{title: "AGE", right: true, cell: func(e element, now time.Time) string {
		at, err := alerting.ParseTime(name, e.text(name))
		if err != nil {
			return ""
		}
		return shortly(now.Sub(at))
	}}
}

// shortly returns a duration in its greatest unit, rounded down; one that is below zero,
// because two clocks differ, is 0s.
func shortly(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// leastOfLast is how wide the last column of a table is at least, on a narrow terminal.
const leastOfLast = 24

// table writes rows below a header: in a box on a terminal that is wide enough, in plain
// columns elsewhere. What is empty is shown as -.
func (s screen) table(columns []column, elements []element) {
	laid := s.lay(columns, elements, false)
	s.render(laid, true, s.width > 0 && s.left(laid, boxGap) >= min(laid[len(laid)-1].width, leastOfLast))
}

// append writes one more row of a table without a box, under the header if it is the
// first.
func (s screen) append(columns []column, e element, first bool) {
	s.render(s.lay(columns, []element{e}, true), first, false)
}

// laidColumn is a column with its cells, and as wide as it will be.
type laidColumn struct {
	column
	cells []string
	width int
}

// The columns between two cells, of a table in a box and of one without.
const (
	boxGap   = len("   ")
	plainGap = len("  ")
)

// lay makes the cells of columns that fit the terminal. Growing tables keep all columns, so
// that each row has the same.
func (s screen) lay(columns []column, elements []element, growing bool) []laidColumn {
	laid := make([]laidColumn, len(columns))
	for i, c := range columns {
		width := text.StringWidth(c.title)
		if growing {
			width = max(width, c.least)
		}
		cells := make([]string, len(elements))
		for j, e := range elements {
			if cells[j] = plaintext.Line(c.cell(e, s.now)); cells[j] == "" {
				cells[j] = "-"
			}
			if s.width > 0 && c.most > 0 {
				cells[j] = text.Snip(cells[j], c.most, "…")
			}
			width = max(width, text.StringWidth(cells[j]))
		}
		laid[i] = laidColumn{c, cells, width}
	}
	if s.width == 0 {
		return laid
	}
	gap := boxGap
	if growing {
		gap = plainGap
	}
	for left := s.left(laid, gap); ; left = s.left(laid, gap) {
		last := &laid[len(laid)-1]
		if spare := mostSpare(laid); left < min(last.width, leastOfLast) && spare >= 0 && !growing {
			laid = slices.Delete(laid, spare, spare+1)
			continue
		}
		for j, cell := range last.cells {
			last.cells[j] = text.Snip(cell, max(left, leastOfLast), "…")
		}
		return laid
	}
}

// left returns how wide the last column may be.
func (s screen) left(laid []laidColumn, gap int) int {
	left := s.width - gap - 1 // for the border
	for _, c := range laid[:len(laid)-1] {
		left -= c.width + gap
	}
	return left
}

// mostSpare returns the column that is left out first; -1 if none may be.
func mostSpare(laid []laidColumn) int {
	found, most := -1, 0
	for i, c := range laid {
		if c.spare > most {
			found, most = i, c.spare
		}
	}
	return found
}

func (s screen) render(laid []laidColumn, header, boxed bool) {
	t := table.NewWriter()
	t.SetStyle(table.StyleRounded)
	if !boxed {
		plain := table.StyleDefault
		plain.Box.PaddingLeft, plain.Box.PaddingRight = "", "  " // plainGap
		plain.Options = table.OptionsNoBordersAndSeparators
		t.SetStyle(plain)
		t.SuppressTrailingSpaces()
	}
	t.Style().Format.Header = text.FormatDefault
	heads := make(table.Row, len(laid))
	rows := make([]table.Row, len(laid[0].cells))
	configs := make([]table.ColumnConfig, len(laid))
	for i, c := range laid {
		heads[i] = c.title
		for j, cell := range c.cells {
			rows[j] = append(rows[j], s.paint(cell))
		}
		configs[i] = table.ColumnConfig{Number: i + 1}
		if i < len(laid)-1 {
			configs[i].WidthMin = c.width
		}
		if c.right {
			configs[i].Align, configs[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	t.SetColumnConfigs(configs)
	if header {
		t.AppendHeader(heads)
	}
	t.AppendRows(rows)
	_, _ = s.out.WriteString(t.Render() + "\n") // failure returns the error
}
