package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/config"
	"alertd/internal/listen"
	"alertd/internal/plaintext"
)

func newHealthcheckCommand() *cobra.Command {
	var flags commonFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:               "healthcheck",
		Short:             "Ask a running alertd whether it is ready",
		Long:              "Exit status 0 if /readyz answers 200, else 1. Made for a container's HEALTHCHECK. It asks where the\nconfiguration says that alertd listens, over TLS if it says so.",
		Example:           "  alertd healthcheck\n  alertd healthcheck --listen 127.0.0.1:9000 --timeout 1s",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := config.Load(flags.options())
			switch {
			case err != nil && flags.listen == "":
				return usageError{fmt.Errorf("%s is not valid:\n%w", flags.config, err)}
			case err != nil: // the address is enough to ask
				loaded.Server = config.Server{Listen: flags.listen}
			}
			target, err := targetOf(&loaded.Server)
			if err != nil {
				return usageError{err}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			if err := askReady(ctx, target); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return err
		},
	}
	flags.add(cmd)
	cmd.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for an answer")
	completeFlag(cmd, "timeout", nil, cobra.ShellCompDirectiveNoFileComp)
	return cmd
}

// target is where and how alertd is asked.
type target struct {
	address listen.Address
	tls     bool
}

// targetOf returns where a server is reached from the same machine.
func targetOf(s *config.Server) (target, error) {
	for _, text := range []string{s.Listen, s.AdminListen} {
		address, err := listen.ParseAddress(text)
		if err == nil && address.Network == listen.Systemd && s.AdminListen != "" {
			continue // only systemd knows where that is
		}
		if err == nil && address.Network == listen.TCP {
			address.Target, err = localAddress(address.Target)
		}
		if err != nil || address.Network == listen.Systemd {
			return target{}, fmt.Errorf("%q is not an address that can be asked, must be host:port with the port in use, or unix: and a path; --listen names one", text)
		}
		return target{address, s.TLS.CertFile != "" && address.Network == listen.TCP}, nil
	}
	return target{}, fmt.Errorf("systemd opens both %s and %s, and only it knows where they are; --listen names one", s.Listen, s.AdminListen)
}

// localAddress returns where a server that listens on address is reached from
// the same machine.
func localAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err == nil && port == "0" {
		err = errors.New("port 0 is any")
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), err
}

func askReady(ctx context.Context, to target) error {
	scheme, host := "http", to.address.Target
	transport := &http.Transport{DisableKeepAlives: true}
	if to.tls {
		scheme = "https"
		// It asks its own machine and sends no secret. A certificate that has expired, or does not
		// name this address, is no reason to end alertd.
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
	}
	if to.address.Network == listen.Unix {
		host = "alertd"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", to.address.Target)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+host+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", to.address, err)
	}
	client := &http.Client{Transport: transport}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return fmt.Errorf("read answer of %s: %w", to.address, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s: %s", plaintext.Line(answer.Status), plaintext.Line(strings.TrimSpace(string(body))))
	}
	return nil
}
