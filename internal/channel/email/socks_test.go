package email_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
)

// greetSocks is the server's side of a SOCKS5 handshake with a login; it returns the
// address that the client asks for.
func greetSocks(client net.Conn, user, password string) (string, error) {
	read := func(n int) ([]byte, error) {
		b := make([]byte, n)
		_, err := io.ReadFull(client, b)
		return b, err
	}
	counted := func() (string, error) {
		n, err := read(1)
		if err != nil {
			return "", err
		}
		text, err := read(int(n[0]))
		return string(text), err
	}
	if _, err := read(1); err != nil { // the version
		return "", err
	}
	if _, err := counted(); err != nil { // the client's ways to log in
		return "", err
	}
	if _, err := client.Write([]byte{5, 2}); err != nil { // by name and password
		return "", err
	}
	if _, err := read(1); err != nil {
		return "", err
	}
	name, errName := counted()
	word, errWord := counted()
	if err := errors.Join(errName, errWord); err != nil {
		return "", err
	}
	if name != user || word != password {
		_, err := client.Write([]byte{1, 1})
		return "", errors.Join(errors.New("a wrong login"), err)
	}
	if _, err := client.Write([]byte{1, 0}); err != nil {
		return "", err
	}
	head, err := read(4)
	if err != nil {
		return "", err
	}
	var host string
	switch head[3] {
	case 1:
		var ip []byte
		ip, err = read(net.IPv4len)
		host = net.IP(ip).String()
	case 3:
		host, err = counted()
	default:
		err = errors.New("an address of another kind")
	}
	if err != nil {
		return "", err
	}
	port, err := read(2)
	if err != nil {
		return "", err
	}
	_, err = client.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return net.JoinHostPort(host, strconv.Itoa(int(binary.BigEndian.Uint16(port)))), err
}

// relay passes on what each of the two says until one of them has gone.
func relay(client, server net.Conn) {
	ended := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either may go at any time
		ended <- struct{}{}
	}
	go pass(server, client)
	go pass(client, server)
	<-ended
	_ = server.Close()
	_ = client.Close()
	<-ended
}
