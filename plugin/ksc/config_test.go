package ksc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// TestNothingPrintsASecret: a configuration, a client with an open session,
// and a value that has a client in an unexported field.
func TestNothingPrintsASecret(t *testing.T) {
	config := ksc.Config{Addr: kscAddr, User: user, Password: password, Trust: trustIn(t, plainCert())}
	noSecret(t, config)
	noSecret(t, &config)
	noSecret(t, []ksc.Config{config})
	noSecret(t, map[string]ksc.Config{"main": config})
	assert.Equal(t, user+"@"+kscAddr, fmt.Sprintf("%+v", config))
	synctest.Test(t, func(t *testing.T) {
		c := client(t, newRogue(t, wellBehaved).Dial)
		require.NoError(t, c.Open(t.Context()))
		noSecret(t, c)
		noSecret(t, struct{ Client *ksc.Client }{c})
		noSecret(t, []any{c, struct{ c *ksc.Client }{c}})
		assert.Equal(t, user+"@"+kscAddr, fmt.Sprintf("%+v", c))
	})
}

// TestWhatCannotBeSentIsRefused when the client is made: what would be read as
// something else in a URL or a header.
func TestWhatCannotBeSentIsRefused(t *testing.T) {
	good := ksc.Config{Addr: "ksc.example:13299", User: user, Password: password}
	for _, addr := range []string{
		"", "ksc.example", ":13299", "ksc.example:", "ksc.example:0", "ksc.example:65536", "ksc.example:-1", "ksc.example:https", "ksc.example:1:2",
		"https://ksc.example:13299", "user@ksc.example:13299", "evil.example/x:13299", "evil.example?x:13299", "evil.example#x:13299",
		`evil.example\x:13299`, "ksc.example%2f:13299", "ksc example:13299", "ksc.example\r\nHost: x:13299", "ksc.example:13299/x", "[::1:13299",
	} {
		c := good
		c.Addr = addr
		_, err := ksc.New(c)
		if assert.Error(t, err, "%q", addr) {
			assert.NotContains(t, err.Error(), password)
		}
	}
	for _, addr := range []string{"ksc.example:13299", "192.0.2.1:1", "[2001:db8::1]:65535", "ksc:443", "KSC_1.example.:13299"} {
		c := good
		c.Addr = addr
		_, err := ksc.New(c)
		assert.NoError(t, err, addr)
	}
	for name, change := range map[string]func(*ksc.Config){
		"no user":          func(c *ksc.Config) { c.User = "" },
		"user no text":     func(c *ksc.Config) { c.User = "\xff" },
		"password no text": func(c *ksc.Config) { c.Password = "\xff" },
		"domain quote":     func(c *ksc.Config) { c.Domain = `x", internal="1` },
		"domain CRLF":      func(c *ksc.Config) { c.Domain = "x\r\nX-Evil: 1" },
		"domain NUL":       func(c *ksc.Config) { c.Domain = "\x00" },
		"domain DEL":       func(c *ksc.Config) { c.Domain = "\x7f" },
		"domain no text":   func(c *ksc.Config) { c.Domain = "\xff" },
		"user agent CRLF":  func(c *ksc.Config) { c.UserAgent = "x\r\nX-Evil: 1" },
	} {
		c := good
		change(&c)
		_, err := ksc.New(c)
		assert.Error(t, err, name)
	}
}

// TestASessionThatIsNone is not put into a header.
func TestASessionThatIsNone(t *testing.T) {
	for _, answer := range []string{
		`{}`, `{"PxgRetVal":""}`, `{"PxgRetVal":null}`, `{"PxgRetVal":17}`, `{"PxgRetVal":{}}`, `{"PxgRetVal":"a\r\nX-Evil: 1"}`, `{"PxgRetVal":"\u0000"}`,
		`{"PxgRetVal":"` + strings.Repeat("a", 5000) + `"}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("Session.StartSession", ok(answer)))
			_, err := client(t, server.Dial).AddIncident(t.Context(), incident(1))
			e := failed(t, err)
			assert.Equal(t, ksc.KindBadAnswer, e.Kind, answer)
			assert.Equal(t, ksc.NotSent, e.Delivery)
			assert.Len(t, server.calls(""), 1)
		})
	}
}

// TestAccountsOfEverySort log in to the emulator, whose reading of the header
// is not ours.
func TestAccountsOfEverySort(t *testing.T) {
	domain := "CORP"
	yes, no := true, false
	for _, o := range []ksctest.Options{
		{User: "оператор", Password: "пароль😀", Internal: &yes},
		{User: "a:b", Password: `"`, Internal: &no},
		{User: "svc", Password: "p", Domain: &domain},
		{User: "svc", Password: "p", VServers: []string{"сервер 2"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, c := emulated(t, o, func(c *ksc.Config) {
				c.User, c.Password, c.InternalUser = o.User, o.Password, o.Internal != nil && *o.Internal
				if o.Domain != nil {
					c.Domain = *o.Domain
				}
				if o.VServers != nil {
					c.VServer = o.VServers[0]
				}
			})
			assert.NoError(t, c.Open(t.Context()), o.User)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := emulated(t, ksctest.Options{}, func(c *ksc.Config) { c.VServer = "none such" })
		assert.Equal(t, ksc.KindLogin, failed(t, c.Open(t.Context())).Kind)
	})
}
