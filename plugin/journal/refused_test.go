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

// TestARefusalIsOfOnePassword: another is tried at once, three of them in ten
// minutes, and one that is accepted makes nobody try the others again.
func TestARefusalIsOfOnePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j, other := open(t, dir), open(t, dir)
		try := func(j *Journal, password string, accepted bool) bool {
			t.Helper()
			l, err := j.Login(t.Context(), "main", "ann", password)
			require.NoError(t, err)
			defer l.Leave()
			if _, _, _, refused := l.Refused(); refused {
				return false
			}
			if accepted {
				require.NoError(t, l.Forget())
			} else {
				require.NoError(t, l.Remember(shared.Login, "no"))
			}
			return true
		}
		require.True(t, try(j, "first", false))
		start := time.Now()
		require.False(t, try(other, "first", false))
		require.True(t, try(other, "right", true))
		require.False(t, try(j, "first", false), "that another is right makes it no better")
		time.Sleep(time.Minute)
		require.True(t, try(j, "second", false))
		time.Sleep(time.Minute)
		require.True(t, try(other, "third", false))
		require.False(t, try(j, "right", true), "whoever guesses goes on no longer")
		l, err := j.Login(t.Context(), "main", "ann", "fourth")
		require.NoError(t, err)
		code, message, until, refused := l.Refused()
		assert.Equal(t, []any{shared.Login, "3 different passwords were refused, the last one so: no", true}, []any{code, message, refused})
		assert.WithinDuration(t, start.Add(RefusedFor), until, time.Second)
		l.Leave()
		require.True(t, func() bool { // a person's check
			l, err := j.Login(t.Context(), "main", "ann", "right")
			require.NoError(t, err)
			defer l.Leave()
			return l.Forget() == nil
		}())
		require.True(t, try(other, "right", true), "it was accepted")
		require.False(t, try(other, "third", false))
		time.Sleep(RefusedFor)
		require.True(t, try(other, "third", true))
	})
}

// TestWhatIsKeptOfAPassword is 16 bits that only the key of the ledger makes,
// others for another login.
func TestWhatIsKeptOfAPassword(t *testing.T) {
	j, foreign := open(t, newDir(t)), open(t, newDir(t))
	sums := map[string]int{}
	sum := func(j *Journal, server, user, password string) string {
		l, err := j.Login(t.Context(), server, user, password)
		require.NoError(t, err)
		defer l.Leave()
		require.NoError(t, l.Remember(shared.Login, "no"))
		text := string(readFile(t, j.dir, l.name+memoryEnd))
		assert.Contains(t, text, `"sum":"`+l.sum+`"`)
		assert.NotContains(t, text, password)
		require.Len(t, l.sum, 4)
		return l.sum
	}
	const password = "correct horse"
	for range 2 {
		sums[sum(j, "main", "ann", password)]++
	}
	require.Len(t, sums, 1)
	// One of these may be equal by chance, not all.
	for _, s := range []string{
		sum(j, "main", "bob", password), sum(j, "second", "ann", password), sum(j, "main", "ann", password+" "), sum(foreign, "main", "ann", password),
	} {
		sums[s]++
	}
	assert.GreaterOrEqual(t, len(sums), 4, fmt.Sprint(sums))
}
