package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// message has the parts of a webhook that are read.
type message struct {
	Type string `json:"type"`
	Data struct {
		Incident struct {
			ID      string `json:"incident_id"`
			Source  string `json:"source"`
			Pattern string `json:"pattern"` // the dedup_key, if there is one
		} `json:"incident"`
	} `json:"data"`
}

// receiver receives webhooks.
type receiver struct {
	url    string
	server *http.Server
	served chan error
	failed atomic.Pointer[error] // the first webhook that could not be read
}

// startReceiver receives webhooks on a free port and passes each to take, with the time when
// its head had arrived. take is called by several goroutines at once.
func startReceiver(ctx context.Context, take func(m message, at time.Time)) (*receiver, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	r := &receiver{url: "http://" + listener.Addr().String() + "/hook", served: make(chan error, 1)}
	r.server = &http.Server{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
			at := time.Now() // before anything else
			m, err := readMessage(request.Body)
			if err != nil {
				r.failed.CompareAndSwap(nil, &err)
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			take(m, at)
			w.WriteHeader(http.StatusNoContent)
		}),
	}
	go func() { r.served <- r.server.Serve(listener) }()
	return r, nil
}

func readMessage(body io.Reader) (message, error) {
	var m message
	text, err := io.ReadAll(body)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && m.Type == "" {
		err = errors.New("it has no type")
	}
	if err != nil {
		return message{}, fmt.Errorf("read a webhook: %w", err)
	}
	return m, nil
}

// stop ends the receiver, and returns an error if a webhook could not be read.
func (r *receiver) stop() error {
	err := r.server.Close()
	if served := <-r.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if failed := r.failed.Load(); failed != nil {
		err = errors.Join(err, *failed)
	}
	return err
}
