package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

func wrongPassword(c *plugin.Config) {
	s := c.Servers["main"]
	s.Password = "wrong"
	c.Servers = map[string]ksc.Config{"main": s}
}

// TestFortyAlertsDoNotBlockTheAccount: forty processes with a wrong password
// are one login, for ten minutes; a person's check may try before that, and
// what it finds out counts for all.
func TestFortyAlertsDoNotBlockTheAccount(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: 50 * time.Millisecond})
		const logins = "Session.StartSession"
		forty := func(change ...func(*plugin.Config)) (results [40]shared.Result) {
			var all sync.WaitGroup
			for i := range results {
				p := s.start(t, nil, change...)
				all.Go(func() { _, results[i] = p.send(t, unkeyed(fmt.Sprint(i), "getFile", reading)) })
			}
			all.Wait()
			return results
		}
		for _, r := range forty(wrongPassword) {
			require.Equal(t, shared.Failed, r.Outcome)
			require.Equal(t, shared.Login, r.Error.Code)
		}
		any := s.start(t, nil)
		require.Equal(t, 1, any.sent(logins))

		again := s.start(t, nil, wrongPassword)
		_, r := again.send(t, unkeyed("again", "getFile", reading))
		assert.Equal(t, shared.Login, r.Error.Code, "nobody tries it before the ten minutes are over")
		assert.Contains(t, r.Error.Message, "kes-respond check")
		byPerson := func(c *plugin.Config) { c.CheckAnew = true }
		checked, err := s.start(t, nil, wrongPassword, byPerson).Check(t.Context(), shared.Request{Type: shared.TypeCheck})
		require.NoError(t, err)
		assert.False(t, checked.Passed, "a check in a loop does not block the account either")
		require.Equal(t, 1, any.sent(logins))

		time.Sleep(time.Minute)
		s.ksc.SetPassword("wrong") // it was not the password that was mended
		checked, err = s.start(t, nil, wrongPassword, byPerson).Check(t.Context(), shared.Request{Type: shared.TypeCheck})
		require.NoError(t, err)
		assert.True(t, checked.Passed, "%+v", checked.Error)
		require.Equal(t, 2, any.sent(logins))
		for _, r := range forty(wrongPassword) {
			require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		}
	})
}

// TestARefusalIsForgottenInTime: ten minutes later the account is tried again.
func TestARefusalIsForgottenInTime(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		_, r := s.start(t, nil, wrongPassword).send(t, unkeyed("1", "getFile", reading))
		require.Equal(t, shared.Login, r.Error.Code)
		time.Sleep(10*time.Minute + time.Second)
		_, r = s.start(t, nil).send(t, unkeyed("2", "getFile", reading))
		assert.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
	})
}

// TestAMendedPasswordIsTriedAtOnce, by who is running and by who starts.
func TestAMendedPasswordIsTriedAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		held, fails := "wrong", error(nil)
		asking := func(c *plugin.Config) {
			one := c.Servers["main"]
			one.Password, one.AskPassword = "", func(context.Context) (string, error) { return held, fails }
			c.Servers = map[string]ksc.Config{"main": one}
		}
		running := s.start(t, nil, asking)
		const logins = "Session.StartSession"
		for i := range 3 {
			_, r := running.send(t, unkeyed(fmt.Sprint(i), "getFile", reading))
			require.Equal(t, shared.Login, r.Error.Code)
			_, r = s.start(t, nil, asking).send(t, unkeyed("new"+fmt.Sprint(i), "getFile", reading))
			require.Equal(t, shared.Login, r.Error.Code)
		}
		require.Equal(t, 1, running.sent(logins))
		fails = errors.New("kscPasswordFile: no such file")
		_, r := running.send(t, unkeyed("gone", "getFile", reading))
		require.Equal(t, shared.Failed, r.Outcome)
		assert.Equal(t, shared.Login, r.Error.Code)
		assert.True(t, r.Error.Retryable)
		assert.Contains(t, r.Error.Message, "kscPasswordFile: no such file")
		assert.Contains(t, r.Error.Assistance, "kscPasswordFile")
		require.Equal(t, 1, running.sent(logins))

		held, fails = password, nil
		_, r = running.send(t, unkeyed("mended", "getFile", reading))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		_, r = s.start(t, nil, asking).send(t, unkeyed("mended too", "quarantineFile", reading))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		_, r = s.start(t, nil, wrongPassword).send(t, unkeyed("not mended", "deleteFile", reading))
		require.Equal(t, shared.Login, r.Error.Code)
		require.Equal(t, 3, running.sent(logins), "the wrong one is still remembered")
	})
}
