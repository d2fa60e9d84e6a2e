// Package email delivers messages by SMTP, to a server that the operator names.
//
// Each message goes out on a connection of its own, as text and as HTML, to all
// recipients at once. With tls = "starttls" it never goes out in clear text: a server
// that does not offer STARTTLS gets nothing.
//
// # What counts as delivered
//
// A message is delivered when the server has taken it for at least one recipient.
// SMTP takes or refuses each recipient apart, but a message only as a whole: to wait
// until all of them are taken would let one address that is no more silence the
// alert for everybody, and to send it again would page those a second time who have
// it. Who was refused is named in the result's Error. Recipients that must each be
// told for certain belong in channels of their own.
//
// What the server refuses for now (4xx), and whatever goes wrong with the connection
// or with TLS, is transient; what it refuses for good (5xx), a login among it, is
// permanent. If the connection is lost after the message was sent and before the
// server has answered, the message is sent again, with the same Message-ID.
//
// # Threads
//
// All messages about an incident refer to one root, whose Message-ID is made of the
// incident's id, and to the first message that was delivered; so they are one
// conversation also if that one never arrived. Their subjects differ in the label
// alone: [channel.Result.Thread] carries the first one's subject beside its
// Message-ID, since the incident's own text changes with each event.
package email
