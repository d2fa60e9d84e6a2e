package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"alertd/internal/config"
	"alertd/internal/store"
)

// errInterrupted says that the user has stopped a command.
var errInterrupted = errors.New("interrupted")

// loadNamed reads the configuration for a command that works on the event log.
// Unlike serve it refuses a file of --config that does not exist: the defaults name
// another log.
func (f *commonFlags) loadNamed(cmd *cobra.Command) (config.Config, error) {
	loaded, err := config.Load(f.options())
	if err != nil {
		return loaded, usageError{fmt.Errorf("%s is not valid:\n%w", f.config, err)}
	}
	if !loaded.Found && cmd.Flags().Changed("config") {
		return loaded, usageError{fmt.Errorf("%s does not exist; --config must name a file that does", loaded.Path)}
	}
	return loaded, nil
}

// openNamed is loadNamed for commands that only need the event log.
func (f *commonFlags) openNamed(cmd *cobra.Command) (store.Config, error) {
	loaded, err := f.loadNamed(cmd)
	if err != nil {
		return store.Config{}, err
	}
	return storeConfig(loaded, warnings(cmd)), nil
}

// warnings is a log of warnings and errors for the user of a command.
func warnings(cmd *cobra.Command) *slog.Logger {
	return slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// untilSignal returns a context that ends with ctx, by Ctrl-C or by SIGTERM. A second
// signal ends the process at once.
func untilSignal(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	forget := context.AfterFunc(ctx, stop)
	return ctx, func() {
		forget()
		stop()
	}
}

// oneFile checks that a command was given the name of one file.
func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError{fmt.Errorf("%s takes one file, not %d; see %s --help", cmd.Name(), len(args), cmd.CommandPath())}
	}
	return nil
}

// nameTaken makes a usage error of an error about a file that exists.
func nameTaken(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return usageError{err}
	}
	return err
}
