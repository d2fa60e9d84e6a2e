package template

import (
	"fmt"
	htmltemplate "html/template"
	"io"
	"slices"
	"sync"
	texttemplate "text/template"
	"text/template/parse"
	"time"

	"alertd/internal/incident"
)

// part is one parsed template, with limits in it.
type part struct {
	name string
	// keys are the members of the context that it names.
	keys []string

	executing sync.Mutex // held while it is executed: there is one budget
	left      *budget
	template  interface {
		Execute(out io.Writer, data any) error
	}
}

// parsePart parses a template.
func parsePart(name, source string, html bool) (*part, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("has %d bytes, must have at most %d", len(source), maxSource)
	}
	p := &part{name: name, left: &budget{}}
	f := functions{budget: p.left, html: html, zones: map[string]*time.Location{}}
	trees, err := p.parse(source, &f)
	for _, tree := range trees {
		if err == nil {
			err = allowed(tree)
		}
		if err == nil {
			p.keys = append(p.keys, contextKeys(tree)...)
			err = bound(tree, source)
		}
	}
	if err != nil {
		return nil, explain(err)
	}
	return p, nil
}

// parse sets the template, and returns the trees of all that it defines.
func (p *part) parse(source string, f *functions) (trees []*parse.Tree, err error) {
	known := f.all()
	known["tick"] = p.left.tick
	if f.html {
		t, err := htmltemplate.New(p.name).Option("missingkey=zero").Funcs(known).Parse(source)
		if err != nil {
			return nil, err
		}
		for _, defined := range t.Templates() {
			trees = append(trees, defined.Tree)
		}
		p.template = t
		return trees, nil
	}
	t, err := texttemplate.New(p.name).Option("missingkey=zero").Funcs(known).Parse(source)
	if err != nil {
		return nil, err
	}
	for _, defined := range t.Templates() {
		trees = append(trees, defined.Tree)
	}
	p.template = t
	return trees, nil
}

// allowed returns an error if a template calls a function that is not one of [Functions].
func allowed(tree *parse.Tree) (err error) {
	functions := Functions()
	walk(tree.Root, func(n parse.Node) bool {
		if f, ok := n.(*parse.IdentifierNode); ok && err == nil && !slices.Contains(functions, f.Ident) {
			at, _ := tree.ErrorContext(n)
			err = fmt.Errorf("template: %s: function %q not defined", at, f.Ident) // as text/template says it
		}
		return err == nil
	})
	return err
}

// contextKeys returns the members of the context that a template names, as in .Context.desk
// or index .Context "desk".
func contextKeys(tree *parse.Tree) (keys []string) {
	walk(tree.Root, func(n parse.Node) bool {
		switch n := n.(type) {
		case *parse.FieldNode:
			keys = append(keys, keyOf(n.Ident)...)
		case *parse.VariableNode:
			keys = append(keys, keyOf(n.Ident)...)
		case *parse.CommandNode:
			for _, arg := range n.Args {
				if text, ok := arg.(*parse.StringNode); ok {
					keys = append(keys, text.Text)
				}
			}
		}
		return true
	})
	return keys
}

// keyOf returns the name after Context in a chain of names.
func keyOf(chain []string) []string {
	if at := slices.Index(chain, "Context") + 1; at > 0 && at < len(chain) {
		return chain[at : at+1]
	}
	return nil
}

// execute returns the result for a message.
func (p *part) execute(data Data) (string, error) {
	p.executing.Lock()
	defer p.executing.Unlock()
	*p.left = budget{maxSteps, maxBytes}
	var out output
	if err := p.template.Execute(&out, data); err != nil {
		return "", explain(err)
	}
	return out.String(), nil
}

// check executes the template against samples.
func (p *part) check() error {
	for _, s := range samples(p.keys) {
		if _, err := p.execute(DataOf(s)); err != nil {
			if s.Notice.Reason != incident.Opened {
				return fmt.Errorf("%w, in a message with the reason %s", err, s.Notice.Reason)
			}
			return err
		}
	}
	return nil
}
