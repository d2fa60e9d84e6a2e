package child

import (
	"fmt"
	"os"
	"path/filepath"
)

// Alertd has the parameters to start alertd.
type Alertd struct {
	Binary string
	// DSN is a PostgreSQL database; "": SQLite.
	DSN string
	// Directory has the configurations and SQLite's databases.
	Directory string
}

// Command writes a configuration with its storage and the text, and returns the command that
// starts alertd with it. On SQLite each name has its own database.
func (a Alertd) Command(name, text string, args ...string) ([]string, error) {
	storage := fmt.Sprintf("driver = \"sqlite\"\npath = %q\n", filepath.Join(a.Directory, name, "alertd.db"))
	if a.DSN != "" {
		storage = fmt.Sprintf("driver = \"postgres\"\ndsn = %q\n", a.DSN)
	}
	config := filepath.Join(a.Directory, name+".toml")
	if err := os.WriteFile(config, []byte("[storage]\n"+storage+text), 0o600); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return append([]string{a.Binary, "serve", "--config", config, "--listen", "127.0.0.1:0"}, args...), nil
}
