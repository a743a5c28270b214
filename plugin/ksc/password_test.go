package ksc_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// keeper holds a password that somebody changes.
type keeper struct {
	password string
	err      error
	asked    int
}

func (k *keeper) config(c *ksc.Config) {
	c.Password = ""
	c.AskPassword = func(context.Context) (string, error) {
		k.asked++
		return k.password, k.err
	}
}

// TestAChangedPasswordIsTriedAtOnce, and each one only once in ten minutes.
func TestAChangedPasswordIsTriedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{password: password}
		server, c := emulated(t, ksctest.Options{}, k.config)
		open := func(ok bool, logins int) {
			t.Helper()
			for range 3 {
				_, err := c.Server(t.Context())
				if ok {
					require.NoError(t, err)
				} else {
					assert.Equal(t, ksc.KindLogin, failed(t, err).Kind)
				}
			}
			assert.Equal(t, logins, called(server, startSession))
		}
		open(true, 1)
		assert.Equal(t, 1, k.asked, "a session needs no password")
		server.SetPassword("second")
		k.password = "second"
		open(true, 2)
		server.SetPassword("third")
		open(false, 3)
		k.password = "third"
		open(true, 4)
		server.EndSessions()
		k.password = "second"
		open(false, 4) // it is remembered yet: what was accepted was another
		time.Sleep(10 * time.Minute)
		open(false, 5)
	})
}

// TestAPasswordThatChangesEachTimeDoesNotBlockTheAccount: three are tried in
// ten minutes, and whoever asks anew is one more.
func TestAPasswordThatChangesEachTimeDoesNotBlockTheAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		server, c := emulated(t, ksctest.Options{}, k.config)
		for i := range 20 {
			k.password = fmt.Sprint("wrong ", i)
			assert.Equal(t, ksc.KindLogin, failed(t, c.Open(t.Context())).Kind)
			time.Sleep(10 * time.Second)
		}
		require.Equal(t, 3, called(server, startSession))
		k.password = password
		failed(t, c.Open(t.Context()))
		require.Equal(t, 3, called(server, startSession))
		require.NoError(t, c.OpenAnew(t.Context()))
		server.EndSessions()
		require.NoError(t, c.Open(t.Context()), "it was accepted")
	})
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		server, c := emulated(t, ksctest.Options{}, k.config)
		for i := range 3 {
			k.password = fmt.Sprint("wrong ", i)
			failed(t, c.Open(t.Context()))
		}
		k.password = password
		time.Sleep(10 * time.Minute)
		require.NoError(t, c.Open(t.Context()))
		assert.Equal(t, 4, called(server, startSession))
	})
}

// TestNoPasswordNoLogin: nothing is sent and nothing is remembered, and the
// reason is told without what it may quote.
func TestNoPasswordNoLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{password: password}
		house := newGatehouse()
		server, c := emulated(t, ksctest.Options{}, k.config, house.config)
		require.NoError(t, c.Open(t.Context()))
		server.EndSessions()
		k.err = errors.New("the vault is sealed, says " + password)
		for range 2 {
			_, err := c.Server(t.Context())
			e := failed(t, err)
			assert.Equal(t, ksc.KindPassword, e.Kind)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			assert.False(t, e.Final())
			assert.Equal(t, "the password is not to be had: the vault is sealed, says [hidden]", e.Message)
		}
		assert.Equal(t, 1, house.asked)
		k.err, k.password = nil, "\xff"
		assert.Equal(t, ksc.KindPassword, failed(t, c.Open(t.Context())).Kind)
		ctx, cancel := context.WithCancel(t.Context())
		k.err = context.Canceled
		cancel()
		assert.Equal(t, ksc.KindCanceled, failed(t, c.Open(ctx)).Kind)
		assert.Equal(t, 1, called(server, startSession))
		k.err, k.password = nil, password
		require.NoError(t, c.Open(t.Context()))
	})
}

// TestOldAndNewPasswordsAreHidden from what a server quotes of either.
func TestOldAndNewPasswordsAreHidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{password: "old-secret"}
		server := newRogue(t, func(s seen, nth int) reply {
			if s.method == startSession {
				return status(401, "neither old-secret nor new-secret")
			}
			return wellBehaved(s, nth)
		})
		c := client(t, server.Dial, k.config)
		require.NotContains(t, failed(t, c.Open(t.Context())).Error(), "old-secret")
		k.password = "new-secret"
		said := failed(t, c.Open(t.Context())).Error()
		assert.NotContains(t, said, "secret")
		assert.Contains(t, said, "neither [hidden] nor [hidden]")
	})
}

// TestTheGateIsToldThePassword that is about to be used.
func TestTheGateIsToldThePassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{password: password}
		var told []string
		server, c := emulated(t, ksctest.Options{}, k.config, func(c *ksc.Config) {
			c.Gate = func(_ context.Context, password string, _ bool) (func(error), error) {
				told = append(told, password)
				return nil, nil
			}
		})
		require.NoError(t, c.Open(t.Context()))
		server.SetPassword("second")
		k.password = "second"
		require.NoError(t, c.Open(t.Context()))
		_, err := c.Server(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{password, "second"}, told)
	})
}
