package client

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"net/url"
	"strconv"
)

// pageSize is how many elements one request asks for at most.
const pageSize = 200

// All returns the elements of a list, which an answer has under a name beside its
// next_cursor, page after page as they are wanted: at most so many, or all if most is 0.
// An error is the last that it yields.
func (c *Client) All(ctx context.Context, path, name string, query url.Values, most int) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		query := maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		for left := most; ; {
			size := pageSize
			if most > 0 {
				size = min(left, size)
			}
			query.Set("limit", strconv.Itoa(size))
			page, cursor, err := c.page(ctx, path, name, query)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, element := range page {
				if left--; !yield(element, nil) || left == 0 {
					return
				}
			}
			if cursor == "" {
				return
			}
			query.Set("cursor", cursor)
		}
	}
}

// List returns the elements of a list that has no pages, as [Client.All] does.
func (c *Client) List(ctx context.Context, path, name string, query url.Values) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		elements, _, err := c.page(ctx, path, name, query)
		if err != nil {
			yield(nil, err)
			return
		}
		for _, element := range elements {
			if !yield(element, nil) {
				return
			}
		}
	}
}

func (c *Client) page(ctx context.Context, path, name string, query url.Values) (elements []json.RawMessage, cursor string, err error) {
	data, err := c.Get(ctx, path, query)
	if err != nil {
		return nil, "", err
	}
	var answer map[string]json.RawMessage
	if err := json.Unmarshal(data, &answer); err != nil || json.Unmarshal(answer[name], &elements) != nil {
		return nil, "", c.stranger("the answer has no " + name)
	}
	if next := answer["next_cursor"]; next != nil {
		if err := json.Unmarshal(next, &cursor); err != nil { // null leaves it empty
			return nil, "", c.stranger("the answer's next_cursor is not a text")
		}
	}
	return elements, cursor, nil
}
