package logfile_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"alertd/internal/alerting"
	"alertd/internal/channel/logfile"
)

func TestEachWrongKeyIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		config logfile.Config
		keys   []string
	}{
		"a path is enough":        {logfile.Config{Path: "alerts.jsonl"}, nil},
		"everything":              {logfile.Config{Path: "a", MaxSize: 1, RotateEvery: time.Hour, MaxAge: 48 * time.Hour, MaxBackups: 3}, nil},
		"nothing":                 {logfile.Config{}, []string{"path"}},
		"less than nothing":       {logfile.Config{MaxSize: -1, RotateEvery: -1, MaxAge: -1, MaxBackups: -1}, []string{"path", "max_size", "rotate_every", "max_age", "max_backups"}},
		"an age of half a day":    {logfile.Config{Path: "a", MaxAge: 12 * time.Hour}, []string{"max_age"}},
		"an age of one and a bit": {logfile.Config{Path: "a", MaxAge: 24*time.Hour + 1}, []string{"max_age"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := test.config.Validate()
			if test.keys == nil {
				require.NoError(t, err)
				return
			}
			var problems *alerting.Error
			require.ErrorAs(t, err, &problems)
			var keys []string
			for _, p := range problems.Fields {
				keys = append(keys, p.Field)
			}
			assert.Equal(t, test.keys, keys)
		})
	}
}
