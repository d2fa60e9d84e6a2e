// Package outqueue writes to an output that may hang, such as a pipe that nobody
// reads, without hanging with it.
//
// A [Queue] keeps what waits in memory, up to a limit, and one goroutine writes it in
// order. There are two ways in. They may be mixed, and the order holds across both:
//
//   - [Queue.Write] is for logs: it never waits. When the queue is full, records are
//     dropped and counted, and the next record that is taken follows one that says how
//     many were dropped.
//   - [Queue.Send] is for messages whose fate matters, such as those of a console
//     channel: it returns when the message is written, or when its context ends. Nothing
//     is dropped, as the caller waits.
//
// Make one Queue for each output and share it. A second queue on an output that hangs
// would hang beside the first one.
//
// The goroutine exists only while something waits to be written. [Queue.Close] waits for
// it, but not for ever: a write that hangs in the kernel cannot be ended.
package outqueue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrClosed says that the queue takes nothing more.
var ErrClosed = errors.New("the output is closed")

// chunkSize is how many bytes of records share a write, about.
const chunkSize = 32 << 10

// Config says how a queue works.
type Config struct {
	// Out is written to by one goroutine at a time.
	Out io.Writer
	// Capacity is how many bytes of records may wait. One record may exceed it.
	Capacity int
	// Dropped returns the record that says how many records were dropped at this place.
	// Without it none says so. It must not use the queue.
	Dropped func(records uint64) []byte
}

// Queue writes records in the order in which they came. Safe for concurrent use.
type Queue struct {
	config Config

	mu      sync.Mutex
	waiting []*chunk
	size    int           // bytes of waiting
	idle    chan struct{} // closed when the goroutine that writes ends; nil if there is none
	spare   []byte        // the buffer of a chunk that was written
	dropped uint64        // records in all
	untold  uint64        // records that were dropped since a record last said so
	closed  bool
}

// chunk is what one call of the output's Write takes: records of Write together, or one
// message of Send.
type chunk struct {
	text    []byte
	records uint64     // of Write
	written chan error // of Send: takes the outcome
}

// New returns a queue. It starts nothing.
func New(config Config) *Queue { return &Queue{config: config} }

// Write takes a record, which is one that stands for itself, such as a line. It never
// waits, and always returns len(record) and nil: a record that finds the queue full, or
// closed, is dropped and counted. So is one that the output refuses later on.
func (q *Queue) Write(record []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.size >= q.config.Capacity {
		q.drop(1)
		return len(record), nil
	}
	q.tellDropped()
	q.add(record, 1)
	return len(record), nil
}

// Send writes a message by a call of its own and returns the output's error. When ctx
// ends before, it returns ctx's error: a message whose write has not begun by then is
// withdrawn; one whose write hangs may still appear, in part or whole.
func (q *Queue) Send(ctx context.Context, message []byte) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	c := &chunk{text: message, written: make(chan error, 1)}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return ErrClosed
	}
	q.waiting = append(q.waiting, c)
	q.start()
	q.mu.Unlock()
	select {
	case err := <-c.written:
		return err
	case <-ctx.Done():
	}
	q.withdraw(c)
	select {
	case err := <-c.written: // just in time
		return err
	default:
		return fmt.Errorf("the output did not take it in time: %w", ctx.Err())
	}
}

// withdraw removes a message that has not begun to be written.
func (q *Queue) withdraw(c *chunk) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, c); i >= 0 {
		q.remove(i)
	}
}

// Dropped returns how many records were dropped in all.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Close takes nothing more and returns when all that waits is written. When ctx ends
// before, it returns ctx's error, and what has not begun to be written is dropped. It is
// called once.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.tellDropped()
	q.closed = true
	idle := q.idle
	q.mu.Unlock()
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, c := range q.waiting {
		q.finish(c, ErrClosed)
	}
	q.waiting, q.size = nil, 0
	return fmt.Errorf("write what waits: %w", ctx.Err())
}

// tellDropped adds the record that says how many were dropped. The lock is held.
func (q *Queue) tellDropped() {
	if q.untold == 0 {
		return
	}
	if q.config.Dropped != nil {
		q.add(q.config.Dropped(q.untold), 0)
	}
	q.untold = 0
}

// drop counts records. The lock is held.
func (q *Queue) drop(records uint64) {
	q.dropped += records
	q.untold += records
}

// add puts a record behind what waits. The lock is held.
func (q *Queue) add(record []byte, records uint64) {
	last := len(q.waiting) - 1
	if last < 0 || q.waiting[last].written != nil || len(q.waiting[last].text) >= chunkSize {
		q.waiting, last = append(q.waiting, &chunk{text: q.spare[:0]}), last+1
		q.spare = nil
	}
	c := q.waiting[last]
	c.text = append(c.text, record...)
	c.records += records
	q.size += len(record)
	q.start()
}

// start starts the goroutine that writes, unless it runs. The lock is held.
func (q *Queue) start() {
	if q.idle == nil {
		q.idle = make(chan struct{})
		go q.write(q.idle)
	}
}

// write writes until nothing waits.
func (q *Queue) write(idle chan struct{}) {
	defer close(idle)
	for {
		c := q.next()
		if c == nil {
			return
		}
		_, err := q.config.Out.Write(c.text)
		q.mu.Lock()
		q.finish(c, err)
		q.mu.Unlock()
	}
}

// next returns what to write next; nil if nothing waits, and then nobody writes.
func (q *Queue) next() *chunk {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.idle = nil
		return nil
	}
	c := q.waiting[0]
	q.remove(0)
	return c
}

// finish settles a chunk that was written, or never will be. The lock is held.
func (q *Queue) finish(c *chunk, err error) {
	switch {
	case c.written != nil:
		c.written <- err
	case err != nil:
		q.drop(c.records)
	default:
		q.spare = c.text
	}
}

// remove takes a chunk from those that wait. The lock is held.
func (q *Queue) remove(i int) {
	c := q.waiting[i]
	if c.written == nil {
		q.size -= len(c.text)
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
}
