package journal

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestPast: somebody else released the host on the console, so the isolation
// that answered does not any more. Of many who saw it one isolates anew, and
// that one answers the others.
func TestPast(t *testing.T) {
	for _, first := range []shared.Outcome{"", shared.Submitted, shared.Succeeded} {
		dir := newDir(t)
		js := []*Journal{open(t, dir), open(t, dir), open(t, dir)}
		earlier := js[0].mustClaim(t, isolates("1", "on"))
		if first != "" {
			require.NoError(t, earlier.Ended(t.Context(), first, "", ""))
		}
		const n = 12
		var priors [n]*Prior
		for i := range priors {
			priors[i] = js[i%3].mustPrior(t, isolates(fmt.Sprint("again", i), "on"))
			require.Equal(t, earlier.Record().Seq, priors[i].Seq)
		}
		var all sync.WaitGroup
		var claims [n]*Claim
		for i := range n {
			all.Go(func() {
				e := isolates(fmt.Sprint("again", i), "on")
				e.Past = priors[i].Seq
				var err error
				claims[i], priors[i], err = js[i%3].Claim(t.Context(), e, nil)
				assert.NoError(t, err)
			})
		}
		all.Wait()
		var won *Claim
		for _, c := range claims {
			if c != nil {
				require.Nil(t, won, "two were claimed")
				won = c
			}
		}
		require.NotNil(t, won)
		for _, p := range priors {
			if p != nil {
				assert.Equal(t, won.Record().Seq, p.Seq)
			}
		}
		r, found, err := js[1].BySeq(t.Context(), won.Record().Seq)
		require.NoError(t, err)
		require.True(t, found)
		assert.Equal(t, earlier.Record().Seq, r.Past, "the ledger says why it did not answer")
		sound(t, js[0], nil)
	}
}

// TestPastEndsNoKey: the same key is the same request.
func TestPastEndsNoKey(t *testing.T) {
	j := open(t, newDir(t))
	c := j.mustClaim(t, keyed(isolates("1", "on"), "k"))
	again := keyed(isolates("2", "on"), "k")
	again.Past = c.Record().Seq
	assert.Equal(t, c.Record().Seq, j.mustPrior(t, again).Seq)
}
