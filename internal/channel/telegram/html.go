package telegram

import (
	"strings"
	"unicode"
)

// control are the characters that HTML as Telegram reads it has for itself.
var control = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

// width is how much of Telegram's limit a character takes: it counts UTF-16 code
// units, after it has read the HTML.
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

// page is a message under way, which cannot become too long.
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

// speaks reports whether Telegram may find something in a text with that character:
// mentions, hashtags, commands, numbers of telephones, links, which it would then make
// of it.
func speaks(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ,:;-_()'!?%=…", r)
}

// line adds a name of ours and a value, if both fit.
func (p *page) line(name, value string, most int) bool {
	if width("\n"+name+": ")+width(cut(value, most)) > p.left {
		return false
	}
	return p.write("", "\n") && p.write("b", name+":") && p.write("", " ") && p.outside(value, most)
}
