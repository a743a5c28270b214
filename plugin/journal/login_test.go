package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func (j *Journal) mustLogin(t testing.TB, server, user string) *Login {
	t.Helper()
	l, err := j.Login(t.Context(), server, user, "wrong")
	require.NoError(t, err)
	t.Cleanup(l.Leave)
	return l
}

// knows says whether somebody who takes the turn is told of a refusal.
func (j *Journal) knows(t testing.TB, server, user string) bool {
	t.Helper()
	l := j.mustLogin(t, server, user)
	defer l.Leave()
	_, _, _, refused := l.Refused()
	return refused
}

func TestARefusedLoginIsRememberedForTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j, other := open(t, dir), open(t, dir)
		require.False(t, j.knows(t, "main", "ann"))
		l := j.mustLogin(t, "main", "ann")
		require.NoError(t, l.Remember(shared.Locked, "the account is locked"))
		start := time.Now()
		_, _, _, refused := l.Refused()
		assert.True(t, refused, "who remembers knows")
		l.Leave()
		l.Leave()

		time.Sleep(RefusedFor - time.Second)
		l = other.mustLogin(t, "main", "ann")
		code, message, until, refused := l.Refused()
		assert.Equal(t, []any{shared.Locked, "the account is locked", true}, []any{code, message, refused})
		assert.WithinDuration(t, start.Add(RefusedFor), until, time.Second)
		time.Sleep(time.Second)
		_, _, _, refused = l.Refused()
		assert.False(t, refused, "the time is over")
		require.NoError(t, l.Remember(shared.Login, "again"))
		require.NoError(t, l.Forget())
		require.NoError(t, l.Forget())
		_, _, _, refused = l.Refused()
		assert.False(t, refused, "it was accepted")
		l.Leave()
		assert.False(t, j.knows(t, "main", "ann"))
		assert.Error(t, l.Remember(shared.Login, "late"), "the turn is over")
		assert.Error(t, l.Forget())
		assert.False(t, j.knows(t, "main", "ann"))
		assert.Equal(t, 1, sound(t, j, nil).Lines, "it is no record")
	})
}

func TestALoginIsOneServerAndOneUser(t *testing.T) {
	j := open(t, newDir(t))
	require.NoError(t, j.mustLogin(t, "main", "ann").Remember(shared.Login, "no"))
	assert.False(t, j.knows(t, "main", "bob"), "nor does bob wait for ann")
	assert.False(t, j.knows(t, "second", "ann"))
	assert.False(t, j.knows(t, "mainann", ""))
	files, err := os.ReadDir(filepath.Join(j.dir, loginFolder))
	require.NoError(t, err)
	for _, f := range files {
		assert.NotContains(t, f.Name(), "ann")
		assert.NotContains(t, string(readFile(t, j.dir, loginFolder, f.Name())), "ann")
	}
}

// TestTheTurnToLogIn: one at a time, and who waits holds up nobody else.
func TestTheTurnToLogIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		js := []*Journal{open(t, dir), open(t, dir)}
		l := js[0].mustLogin(t, "main", "ann")
		for _, j := range js {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := j.Login(ctx, "main", "ann", "wrong")
			cancel()
			assert.ErrorIs(t, isKind(t, err, Busy), context.DeadlineExceeded)
		}
		var tried atomic.Int64
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				l, err := js[i%2].Login(t.Context(), "main", "ann", "wrong")
				if !assert.NoError(t, err) {
					return
				}
				defer l.Leave()
				if _, _, _, refused := l.Refused(); !refused {
					tried.Add(1)
					time.Sleep(time.Second) // KSC thinks
					assert.NoError(t, l.Remember(shared.Login, "no"))
				}
			})
		}
		time.Sleep(time.Second)
		js[1].mustClaim(t, deletes("meanwhile"))
		require.Zero(t, tried.Load())
		l.Leave()
		all.Wait()
		assert.EqualValues(t, 1, tried.Load())
	})
}

// TestWhatCannotBeReadIsNoMemory: damage, and clocks that were set back.
func TestWhatCannotBeReadIsNoMemory(t *testing.T) {
	j := open(t, newDir(t))
	l := j.mustLogin(t, "main", "bob")
	l.Leave()
	at := func(d time.Duration) string {
		data, err := json.Marshal([]refusal{{time.Now().Add(d), l.sum, shared.Login, "no"}})
		require.NoError(t, err)
		return string(data)
	}
	require.NoError(t, j.mustLogin(t, "main", "ann").Remember(shared.Login, "no"))
	for text, want := range map[string]bool{
		at(0):                                true,
		at(RefusedFor - time.Minute):         true,
		at(time.Minute - RefusedFor):         true,
		at(-RefusedFor):                      false,
		at(RefusedFor + time.Minute):         false,
		at(0)[:20]:                           false,
		"":                                   false,
		"{}":                                 false,
		"null":                               false,
		`{"at":7}`:                           false,
		"[]":                                 false,
		strings.Repeat(" ", maxLine) + at(0): false,
	} {
		writeFile(t, []byte(text), j.dir, l.name+memoryEnd)
		writeFile(t, []byte("a crash left it"), j.dir, l.name+memoryEnd+".new")
		assert.Equal(t, want, j.knows(t, "main", "bob"), "%.100s", text)
	}
	l = j.mustLogin(t, "main", "bob")
	require.NoError(t, l.Remember(shared.Login, strings.Repeat("\x7f", 1<<20)))
	l.Leave()
	assert.True(t, j.knows(t, "main", "bob"), "a long message is cut")
}

// TestMadeUpUsersDoNotFillTheDisk: what nobody has to be kept from goes.
func TestMadeUpUsersDoNotFillTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := newDir(t)
		j := open(t, dir)
		for i := range 300 {
			l := j.mustLogin(t, "main", fmt.Sprint(i))
			require.NoError(t, l.Remember(shared.Login, "no"))
			l.Leave()
			if i%10 == 9 {
				time.Sleep(RefusedFor)
			}
		}
		files, err := os.ReadDir(filepath.Join(dir, loginFolder))
		require.NoError(t, err)
		assert.Less(t, len(files), 150)
		require.NoError(t, j.mustLogin(t, "main", "ann").Remember(shared.Login, "no"))
		for range 50 {
			l := j.mustLogin(t, "main", "bob")
			require.NoError(t, l.Remember(shared.Login, "no"))
			l.Leave()
		}
		assert.True(t, j.knows(t, "main", "bob"))
		files, err = os.ReadDir(filepath.Join(dir, loginFolder))
		require.NoError(t, err)
		assert.Len(t, files, 4, "ann, whose turn it is, and bob")
	})
}

// TestLoginsThatComeToNothingLeaveNoFiles: requests may bring servers that are
// not there, each with another user.
func TestLoginsThatComeToNothingLeaveNoFiles(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	for i := range 200 {
		j.mustLogin(t, "elsewhere", fmt.Sprint(i)).Leave()
	}
	files, err := os.ReadDir(filepath.Join(dir, loginFolder))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(files), 2)
}

// TestTidyingBreaksNoTurn: the files of a login come and go while many want its
// turn, and no two ever have it.
func TestTidyingBreaksNoTurn(t *testing.T) {
	j := open(t, newDir(t))
	var inside atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				l, err := j.Login(t.Context(), "main", "ann", "wrong")
				if !assert.NoError(t, err) {
					return
				}
				assert.EqualValues(t, 1, inside.Add(1))
				for range 100 {
					runtime.Gosched() // the others look at it
				}
				inside.Add(-1)
				l.Leave()
				j.tidyLogins()
			}
		})
	}
	all.Wait()
}

func TestLoginWhereNothingIsKept(t *testing.T) {
	var none Journal
	for range 2 {
		l, err := none.Login(t.Context(), "main", "ann", "wrong")
		require.NoError(t, err)
		_, _, _, refused := l.Refused()
		assert.False(t, refused)
		assert.NoError(t, l.Remember(shared.Login, "no"))
		assert.NoError(t, l.Forget())
		l.Leave()
	}
	dir := newDir(t)
	j := open(t, dir)
	require.NoError(t, j.mustLogin(t, "main", "ann").Forget())
	_, err := open(t, dir, func(o *Options) { o.ReadOnly = true }).Login(t.Context(), "main", "ann", "wrong")
	isKind(t, err, Closed)
	require.NoError(t, j.Close())
	_, err = j.Login(t.Context(), "main", "ann", "wrong")
	isKind(t, err, Closed)
	require.NoError(t, os.RemoveAll(filepath.Join(dir, loginFolder)))
	l, err := open(t, dir).Login(t.Context(), "main", "ann", "wrong")
	require.NoError(t, err, "it is made anew")
	l.Leave()
}
