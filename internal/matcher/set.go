package matcher

import (
	"fmt"
	"strings"

	"alertd/internal/alerting"
)

// set is a set of severities or of categories, a bit for each.
type set uint16

const (
	allSeverities set = 1<<(alerting.SeverityCritical+1) - 2
	allCategories set = 1<<(alerting.CategoryOther+1) - 2
)

func (s set) has(one uint8) bool { return s>>one&1 != 0 }

func atLeast(severity alerting.Severity) set { return allSeverities &^ (1<<severity - 1) }

func atMost(severity alerting.Severity) set { return allSeverities & (1<<(severity+1) - 1) }

// severities returns those that a condition leaves.
func (c *checker) severities(of Condition) set {
	left, problems := allSeverities, len(c.problems)
	severity := func(field string, value alerting.Severity) (given bool) {
		if value != 0 && !value.Valid() {
			c.problem(field, "must be one of %s", joined(alerting.Severities(), ", "))
		}
		return value.Valid()
	}
	least, greatest := of.Match.MinSeverity, of.Match.MaxSeverity
	if severity("match.min_severity", least) {
		left &= atLeast(least)
	}
	if severity("match.max_severity", greatest) {
		left &= atMost(greatest)
		if left == 0 {
			c.problem("match.max_severity", "is %s, must be at least min_severity, which is %s", greatest, least)
		}
	}
	if severity("not.min_severity", of.Not.MinSeverity) {
		left &^= atLeast(of.Not.MinSeverity)
	}
	if severity("not.max_severity", of.Not.MaxSeverity) {
		left &^= atMost(of.Not.MaxSeverity)
	}
	if left == 0 && len(c.problems) == problems {
		c.problem("not", "leaves no severity that could match: min_severity and max_severity are each negated by itself")
	}
	return left
}

// categories returns those that a condition leaves.
func (c *checker) categories(of Condition) set {
	left, problems := allCategories, len(c.problems)
	if listed := c.listed("match.category", of.Match.Category); listed != 0 {
		left = listed
	}
	left &^= c.listed("not.category", of.Not.Category)
	if left == 0 && len(c.problems) == problems {
		c.problem("not.category", "leaves no category that could match")
	}
	return left
}

func (c *checker) listed(field string, categories []alerting.Category) set {
	if len(categories) > MaxListed {
		c.problem(field, "has %d entries, may have at most %d", len(categories), MaxListed)
	}
	var listed set
	for i, category := range categories {
		if !category.Valid() {
			c.problem(fmt.Sprintf("%s[%d]", field, i), "must be one of %s", joined(alerting.Categories(), ", "))
		}
		listed |= 1 << category
	}
	return listed & allCategories
}

// joined returns values in words.
func joined[T fmt.Stringer](values []T, between string) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = value.String()
	}
	return strings.Join(words, between)
}
