// Package pagerdutytest stands in for PagerDuty's Events API v2: an [http.Handler]
// that checks every documented field and limit, answers as PagerDuty does, and keeps
// the alerts that were made. It is stricter than PagerDuty in one thing: it refuses
// fields that are not documented.
//
// It can be told to be in trouble: to be down, slow, or to answer 429 or 500.
package pagerdutytest
