package wholefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/wholefile"
)

func names(tb testing.TB, folder string) []string {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(tb, err)
	found := []string{}
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	return found
}

func TestCommittedFileAppears(t *testing.T) {
	folder := t.TempDir()
	target := filepath.Join(folder, "copy.db")
	file, err := wholefile.Create(target)
	require.NoError(t, err)
	_, err = file.WriteString("all of it")
	require.NoError(t, err)
	require.NoFileExists(t, target)

	require.NoError(t, file.Commit())
	content, err := os.ReadFile(target)
	require.NoError(t, err)
	require.Equal(t, "all of it", string(content))
	require.Equal(t, []string{"copy.db"}, names(t, folder))
	info, err := os.Stat(target)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())
	require.NoError(t, file.Discard(), "what is committed stays")
	require.FileExists(t, target)
}

func TestDiscardedFileLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	file, err := wholefile.Create(filepath.Join(folder, "copy.db"))
	require.NoError(t, err)
	_, err = file.WriteString("half of")
	require.NoError(t, err)
	require.Len(t, names(t, folder), 1)
	require.NoError(t, file.Discard())
	require.Empty(t, names(t, folder))
	require.NoError(t, file.Discard())
}

func TestFileReplacesNoOther(t *testing.T) {
	t.Run("existing at the start", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "copy.db")
		require.NoError(t, os.WriteFile(target, []byte("another"), 0o600))
		_, err := wholefile.Create(target)
		require.ErrorIs(t, err, fs.ErrExist)
		require.ErrorContains(t, err, target+" is there already")
	})
	t.Run("created meanwhile", func(t *testing.T) {
		folder := t.TempDir()
		target := filepath.Join(folder, "copy.db")
		file, err := wholefile.Create(target)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(target, []byte("another"), 0o600))
		require.ErrorIs(t, file.Commit(), fs.ErrExist)
		content, err := os.ReadFile(target)
		require.NoError(t, err)
		require.Equal(t, "another", string(content))
		require.Equal(t, []string{"copy.db"}, names(t, folder))
	})
	t.Run("dangling link", func(t *testing.T) {
		target := filepath.Join(t.TempDir(), "copy.db")
		require.NoError(t, os.Symlink("nowhere", target))
		_, err := wholefile.Create(target)
		require.ErrorIs(t, err, fs.ErrExist)
	})
}

func TestMissingFolderIsError(t *testing.T) {
	_, err := wholefile.Create(filepath.Join(t.TempDir(), "none", "copy.db"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}
