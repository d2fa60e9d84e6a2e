package listen_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"alertd/internal/listen"
)

// childFlag, as the first argument, makes the test binary a service of systemd that listens
// on the addresses that follow it.
const childFlag = "listen-on"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == childFlag {
		serveAddresses(os.Args[2:])
		return
	}
	goleak.VerifyTestMain(m)
}

// serveAddresses prints how many listeners each address has, or why there are none, and
// answers one connection on each with the address.
func serveAddresses(texts []string) {
	var addresses []listen.Address
	for _, text := range texts {
		address, err := listen.ParseAddress(text)
		if err != nil {
			panic(err)
		}
		addresses = append(addresses, address)
	}
	opened, err := listen.Open(context.Background(), 0o600, addresses...)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		return
	}
	var counts []string
	for i, listeners := range opened {
		counts = append(counts, fmt.Sprintf("%s=%d", texts[i], len(listeners)))
	}
	_, _ = fmt.Fprintln(os.Stdout, strings.Join(counts, " "))
	for i, listeners := range opened {
		for _, l := range listeners {
			answerOnce(l, texts[i])
		}
	}
}

func answerOnce(l net.Listener, text string) {
	conn, err := l.Accept()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
	_ = l.Close()
}
