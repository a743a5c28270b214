package journal

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// TestServersOfThePastTakeNoRoom: requests name their servers, any number of
// them, and the index does not keep all that it ever heard of.
func TestServersOfThePastTakeNoRoom(t *testing.T) {
	base := newDir(t)
	synctest.Test(t, func(t *testing.T) {
		j := open(t, base)
		most := uint32(0)
		for n := range 20 {
			for i := range 2 * firstGaugePages {
				e := deletes(fmt.Sprint(n, "-", i))
				e.Server = fmt.Sprint("s", n, "-", i)
				c := j.mustClaim(t, e)
				if i%2 == 0 {
					require.NoError(t, c.Ended(t.Context(), shared.Failed, "", ""))
				}
			}
			usage(t, j, func(u Usage) {
				used, _ := u.Used("", day, 1)
				assert.Equal(t, firstGaugePages, used)
				u.e.Server = fmt.Sprint("s", n, "-", 1)
				many, _ := u.Outstanding(day, 1)
				assert.Equal(t, 1, many)
				most = max(most, u.t.x.gaugePages)
			})
			time.Sleep(2 * day)
		}
		assert.LessOrEqual(t, most, uint32(16*firstGaugePages), "of %d servers", 40*firstGaugePages)
	})
}
