package bulk

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestWaitingIsSaidOnceAMinute for hours of going on and stalling again: a log
// must not be full of it.
func TestWaitingIsSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs strings.Builder
		e := &eventBoard{bulk: &bulk{Order: Order{View: View{Err: &errs}}}}
		said := func() int { return strings.Count(errs.String(), "\n") }
		began := time.Now()
		for i := range 3600 {
			e.waits(fmt.Sprintf("%d requests to server default are not known to have finished: waiting until %s", 80+i%3, time.Now().Format(time.RFC3339)))
			assert.Equal(t, 1+int(time.Since(began)/time.Minute), said())
			if i%2 == 0 {
				e.waits("")
			}
			time.Sleep(time.Second) // of the bubble
		}
		before := said()
		e.waits("80 requests to server second are not known to have finished: waiting until noon")
		assert.Equal(t, before+1, said(), "it is something else")
		assert.True(t, strings.HasPrefix(errs.String(), "kes-respond: 80 requests to server default "))
	})
}
