package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"alertd/internal/config"
	"alertd/internal/plaintext"
)

func newHealthcheckCommand() *cobra.Command {
	var flags commonFlags
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:               "healthcheck",
		Short:             "Ask a running alertd whether it is ready",
		Long:              "Exit status 0 if /readyz answers 200, else 1. Made for a container's HEALTHCHECK.",
		Example:           "  alertd healthcheck\n  alertd healthcheck --listen 127.0.0.1:9000 --timeout 1s",
		Args:              noArguments,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			address := flags.listen
			if address == "" {
				loaded, err := config.Load(flags.options())
				if err != nil {
					return usageError{fmt.Errorf("%s is not valid:\n%w", flags.config, err)}
				}
				address = loaded.Server.Listen
			}
			target, err := localAddress(address)
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

// localAddress returns where a server that listens on address is reached from
// the same machine.
func localAddress(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "0" || port == "" {
		return "", fmt.Errorf("%q is not an address that can be asked, must be host:port with the port in use", address)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}

func askReady(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", address, err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return fmt.Errorf("read answer of %s: %w", address, err)
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s: %s", plaintext.Line(answer.Status), plaintext.Line(strings.TrimSpace(string(body))))
	}
	return nil
}
