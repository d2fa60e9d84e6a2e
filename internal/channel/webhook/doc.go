// Package webhook sends JSON to a receiver by HTTP. It is signed by Standard Webhooks
// (https://www.standardwebhooks.com), for which libraries exist in most languages.
// api/openapi.yaml describes the request and the meaning of answers, under webhooks.
//
// The webhook-id is the same each time a message is sent, so that a receiver can
// recognise a repeat. The webhook-timestamp, and with it the signature, is that of the
// attempt.
package webhook
