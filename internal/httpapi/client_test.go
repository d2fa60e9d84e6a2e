package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"alertd/internal/httpapi"
)

// behind returns an API that believes these proxies, and logs every request.
func behind(tb testing.TB, unix bool, prefixes ...string) *harness {
	tb.Helper()
	return newHarness(tb, logsAll, func(c *httpapi.Config) {
		c.Settings.TrustedProxies.Unix = unix
		for _, prefix := range prefixes {
			c.Settings.TrustedProxies.Prefixes = append(c.Settings.TrustedProxies.Prefixes, netip.MustParsePrefix(prefix))
		}
	})
}

// clientOf returns the address that the log gives for a request, which is the peer's unless it says
// another.
func (h *harness) clientOf(peer string, forwardedFor ...string) string {
	h.tb.Helper()
	request := httptest.NewRequestWithContext(h.tb.Context(), http.MethodGet, "/version", nil)
	request.RemoteAddr = peer
	if forwardedFor != nil {
		request.Header["X-Forwarded-For"] = forwardedFor
	}
	h.api.Handler().ServeHTTP(httptest.NewRecorder(), request)
	record := h.lastRecord()
	require.Equal(h.tb, peer, record["remote"], "the log always has the peer")
	if client, ok := record["client"].(string); ok {
		return client
	}
	return "the peer"
}

func TestClientIsTheLastAddressThatIsNoProxys(t *testing.T) {
	h := behind(t, true, "10.0.0.0/8", "2001:db8:1::/48")
	for name, c := range map[string]struct {
		peer   string
		header []string
		want   string
	}{
		"no header":                         {"10.0.0.1:7", nil, "the peer"},
		"one address":                       {"10.0.0.1:7", []string{"192.0.2.7"}, "192.0.2.7"},
		"the client made up the first":      {"10.0.0.1:7", []string{"203.0.113.1, 192.0.2.7"}, "192.0.2.7"},
		"the client made up a whole header": {"10.0.0.1:7", []string{"203.0.113.1", "192.0.2.7"}, "192.0.2.7"},
		"the client poses as a proxy":       {"10.0.0.1:7", []string{"203.0.113.1, 10.0.0.9, 192.0.2.7"}, "192.0.2.7"},
		"two proxies":                       {"10.0.0.1:7", []string{"203.0.113.1, 192.0.2.7, 10.1.2.3"}, "192.0.2.7"},
		"two proxies, two headers":          {"10.0.0.1:7", []string{"192.0.2.7", "10.1.2.3"}, "192.0.2.7"},
		"proxies alone":                     {"10.0.0.1:7", []string{"10.0.0.9, 10.1.2.3"}, "the peer"},
		"garbage first":                     {"10.0.0.1:7", []string{"<script>, ,,, 192.0.2.7"}, "192.0.2.7"},
		"garbage last":                      {"10.0.0.1:7", []string{"192.0.2.7, unknown"}, "the peer"},
		"nothing last":                      {"10.0.0.1:7", []string{"192.0.2.7, "}, "the peer"},
		"with a port":                       {"10.0.0.1:7", []string{"192.0.2.7:5555"}, "192.0.2.7"},
		"IPv6":                              {"10.0.0.1:7", []string{"2001:db8::1"}, "2001:db8::1"},
		"IPv6 with a port":                  {"10.0.0.1:7", []string{"[2001:db8::1]:5555"}, "2001:db8::1"},
		"IPv6 with a zone":                  {"10.0.0.1:7", []string{"fe80::1%<b>"}, "fe80::1"},
		"IPv4 in IPv6":                      {"[::ffff:10.0.0.1]:7", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		"an IPv6 proxy":                     {"[2001:db8:1::5]:7", []string{"192.0.2.7, 2001:db8:1::6"}, "192.0.2.7"},
		"a proxy on a Unix socket":          {"@", []string{"192.0.2.7"}, "192.0.2.7"},
		"a stranger":                        {"192.0.2.66:7", []string{"203.0.113.1"}, "the peer"},
		"a stranger who names a proxy":      {"192.0.2.66:7", []string{"203.0.113.1, 10.0.0.1"}, "the peer"},
		"nearly a proxy":                    {"11.0.0.1:7", []string{"203.0.113.1"}, "the peer"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, h.on(t).clientOf(c.peer, c.header...))
		})
	}
	require.Equal(t, "the peer", behind(t, false, "10.0.0.0/8").clientOf("@", "192.0.2.7"), "a socket is trusted only where it says so")
	require.Equal(t, "the peer", newHarness(t, logsAll).clientOf("127.0.0.1:7", "192.0.2.7"), "nobody is trusted by default")
}

// The pieces of a header, each with the address that it stands for; "" is garbage.
var forwardedPieces = []struct{ text, address string }{
	{"192.0.2.7", "192.0.2.7"},
	{" 198.51.100.4 ", "198.51.100.4"},
	{"192.0.2.9:443", "192.0.2.9"},
	{"2001:db8::7", "2001:db8::7"},
	{"[2001:db8::8]:443", "2001:db8::8"},
	{"::ffff:192.0.2.10", "192.0.2.10"},
	{"10.0.0.1", "10.0.0.1"},
	{"10.255.0.1:80", "10.255.0.1"},
	{"2001:db8:1::1", "2001:db8:1::1"},
	{"", ""},
	{"unknown", ""},
	{"0.0.0.0", ""},
	{"300.1.1.1", ""},
	{"for=192.0.2.1", ""},
}

// FuzzForwardedFor looks at headers that begin with anything, which the client has made up, and
// end with known pieces.
func FuzzForwardedFor(f *testing.F) {
	f.Add("203.0.113.1", []byte{0, 6})
	f.Add("10.0.0.1, <script>", []byte{6, 7, 8})
	f.Add("", []byte{})
	f.Add("1.2.3.4%x, [::1]:99999,\t,", []byte{9, 3})
	h := behind(f, true, "10.0.0.0/8", "2001:db8:1::/48")
	trusted := func(address string) bool {
		return strings.HasPrefix(address, "10.") || strings.HasPrefix(address, "2001:db8:1:")
	}
	f.Fuzz(func(t *testing.T, madeUp string, pieces []byte) {
		h := h.on(t)
		values, decided, want := []string{madeUp}, false, "the peer"
		for _, b := range pieces[:min(len(pieces), 20)] {
			piece := forwardedPieces[int(b)%len(forwardedPieces)]
			if b < 128 {
				values[len(values)-1] += "," + piece.text
			} else {
				values = append(values, piece.text)
			}
		}
		for _, b := range slices.Backward(pieces[:min(len(pieces), 20)]) {
			if address := forwardedPieces[int(b)%len(forwardedPieces)].address; !trusted(address) {
				if decided = true; address != "" {
					want = address
				}
				break
			}
		}
		require.Equal(t, "the peer", h.clientOf("192.0.2.66:7", values...), "a stranger is not believed")
		for _, peer := range []string{"10.9.9.9:7", "[2001:db8:1::9]:7", "@"} {
			got := h.clientOf(peer, values...)
			if decided {
				require.Equal(t, want, got, "%q", values)
			} else if got != "the peer" { // it comes from what was made up, behind proxies only
				address, err := netip.ParseAddr(got)
				require.NoError(t, err)
				require.False(t, trusted(address.String()), "%q", values)
			}
		}
	})
}
