// Package listen makes the ways in: listeners on TCP, on Unix sockets and on sockets that
// systemd has opened; limits of how many connections they take; and certificates that are
// read again when their files change. It knows no HTTP.
//
// [Open] makes listeners, [Limiter] bounds their connections, and [Certificates] has the
// TLS settings of those on TCP. [Subject] names the owner of a client certificate.
package listen
