package alerting_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
)

// Whatever of the log is in the buffer, pages of either order are the same events.
func TestBothOrdersVisitTheSameEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		config := alerting.Config{MinSeverity: alerting.SeverityInfo, BufferSize: rapid.IntRange(1, 40).Draw(rt, "buffer")}
		log := alerting.NewMemoryLog(config.BufferSize + rapid.IntRange(0, 40).Draw(rt, "log beyond the buffer"))
		manager, err := alerting.OpenManager(t.Context(), config, nil, log)
		require.NoError(rt, err)
		for i := range rapid.IntRange(0, 60).Draw(rt, "events") {
			_, err := manager.Register(t.Context(), alerting.Alert{
				Severity: alerting.SeverityError, Category: alerting.CategoryOther, Source: fmt.Sprintf("s%d", i%3), Message: "m",
			})
			require.NoError(rt, err)
		}
		filter := alerting.Filter{}
		if rapid.Bool().Draw(rt, "of one source") {
			filter.Sources = []string{"s1"}
		}
		limit := rapid.IntRange(1, 9).Draw(rt, "limit")
		var down, up []*alerting.Event
		for q := (alerting.Query{Filter: filter, Limit: limit}); ; {
			page, err := manager.QueryEvents(t.Context(), q)
			require.NoError(rt, err)
			down = append(down, page.Events...)
			if !page.More {
				break
			}
			require.Len(rt, page.Events, limit)
			q.Before = page.Events[limit-1].Seq()
		}
		for after := alerting.Seq(0); ; {
			page, err := manager.EventsAfter(t.Context(), after, filter, limit)
			require.NoError(rt, err)
			up = append(up, page.Events...)
			if !page.More {
				break
			}
			require.Len(rt, page.Events, limit)
			after = page.Events[limit-1].Seq()
		}
		slices.Reverse(up)
		require.Equal(rt, down, up)
	})
}

func TestAscendingQueryReturnsTheLogsError(t *testing.T) {
	log := &brokenLog{MemoryLog: alerting.NewMemoryLog(10)}
	manager, err := alerting.OpenManager(t.Context(), everything(5), nil, log)
	require.NoError(t, err)
	log.after = errBroken
	_, err = manager.EventsAfter(t.Context(), 0, alerting.Filter{}, 10)
	require.ErrorIs(t, err, errBroken)
}
