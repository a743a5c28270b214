package ksc_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// TestEachCallIsHeard in the order in which they end, logins and the end of the
// session among them, with the time they took and nothing of what they held.
func TestEachCallIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var heard []ksc.Call
		server, c := emulated(t, ksctest.Options{Latency: time.Second}, func(c *ksc.Config) {
			c.Heard = func(call ksc.Call) {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, call)
			}
		})
		_, err := c.AddIncident(t.Context(), incident(1))
		require.NoError(t, err)
		server.EndSessions()
		_, err = c.Server(t.Context())
		require.NoError(t, err)
		c.Close(t.Context())
		var made []string
		for _, call := range server.Calls() {
			made = append(made, call.Path[strings.LastIndex(call.Path, "/")+1:])
		}
		var said []string
		for _, call := range heard {
			said = append(said, call.Method)
			assert.GreaterOrEqual(t, call.Took, time.Second, call.Method)
			assert.NotEmpty(t, call.Addr)
			assert.NotContains(t, fmt.Sprintf("%+v %s", call, call.Outcome()), password)
		}
		assert.Equal(t, made, said)
		assert.Contains(t, said, "Session.EndSession")
		assert.Equal(t, 1, strings.Count(fmt.Sprint(outcomes(heard)), "HTTP 403"), "the session that has ended")
	})
}

func outcomes(heard []ksc.Call) (all []string) {
	for _, call := range heard {
		all = append(all, call.Outcome())
	}
	return all
}

// TestOutcomesOfCalls: a few words, and never what a server has written.
func TestOutcomesOfCalls(t *testing.T) {
	for want, err := range map[string]error{
		"answered":                        nil,
		"failed":                          errors.New("of nobody"),
		"refused (KLSTD 1184)":            &ksc.Error{Kind: ksc.KindDenied, Module: "KLSTD", Code: 1184, Message: "secretive", Status: 200},
		"refused (HTTP 401)":              &ksc.Error{Kind: ksc.KindLogin, Status: 401, Message: "secretive"},
		"unreachable":                     &ksc.Error{Kind: ksc.KindUnreachable, Message: "secretive"},
		"not trusted":                     &ksc.Error{Kind: ksc.KindTLS, Message: "secretive"},
		"no answer in time":               &ksc.Error{Kind: ksc.KindTimeout, Message: "secretive"},
		"given up":                        &ksc.Error{Kind: ksc.KindCanceled, Message: "secretive"},
		"answer not understood":           &ksc.Error{Kind: ksc.KindBadAnswer, Status: 200, Excerpt: "secretive"},
		"refused (HTTP 503)":              &ksc.Error{Kind: ksc.KindUnavailable, Status: 503, Excerpt: "secretive"},
		"refused (a module of 2 lines 7)": &ksc.Error{Module: "a module\nof 2 lines", Code: 7},
	} {
		assert.Equal(t, want, ksc.Call{Err: err}.Outcome())
	}
}
