package alerting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A window is read without the lock, so that events may be dropped under it.
func TestWindowEndsWhereEventsWereDropped(t *testing.T) {
	buffer := NewBuffer(10)
	for seq := range Seq(5) {
		draft, err := NewDraft(Alert{Severity: SeverityError, Category: CategoryOther, Source: "s", Message: "m"}, time.Unix(1, 0))
		require.NoError(t, err)
		buffer.Append(draft.Finish(seq + 1))
	}
	w := buffer.window(true)
	buffer.Forget(4)
	page := w.newest(Query{}, newSelector(Filter{}, buffer))
	require.Len(t, page.Events, 2)
	require.Equal(t, Seq(4), page.Oldest)
	require.Equal(t, Seq(5), page.Events[0].Seq())
	require.False(t, page.More)
}
