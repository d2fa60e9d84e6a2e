// Package pagerduty tells PagerDuty of incidents, by its Events API v2.
//
// An incident of alertd is one alert of PagerDuty, whose dedup_key is the incident's
// id. That an incident was opened, has become worse or has grown is a trigger, the
// rest are acknowledge and resolve. All of these may be sent again: PagerDuty adds
// what it knows already to the same alert. Acknowledge and resolve do nothing at
// PagerDuty unless a trigger was taken before, which is the engine's to see to.
//
// While an incident is acknowledged at PagerDuty, further triggers page nobody, also
// if the incident has become worse; what they say is in its log there.
//
// A test triggers an alert of severity info with a dedup_key of its own, and resolves
// it at once, both in one Send, so that the whole way is tried and nothing stays open.
// Depending on the urgency that the service gives to info, PagerDuty may notify.
package pagerduty
