// Command counterparts plays the other side of two kinds of channels, to try delivery
// without any account:
//
//	go run ./examples/counterparts
//
// At -webhook it receives webhooks and verifies their signatures. At -slack it stands in
// for Slack, and is as strict. It prints a line for each message.
// POST /down at -slack stops its answers, POST /up starts them again.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "counterparts:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("counterparts", flag.ContinueOnError)
	hooks := flags.String("webhook", "127.0.0.1:9001", "where webhooks are taken")
	slack := flags.String("slack", "127.0.0.1:9002", "where Slack is")
	secret := flags.String("secret", "whsec_dG8gdHJ5IGRlbGl2ZXJ5LCBhbmQgbm90aGluZyBlbHNl", "what webhooks are signed with")
	token := flags.String("token", "xoxb-to-try-delivery", "the bot token that Slack takes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	p := &printer{out: out}
	receiver, err := newReceiver(*secret, p)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, side := range []struct {
		name, address string
		handler       http.Handler
	}{{"webhook", *hooks, receiver}, {"slack", *slack, newWorkspace(*token, p)}} {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", side.address)
		if err != nil {
			return err
		}
		p.say("%s listens on %s", side.name, listener.Addr())
		server := &http.Server{Handler: side.handler, ReadHeaderTimeout: 5 * time.Second}
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		group.Go(func() error {
			defer stop()
			if err := server.Serve(listener); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	return group.Wait()
}

// printer prints whole lines. Safe for concurrent use.
type printer struct {
	mu  sync.Mutex
	out io.Writer
}

func (p *printer) say(format string, values ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, format+"\n", values...) // the reader may have left
}
