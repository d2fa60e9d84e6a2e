// Package email delivers messages by SMTP, to a server that the operator names.
//
// Each message goes out on a connection of its own, as text and as HTML. With tls =
// "starttls" nothing goes out in clear text: a server that does not offer STARTTLS gets
// nothing.
//
// # What counts as delivered
//
// Each recipient is a target ([channel.Targeted]) with a delivery and an SMTP transaction
// of its own; the header names all of them. A message is delivered when the server has
// taken it for that recipient, whatever happens to the others.
//
// A refusal for now (4xx) is transient, and so is everything that goes wrong with the
// connection or with TLS. A refusal for good (5xx), also of the login, is permanent. If
// the connection is lost after the message was sent and before the server has answered,
// the message is sent again, with the same Message-ID.
//
// A message without a target goes to all recipients, one transaction after the other. It
// is delivered when the server has taken it for all of them. If any recipient may be
// taken later the outcome is transient, and the next attempt goes to all of them again.
//
// # Threads
//
// All messages about an incident refer to one root, whose Message-ID is made from the
// incident's id, and to the first message that was delivered. So they are one
// conversation even if the first message never arrived. Their subjects differ only in
// the label: [channel.Result.Thread] carries the first subject beside the Message-ID,
// since the incident's own text changes with each event.
package email
