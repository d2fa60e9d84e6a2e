package incident_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"alertd/internal/incident"
)

func TestAMaskHidesWhatVariesAndNothingElse(t *testing.T) {
	for message, want := range map[string]string{
		"kill switch activated":                               "kill switch activated",
		"VaR limit breached: 0.0512 > 0.03":                   "VaR limit breached: # > #",
		"VaR limit breached: -1,234.5 > +1e-9":                "VaR limit breached: # > #",
		"VaR limit breached: 5 > 3":                           "VaR limit breached: # > #",
		"drawdown 12.5% of 1'000'000":                         "drawdown # of #",
		"host12 is down":                                      "host# is down",
		"BTC-EUR below limit":                                 "BTC-EUR below limit",
		"BTC-5 below limit":                                   "BTC-# below limit",
		"S&P500 at 4,781":                                     "S&P# at #",
		"order 123456 rejected":                               "order # rejected",
		"order ORD7F3A91 rejected":                            "order # rejected",
		"order a1b2c3d4e5 rejected":                           "order # rejected",
		"order deadbeef0 rejected":                            "order # rejected",
		"order 019b5f2c-7a3e-7c4d-9f10-2b6c8d1e4a55 rejected": "order # rejected",
		"stale since 2025-12-27T10:30:00Z":                    "stale since #",
		"stale since 2025-12-27T10:30:00.123456Z":             "stale since #",
		"stale since 2025-12-27T10:30:00+01:00":               "stale since #",
		"stale since 2025-12-27 10:30:00":                     "stale since # #",
		"latency 950ms":                                       "latency #",
		"latency 1.2s":                                        "latency #",
		"latency 1m30.5s":                                     "latency #",
		"latency 12µs":                                        "latency #",
		"3 of 5 venues":                                       "# of # venues",
		"1234567e-5 is left":                                  "# is left",
		"3rd attempt":                                         "#rd attempt",
		"10.1.2.3:9000 refused":                               "# refused",
		"größe 5":                                             "größe #",
		"":                                                    "",
		"7":                                                   "#",
		"-7":                                                  "#",
		"a-7":                                                 "a-#",
		"Q4FY25 close":                                        "# close",
	} {
		assert.Equal(t, want, incident.Mask(message), "%q", message)
	}
}
