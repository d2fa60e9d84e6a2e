package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// explainPostgres says why the database cannot do something now, by the error's
// code.
func explainPostgres(err error) string {
	if known, ok := errors.AsType[*pgconn.PgError](err); ok {
		return explainState(known.Code)
	}
	if errors.Is(err, pgconn.ErrReadOnlyConnection) || errors.Is(err, pgconn.ErrStandbyConnection) {
		return "the database server is read-only, such as a standby"
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "the database server cannot be reached"
	}
	if errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err) {
		return "the database does not answer in time"
	}
	if _, ok := errors.AsType[*net.OpError](err); ok || isConnectionLost(err) {
		return "the connection to the database was lost"
	}
	return ""
}

// explainState does so for an error of the server.
func explainState(code string) string {
	switch code {
	case "53100":
		return "the disk of the database server is full"
	case "53300":
		return "the database server has too many connections"
	case "25006":
		return "the database server is read-only, such as a standby"
	case "3D000":
		return "the database does not exist"
	case "42501":
		return "the database server does not allow it to the user"
	case "55P03", "57014":
		return "the database does not answer in time"
	case "25P03", "25P04", "57P05":
		return "the database server has ended the connection"
	}
	switch code[:min(2, len(code))] {
	case "28":
		return "the database server refuses the user or the password"
	case "08":
		return "the database server is stopping or starting"
	case "XX":
		return "the database server has an internal error, or its data are damaged"
	case "53", "58":
		return "the database server lacks a resource"
	}
	if strings.HasPrefix(code, "57P") {
		return "the database server is stopping or starting"
	}
	return "the database does not take the events (SQLSTATE " + code + ")"
}

// hasEndedConnection reports whether an error came with the end of a connection, be
// it that it was still being set up: the server has ended it and said so, or it broke.
// One that was refused is none.
func hasEndedConnection(err error) bool {
	if pgconn.Timeout(err) {
		return false
	}
	if known, ok := errors.AsType[*pgconn.PgError](err); ok {
		if _, connecting := errors.AsType[*pgconn.ConnectError](err); connecting {
			return known.Code == "57P01" || known.Code == "57P02" // as the server was told to, or as it crashed
		}
		return known.SeverityUnlocalized == "FATAL" || known.SeverityUnlocalized == "PANIC"
	}
	broken, ok := errors.AsType[*net.OpError](err)
	return ok && broken.Op != "dial" || isConnectionLost(err)
}

// isConnectionLost reports whether the connection broke in mid-conversation.
func isConnectionLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn)
}
