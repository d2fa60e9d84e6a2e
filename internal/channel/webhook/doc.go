// Package webhook tells a receiver by HTTP of what happens to incidents: JSON, signed
// as Standard Webhooks says (https://www.standardwebhooks.com), so that receivers
// verify it by a library that exists in their language. api/openapi.yaml describes
// the request and what the answers mean, under webhooks.
//
// The webhook-id stays the same however often a message is sent, so that a receiver
// can take it once; the webhook-timestamp, and with it the signature, is that of the
// attempt.
package webhook
