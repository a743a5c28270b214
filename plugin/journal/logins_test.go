//go:build unix

package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// login is what a process does that has a wrong password.
func (w job) login(ctx context.Context, j *Journal) error {
	if err := w.tell("waits"); err != nil {
		return err
	}
	l, err := j.Login(ctx, "main", "ann", "wrong")
	if err != nil {
		return err
	}
	defer l.Leave()
	if code, message, until, refused := l.Refused(); refused {
		return w.tell(fmt.Sprint("refused ", code, " ", message, " ", until.After(time.Now())))
	}
	err = w.tell("tried")
	if strings.Contains(w.Login, "remember") {
		err = errors.Join(err, l.Remember(shared.Login, "wrong password"))
	}
	if strings.Contains(w.Login, "die") {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return err
}

// told counts the lines of the world.
func (w job) told(t testing.TB) map[string]int {
	t.Helper()
	lines := map[string]int{}
	for line := range strings.Lines(string(readFile(t, w.World))) {
		lines[strings.TrimSuffix(line, "\n")]++
	}
	return lines
}

const saysRefused = "refused login wrong password true"

// TestOneOfManyProcessesTriesToLogIn: 20 begin at the same moment with a wrong
// password; the account sees one attempt.
func TestOneOfManyProcessesTriesToLogIn(t *testing.T) {
	w := newJob(t)
	j := open(t, w.Dir)
	mine, err := j.Login(t.Context(), "main", "ann", "wrong")
	require.NoError(t, err)
	w.Login = "remember"
	const n = 20
	var ends []func() bool
	for range n {
		_, end := w.start(t)
		ends = append(ends, end)
	}
	require.Eventually(t, func() bool { return w.told(t)["waits"] == n }, time.Minute, time.Millisecond)
	require.Equal(t, map[string]int{"waits": n}, w.told(t), "nobody tries out of turn")
	mine.Leave()
	for _, end := range ends {
		require.False(t, end())
	}
	require.Equal(t, map[string]int{"waits": n, "tried": 1, saysRefused: n - 1}, w.told(t))
}

// TestWhoIsKilledInItsTurn leaves it to the next one, and what it had
// remembered.
func TestWhoIsKilledInItsTurn(t *testing.T) {
	w := newJob(t)
	for _, c := range []struct {
		login string
		told  map[string]int
	}{
		{"die", map[string]int{"waits": 1, "tried": 1}},
		{"remember and die", map[string]int{"waits": 2, "tried": 2}},
		{"die", map[string]int{"waits": 3, "tried": 2, saysRefused: 1}},
	} {
		w.Login = c.login
		_, end := w.start(t)
		assert.Equal(t, c.told[saysRefused] == 0, end())
		require.Equal(t, c.told, w.told(t))
	}
}
