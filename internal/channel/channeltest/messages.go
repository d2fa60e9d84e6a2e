package channeltest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"alertd/internal/alerting"
	"alertd/internal/channel"
	"alertd/internal/incident"
)

var messageCases = []testCase{
	{"every reason is told", everyReasonIsTold},
	{"a later message joins the thread of the first", aLaterMessageJoinsTheThreadOfTheFirst},
	{"a digest begins no thread and joins none", aDigestBeginsNoThreadAndJoinsNone},
	{"fifty messages at once are all delivered", fiftyMessagesAtOnceAreAllDelivered},
	{"no text is too hostile to be told", noTextIsTooHostileToBeTold},
	{"the longest texts are told", theLongestTextsAreTold},
}

var keyCases = []testCase{
	{"a message that is sent again has the same key", aMessageThatIsSentAgainHasTheSameKey},
}

func everyReasonIsTold(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	for _, reason := range Reasons() {
		result := send(t, ch, Notification(reason))
		assert.Equal(t, channel.Delivered, result.Outcome, "%s: %s", reason, result.Error)
	}
	assert.Empty(t, service.Problems())
}

func aLaterMessageJoinsTheThreadOfTheFirst(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	first := send(t, ch, Notification(incident.Opened))
	for _, reason := range []incident.Reason{incident.SeverityRaised, incident.Updated, incident.WasAcknowledged, incident.WasResolved} {
		n := Notification(reason)
		n.Thread = first.Thread
		result := send(t, ch, n)
		assert.Equal(t, channel.Delivered, result.Outcome, "%s: %s", reason, result.Error)
	}
	assert.Empty(t, service.Problems())
}

func aDigestBeginsNoThreadAndJoinsNone(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	n := Notification(incident.Digested)
	n.Thread = send(t, ch, Notification(incident.Opened)).Thread
	result := send(t, ch, n)
	assert.Equal(t, channel.Delivered, result.Outcome, result.Error)
	assert.Empty(t, result.Thread)
	assert.Empty(t, service.Problems())
}

func aMessageThatIsSentAgainHasTheSameKey(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch, restarted := f.open(t, service.Address), f.open(t, service.Address)
	one := Notification(incident.Opened)
	other := one
	other.Key = Notification(incident.Updated).Key
	for _, sent := range []struct {
		ch channel.Channel
		n  channel.Notification
	}{{ch, one}, {ch, one}, {restarted, one}, {ch, other}} {
		require.Equal(t, channel.Delivered, send(t, sent.ch, sent.n).Outcome)
	}
	keys := service.Keys()
	require.Len(t, keys, 4)
	require.NotEmpty(t, keys[0])
	assert.Equal(t, keys[0], keys[1], "a message that was sent again has another key")
	assert.Equal(t, keys[0], keys[2], "after a restart the message has another key")
	assert.NotEqual(t, keys[0], keys[3], "another message has the same key")
}

func fiftyMessagesAtOnceAreAllDelivered(t *testing.T, f Fixture) {
	const many = 50
	service := f.serve(t)
	ch := f.open(t, service.Address)
	var senders sync.WaitGroup
	results := make([]channel.Result, many)
	for i := range many {
		senders.Go(func() {
			n := Opened(alerting.SeverityError, "var_gate", fmt.Sprintf("desk %d: limit breached", i), `{"desk":1}`)
			results[i] = send(t, ch, n)
		})
	}
	senders.Wait()
	for i, result := range results {
		assert.Equal(t, channel.Delivered, result.Outcome, "%d: %s", i, result.Error)
	}
	assert.Empty(t, service.Problems())
	if keys := service.Keys(); len(keys) > 0 {
		different := map[string]bool{}
		for _, key := range keys {
			different[key] = true
		}
		assert.Len(t, different, many, "messages were lost, or share a key")
	}
}

func noTextIsTooHostileToBeTold(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	rapid.Check(t, func(rt *rapid.T) {
		n := HostileNotification().Draw(rt, "notification")
		result := send(t, ch, n)
		if result.Outcome != channel.Delivered {
			rt.Fatalf("%s of %q: %s", n.Notice.Reason, n.Notice.Incident.Message, result.Error)
		}
		if problems := service.Problems(); len(problems) > 0 {
			rt.Fatalf("%s of %q: %v", n.Notice.Reason, n.Notice.Incident.Message, problems)
		}
	})
}

func theLongestTextsAreTold(t *testing.T, f Fixture) {
	service := f.serve(t)
	ch := f.open(t, service.Address)
	for _, text := range []string{"x", "é", "😀", "<", "&", "*", "\u202e", "\x01", "\"", "a "} {
		for _, reason := range Reasons() {
			result := send(t, ch, longest(reason, text))
			assert.Equal(t, channel.Delivered, result.Outcome, "%s, full of %q: %s", reason, text, result.Error)
		}
	}
	assert.Empty(t, service.Problems())
}
