package telegram

import (
	"strings"
	"unicode"
)

// control escapes the characters that have a meaning in Telegram's HTML.
var control = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// width returns the length of a text in UTF-16 code units. Telegram's limit counts these,
// after the HTML is read.
func width(text string) int {
	units := 0
	for _, r := range text {
		units++
		if r > 0xFFFF {
			units++
		}
	}
	return units
}

// cut returns a text of at most most UTF-16 code units, without white space around it; a
// cut is marked.
func cut(text string, most int) string {
	text = strings.TrimSpace(text)
	if width(text) <= most {
		return text
	}
	size := 0
	for at, r := range text {
		if size += width(string(r)); size > most-1 { // one is for the mark
			return text[:at] + "…"
		}
	}
	return text
}

// page is a message in the making that never becomes too long.
type page struct {
	html strings.Builder
	left int // UTF-16 code units
}

// write adds a text in a tag, "" for none, if it fits.
func (p *page) write(tag, text string) bool {
	if width(text) > p.left {
		return false
	}
	p.left -= width(text)
	if tag != "" && text != "" {
		p.html.WriteString("<" + tag + ">" + control.Replace(text) + "</" + tag + ">")
	} else {
		p.html.WriteString(control.Replace(text))
	}
	return true
}

// outside adds a text from outside, cut to most, if it fits.
func (p *page) outside(text string, most int) bool {
	text = cut(text, most)
	switch {
	case strings.Contains(text, "\n"):
		return p.write("pre", text)
	case strings.ContainsFunc(text, speaks):
		return p.write("code", text)
	default:
		return p.write("", text)
	}
}

// speaks reports whether Telegram may make a mention, a hashtag, a command, a telephone
// number or a link of a text with this character.
func speaks(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ,:;-_()'!?%=…", r)
}

// line adds a name of ours and a value, if both fit.
func (p *page) line(name, value string, most int) {
	if width("\n"+name+": ")+width(cut(value, most)) > p.left {
		return
	}
	p.write("", "\n")
	p.write("b", name+":")
	p.write("", " ")
	p.outside(value, most)
}
