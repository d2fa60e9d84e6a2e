// Command pictures writes pages that show what channels send, for docs/channels.md:
//
//	go run ./docs/pictures FOLDER
//
// It is run at the root of the repository and takes what it shows from the golden files
// of the channels' tests, so that the pages show what is really sent; make.sh takes
// pictures of them.
package main

import (
	"embed"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
)

//go:embed slack.html.tmpl mail.html.tmpl
var files embed.FS

// testdata is where the golden files are.
const testdata = "internal/channel"

// pages returns what each page is made of, by its name.
func pages() map[string]func() (string, any, error) {
	slack := func(golden string, thread bool) func() (string, any, error) {
		return func() (string, any, error) {
			page, err := slackPage(filepath.Join(testdata, "slack/testdata", golden+".json"), thread)
			return "slack.html.tmpl", page, err
		}
	}
	mail := func(golden string) func() (string, any, error) {
		return func() (string, any, error) {
			page, err := mailPage(filepath.Join(testdata, "email/testdata", golden))
			return "mail.html.tmpl", page, err
		}
	}
	return map[string]func() (string, any, error){
		"slack-opened":       slack("thread_opened", false),
		"slack-critical":     slack("thread_severity_raised", false),
		"slack-acknowledged": slack("thread_acknowledged", true),
		"slack-resolved":     slack("thread_resolved", true),
		"email-opened":       mail("opened"),
		"email-resolved":     mail("resolved"),
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./docs/pictures FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// run writes all pages.
func run(folder string) error {
	templates, err := template.ParseFS(files, "*.tmpl")
	if err != nil {
		return err
	}
	for name, read := range pages() {
		source, page, err := read()
		if err != nil {
			return err
		}
		file, err := os.Create(filepath.Join(folder, name+".html")) //nolint:gosec // the operator names the folder
		if err != nil {
			return err
		}
		err = templates.ExecuteTemplate(file, source, page)
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
