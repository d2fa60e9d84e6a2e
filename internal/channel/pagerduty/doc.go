// Package pagerduty sends events to PagerDuty's Events API v2.
//
// An incident of alertd is one alert of PagerDuty, with the incident's id as its
// dedup_key. Opened, severity raised and updated are triggers; the other two are
// acknowledge and resolve. Each may be sent again: PagerDuty adds a repeat to the same
// alert. PagerDuty drops an acknowledge or resolve without an earlier trigger; the engine
// sends them only after one. They go out with the routing key of the trigger, also after
// the configured key has changed.
//
// While an incident is acknowledged at PagerDuty, further triggers page nobody, even if
// its severity has risen. They appear in its log there.
//
// A test triggers an alert of severity info with a dedup_key of its own and resolves it
// in the same Send, so that both ways are tried and nothing stays open. Depending on the
// service's urgency for info, PagerDuty may notify somebody.
package pagerduty
