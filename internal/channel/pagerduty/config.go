package pagerduty

import (
	"errors"
	"regexp"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/channel/outbound"
)

// Config is the settings of a channel of this kind.
type Config struct {
	// RoutingKey is the integration key of a service or an orchestration: 32 letters and
	// digits. It is a secret.
	RoutingKey string
	// APIURL replaces https://events.pagerduty.com, such as by
	// https://events.eu.pagerduty.com or a stand-in. It has no path. "": the former.
	APIURL string
	// Outbound says how to get out.
	Outbound outbound.Config
}

// defaultAPI is where PagerDuty takes events, and enqueue the path there.
const (
	defaultAPI = "https://events.pagerduty.com"
	enqueue    = "/v2/enqueue"
)

// Validate returns nil, or an error that names each key with a value that is not
// allowed. It shows no secret.
func (c Config) Validate() error {
	var problems []channel.Problem
	switch {
	case c.RoutingKey == "":
		problems = append(problems, channel.Required("routing_key"))
	case !isRoutingKey(c.RoutingKey):
		problems = append(problems, channel.Problem{
			Field: "routing_key", Message: "the value (not shown) is not allowed, must be the 32 letters and digits of an integration key for Events API v2",
		})
	}
	problems = append(problems, channel.CheckURL("api_url", c.APIURL)...)
	if invalid, ok := errors.AsType[*alerting.Error](c.Outbound.Validate()); ok {
		problems = append(problems, invalid.Fields...)
	}
	return channel.Invalid(problems...)
}

func isRoutingKey(text string) bool {
	matched, err := regexp.MatchString(`^[A-Za-z0-9]{32}$`, text)
	return err == nil && matched
}
