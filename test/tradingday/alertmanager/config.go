package alertmanager

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// placeholder is the host of the receivers in a configuration.
const placeholder = "http://receiver.example.com"

// intervals are the keys of a configuration whose values are compressed with the day.
var intervals = []string{"resolve_timeout", "group_wait", "group_interval", "repeat_interval"}

// compress returns a configuration whose intervals are divided by speed, and whose receivers
// are at a URL.
func compress(path string, speed int, receivers string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if err := divide(&root, speed); err != nil {
		return nil, fmt.Errorf("compress %s: %w", path, err)
	}
	if data, err = yaml.Marshal(&root); err != nil {
		return nil, fmt.Errorf("compress %s: %w", path, err)
	}
	return []byte(strings.ReplaceAll(string(data), placeholder, receivers)), nil
}

// divide divides the intervals below a node by speed.
func divide(node *yaml.Node, speed int) error {
	for n, child := range node.Content {
		isValue := node.Kind == yaml.MappingNode && n%2 == 1
		if !isValue || !slices.Contains(intervals, node.Content[n-1].Value) {
			if err := divide(child, speed); err != nil {
				return err
			}
			continue
		}
		// Those of a day or more are written as hours.
		interval, err := time.ParseDuration(child.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", node.Content[n-1].Value, err)
		}
		child.Value = fmt.Sprintf("%dms", (interval / time.Duration(speed)).Milliseconds())
	}
	return nil
}
