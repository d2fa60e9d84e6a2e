package channeltest

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// proxy is a network in front of a service that can be made to fail.
type proxy struct{ *toxiproxy.Proxy }

// newProxy starts one, until the test ends.
func newProxy(tb testing.TB, upstream string) proxy {
	tb.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := proxy{toxiproxy.NewProxy(server, "network", "127.0.0.1:0", upstream)}
	require.NoError(tb, p.Start())
	tb.Cleanup(p.Stop)
	return p
}

// toxic makes the network fail in one of toxiproxy's ways and in one direction: up is that
// of requests, down that of answers.
func (p proxy) toxic(tb testing.TB, kind, direction string, attributes map[string]int) {
	tb.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "stream": direction + "stream", "attributes": attributes})
	require.NoError(tb, err)
	_, err = p.Toxics.AddToxicJson(bytes.NewReader(text))
	require.NoError(tb, err)
}

// recover makes the network work again.
func (p proxy) recover(tb testing.TB) {
	tb.Helper()
	p.Toxics.ResetToxics(tb.Context())
}

// ofToxiproxy ignores goroutines of toxiproxy, which does not wait for those that write
// to a connection that it cuts.
func ofToxiproxy() goleak.Option {
	return goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")
}
