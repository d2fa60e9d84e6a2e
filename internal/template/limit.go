package template

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template/parse"
)

const (
	// maxSource is how long a template may be, in bytes.
	maxSource = 16 << 10
	// maxText is how long its result may be, in bytes.
	maxText = 64 << 10
	// maxSteps bounds what one execution may do: a step is a node of the parsed template.
	maxSteps = 50_000
	// maxBytes bounds what the functions of one execution may read and write together.
	maxBytes = 1 << 20
	// perCall is what {{template}} costs beside its steps, so that it cannot go deep, and
	// perTurn what a turn of a loop does.
	perCall, perTurn = 200, 5
)

var (
	errEndless = errors.New("it goes on for too long: a loop has too many turns, or a {{template}} never ends")
	errTooMuch = fmt.Errorf("its functions make more than %d bytes of text", maxBytes)
	errTooLong = fmt.Errorf("it makes more than %d bytes of text", maxText)
)

// budget is what is left to an execution.
type budget struct{ steps, bytes int }

// tick takes steps.
func (b *budget) tick(steps int) (string, error) {
	if b.steps -= steps; b.steps < 0 {
		return "", errEndless
	}
	return "", nil
}

// spend takes the bytes of texts.
func (b *budget) spend(texts ...string) error {
	for _, text := range texts {
		b.bytes -= len(text)
	}
	if b.bytes < 0 {
		return errTooMuch
	}
	return nil
}

// output is a result that never becomes too long.
type output struct{ bytes.Buffer }

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	if o.Len()+len(text) > maxText {
		return 0, errTooLong
	}
	return o.Buffer.Write(text)
}

// bound makes each template of a tree, and each turn of a loop in it, begin with a tick of
// as many steps as it has nodes.
func bound(tree *parse.Tree, source string) error {
	var loops []*parse.ListNode
	walk(tree.Root, func(n parse.Node) bool {
		if loop, ok := n.(*parse.RangeNode); ok {
			loops = append(loops, loop.List)
		}
		return true
	})
	for _, body := range loops {
		if err := begin(body, source, perTurn); err != nil {
			return err
		}
	}
	return begin(tree.Root, source, perCall)
}

// begin puts a tick at the beginning of a list. It has a variable, so that it prints
// nothing, and html/template does not escape it. It stands in the list's line, for errors.
func begin(list *parse.ListNode, source string, extra int) error {
	steps := extra
	walk(list, func(n parse.Node) bool {
		steps++
		if loop, ok := n.(*parse.RangeNode); ok { // its turns are counted when they come
			steps += nodes(loop.Pipe)
			if loop.ElseList != nil {
				steps += nodes(loop.ElseList)
			}
			return false
		}
		return true
	})
	above := strings.Repeat("\n", strings.Count(source[:list.Position()], "\n"))
	parsed, err := parse.Parse("tick", fmt.Sprintf("%s{{- $tick := tick %d}}", above, steps), "", "", map[string]any{"tick": true})
	if err != nil {
		return err
	}
	list.Nodes = append(parsed["tick"].Root.Nodes, list.Nodes...)
	return nil
}

func nodes(n parse.Node) (count int) {
	walk(n, func(parse.Node) bool {
		count++
		return true
	})
	return count
}

// walk calls visit for a node and, if it returns true, for what is below it.
func walk(n parse.Node, visit func(parse.Node) bool) {
	if !visit(n) {
		return
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, inner := range n.Nodes {
			walk(inner, visit)
		}
	case *parse.ActionNode:
		walk(n.Pipe, visit)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, visit)
		}
	case *parse.IfNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.WithNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.RangeNode:
		walkBranch(&n.BranchNode, visit)
	case *parse.PipeNode:
		for _, inner := range n.Cmds {
			walk(inner, visit)
		}
	case *parse.CommandNode:
		for _, inner := range n.Args {
			walk(inner, visit)
		}
	case *parse.ChainNode:
		walk(n.Node, visit)
	}
}

func walkBranch(n *parse.BranchNode, visit func(parse.Node) bool) {
	walk(n.Pipe, visit)
	walk(n.List, visit)
	if n.ElseList != nil {
		walk(n.ElseList, visit)
	}
}
