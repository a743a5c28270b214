// Package sharedtest is the contract test of package shared: what every way to
// reach a Responder has to keep, whether a value is called directly or its
// requests travel as lines, or over gRPC.
//
// A carrier's own tests call Run with a function that opens it. The Responder
// behind it is a Fake that says what a story tells it to, so that what is
// tested is the carrier and nothing else. Ask checks the same promises of one
// request to any Responder, the real plugin included.
package sharedtest

import (
	"testing"

	"github.com/kes-respond/kes-respond/shared"
)

// Open serves r and gives the other end, and a function that breaks the stream
// between the two. The function is nil where there is no stream: then nothing
// can be lost on the way, and a panic of r is not a carrier's to catch. What
// Open starts it ends in a cleanup of t.
type Open func(t *testing.T, r shared.Responder) (far shared.Responder, cut func())

// Run tells every story of the contract over a carrier.
func Run(t *testing.T, open Open) {
	t.Run("stories", func(t *testing.T) { tellStories(t, open) })
	for _, story := range []struct {
		name string
		tell func(*testing.T, Open)
	}{
		{"a thousand at once", tellCrowd},
		{"order of events", tellOrder},
		{"a listener that blocks", tellBlocked},
		{"ids", tellIDs},
		{"large results", tellLarge},
		{"cancelled before the start", tellCancelledBefore},
		{"cancelled on the way", tellCancelled},
		{"cancelled too late", tellCancelledLate},
		{"out of time", tellOutOfTime},
		{"close drains", tellCloseDrains},
		{"close gives up", tellCloseGivesUp},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, open) })
	}
	for _, story := range []struct {
		name string
		tell func(*testing.T, Open)
	}{
		{"panic", tellPanic},
		{"misuse of emit", tellMisuse},
		{"no outcome", tellNoOutcome},
		{"stream lost", tellLost},
	} {
		t.Run(story.name, func(t *testing.T) {
			if far, cut := open(t, &Fake{}); cut == nil {
				far.Close(t.Context())
				t.Skip("there is no stream between")
			}
			story.tell(t, open)
		})
	}
}
