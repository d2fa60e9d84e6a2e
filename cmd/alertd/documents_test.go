package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// shownCommand is one of alertd in a block of a document, up to what the shell does with it.
var shownCommand = regexp.MustCompile(`(?m)^(?:\$ )?(?:bin/)?alertd((?:'[^']*'|"[^"]*"|\\\n|[^|&;>#\n'"])*)`)

// shownWord is a word of a command.
var shownWord = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|[^\s'"\\])+`)

func TestDocumentsShowCommandsThatThereAre(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	seen := 0
	for _, file := range append(files, "../../README.md") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, block := range regexp.MustCompile("(?s)\n```(?:sh|console)\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
			for _, found := range shownCommand.FindAllStringSubmatch(block[1], -1) {
				cmd, args, err := newRootCommand(io.Discard, io.Discard).Find(shownWord.FindAllString(found[1], -1))
				require.NoError(t, err, "%s: alertd%s", file, found[1])
				for _, arg := range args {
					if name, long := strings.CutPrefix(arg, "--"); long {
						name, _, _ = strings.Cut(name, "=")
						require.True(t, name == "help" || cmd.Flag(name) != nil, "%s: alertd%s: there is no --%s", file, found[1], name)
						seen++
					}
				}
			}
		}
	}
	require.Greater(t, seen, 20)
}
