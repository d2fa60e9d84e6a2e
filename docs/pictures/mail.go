package main

import (
	"mime"
	"net/mail"
	"os"
	"strings"
)

// letter is a mail as a mail program shows it.
type letter struct {
	Subject, Name, Address, To, Date string
	// HTML is that of the message, a page of its own.
	HTML string
}

// mailPage reads a golden message, and its HTML beside it. path has no ending.
func mailPage(path string) (letter, error) {
	file, err := os.Open(path + ".eml") //nolint:gosec // a file of the repository
	if err != nil {
		return letter{}, err
	}
	defer func() { _ = file.Close() }() // only read from
	m, err := mail.ReadMessage(file)
	if err != nil {
		return letter{}, err
	}
	from, err := m.Header.AddressList("From")
	if err != nil {
		return letter{}, err
	}
	to, err := m.Header.AddressList("To")
	if err != nil {
		return letter{}, err
	}
	date, err := m.Header.Date()
	if err != nil {
		return letter{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return letter{}, err
	}
	content, err := os.ReadFile(path + ".html") //nolint:gosec // a file of the repository
	if err != nil {
		return letter{}, err
	}
	names := make([]string, 0, len(to))
	for _, address := range to {
		names = append(names, address.Name)
	}
	return letter{
		Subject: subject, Name: from[0].Name, Address: from[0].Address, To: strings.Join(names, ", "),
		Date: date.Format("2 January 2006, 15:04"), HTML: string(content),
	}, nil
}
