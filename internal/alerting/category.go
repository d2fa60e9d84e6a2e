package alerting

// Category says what an alert is about. The zero value is no category and is
// an error in an alert.
type Category uint8

// The categories, in the seed's order.
const (
	// CategoryRiskLimit is about VaR, CVaR and exposure limits.
	CategoryRiskLimit Category = iota + 1
	// CategoryPositionViolation is about a position's size or weight.
	CategoryPositionViolation
	// CategoryExecutionError is about orders that could not be executed.
	CategoryExecutionError
	// CategoryDataQuality is about missing or invalid market data.
	CategoryDataQuality
	// CategorySystemHealth is about the state of the system itself.
	CategorySystemHealth
	// CategoryCompliance is about regulation.
	CategoryCompliance
	// CategoryPerformance is about degraded performance.
	CategoryPerformance
	// CategoryOther is for everything else.
	CategoryOther
)

// categoryNames is indexed by the category; index 0 is no category.
var categoryNames = [...]string{
	"", "risk_limit", "position_violation", "execution_error", "data_quality",
	"system_health", "compliance", "performance", "other",
}

// Categories returns every category, in the order of their constants.
func Categories() []Category {
	all := make([]Category, 0, len(categoryNames)-1)
	for c := CategoryRiskLimit; c <= CategoryOther; c++ {
		all = append(all, c)
	}
	return all
}

// ParseCategory reads a category's name in any case. The error is an [*Error]
// with code [CodeInvalid] that lists what is allowed.
func ParseCategory(name string) (Category, error) {
	var parsed Category
	err := parsed.UnmarshalText([]byte(name))
	return parsed, err
}

// Valid reports whether c is one of the eight categories.
func (c Category) Valid() bool { return c >= CategoryRiskLimit && c <= CategoryOther }

// String returns the lower-case name, or "invalid" for a value that is none of
// the eight.
func (c Category) String() string {
	if !c.Valid() {
		return "invalid"
	}
	return categoryNames[c]
}

// MarshalText writes the lower-case name.
func (c Category) MarshalText() ([]byte, error) {
	if !c.Valid() {
		return nil, notOneOf("category", c.String(), categoryNames[1:])
	}
	return []byte(categoryNames[c]), nil
}

// UnmarshalText reads a name in any case.
func (c *Category) UnmarshalText(text []byte) error {
	i := indexFold(categoryNames[:], string(text))
	if i <= 0 {
		return notOneOf("category", string(text), categoryNames[1:])
	}
	*c = Category(i) //nolint:gosec // an index of a short table
	return nil
}
