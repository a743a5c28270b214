package plugin_test

import (
	"context"
	"errors"
	"net"
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

// TestCheckTellsApart is each thing that can be wrong between here and KSC,
// with the step that shows it.
func TestCheckTellsApart(t *testing.T) {
	refused := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	}
	for name, c := range map[string]struct {
		options  ksctest.Options
		change   func(*ksc.Config)
		step     string
		state    string
		code     shared.Code
		says     string
		assists  string
		loggedIn bool
	}{
		"all is well": {step: "console", state: shared.StepPassed, says: "connected", loggedIn: true},
		"no route": {
			change: func(c *ksc.Config) { c.Dial = refused },
			step:   "certificate", state: shared.StepFailed, code: shared.Unreachable, says: "connection refused", assists: "kscPort",
		},
		"never answers": {
			options: ksctest.Options{Latency: time.Hour},
			step:    "login", state: shared.StepFailed, code: shared.Timeout, says: "no answer", loggedIn: true,
		},
		"wrong certificate": {
			change: func(c *ksc.Config) { c.Trust = ksc.Trust{Pins: [][32]byte{{1}}} },
			step:   "certificate", state: shared.StepFailed, code: shared.TLS, says: "no password was sent", assists: "beside the old one",
		},
		"certificate unknown to the system": {
			change: func(c *ksc.Config) { c.Trust = ksc.Trust{} },
			step:   "certificate", state: shared.StepFailed, code: shared.TLS, says: "no password was sent", assists: "Compare this SHA-256",
		},
		"check switched off": {
			change: func(c *ksc.Config) { c.Trust = ksc.Trust{Insecure: true} },
			step:   "certificate", state: shared.StepWarning, says: "kscCert: False", loggedIn: true,
		},
		"wrong password": {
			change: func(c *ksc.Config) { c.Password = "wrong" },
			step:   "login", state: shared.StepFailed, code: shared.Login, says: "a blocked account may look the same", assists: "blocked account", loggedIn: true,
		},
		"blocked": {
			options: ksctest.Options{Locked: true},
			step:    "login", state: shared.StepFailed, code: shared.Locked, says: "Session.StartSession", assists: "unblock it", loggedIn: true,
		},
		"second factor": {
			options: ksctest.Options{SecondFactor: "123456"},
			step:    "login", state: shared.StepFailed, code: shared.SecondFactor, assists: "two-step verification", loggedIn: true,
		},
		"no right to search hosts": {
			options: ksctest.Options{Denied: []string{"HostGroup.FindHosts"}},
			step:    "hosts", state: shared.StepFailed, code: shared.Denied, assists: "right", loggedIn: true,
		},
		"no right to read incidents": {
			options: ksctest.Options{Denied: []string{"HostGroup.FindIncidents"}},
			step:    "incidents", state: shared.StepFailed, code: shared.Denied, assists: "right", loggedIn: true,
		},
		"no console": {
			options: ksctest.Options{ConsoleOff: true},
			step:    "console", state: shared.StepWarning, says: "likely nothing will act on requests", loggedIn: true,
		},
		"console not told": {
			options: ksctest.Options{Denied: []string{"ConEvents.IsAnyServiceConsoleAvailable"}},
			step:    "console", state: shared.StepWarning, says: "does not say", loggedIn: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPairWith(t, c.options, c.change)
				checked, err := p.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
				require.NoError(t, err)
				var names []string
				failed := false
				for _, s := range checked.Steps {
					names = append(names, s.Name)
					if failed {
						assert.Equal(t, shared.StepSkipped, s.State, s.Name)
					}
					if s.Name == c.step {
						assert.Equal(t, c.state, s.State, s.Message)
						assert.Contains(t, s.Message, c.says)
					}
					failed = failed || s.State == shared.StepFailed
				}
				assert.Equal(t, []string{"ledger", "policy", "certificate", "login", "server", "hosts", "incidents", "console"}, names)
				assert.Equal(t, failed, c.code != "")
				assert.Equal(t, !failed, checked.Passed)
				if c.code != "" {
					assert.Equal(t, c.code, checked.Error.Code)
					assert.Contains(t, checked.Error.Assistance, c.assists)
					assert.Equal(t, shared.Exit(shared.Failed, c.code), checked.Exit())
				}
				synctest.Wait() // the emulator notes a call when it is over
				assert.Equal(t, c.loggedIn, len(p.ksc.Calls()) > 0, "a password goes to a trusted server only")
				assert.Zero(t, p.sent("AddIncident"))
				assert.Empty(t, p.ksc.Incidents())
			})
		})
	}
}

func TestCheckShowsTheCertificateAndTheVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPairWith(t, ksctest.Options{ServerVersion: "15.2.0.100"}, nil)
		checked, err := p.Check(t.Context(), shared.Request{Type: shared.TypeCheck, Server: "main"})
		require.NoError(t, err)
		pin, ok := ksc.ParsePin(checked.Certificate.SHA256)
		require.True(t, ok)
		assert.NotZero(t, pin)
		assert.NotEmpty(t, checked.Certificate.Subject)
		assert.Equal(t, "15.2.0.100", checked.KSCVersion)
		_, err = p.Check(t.Context(), shared.Request{Type: shared.TypeCheck, Server: "other"})
		assert.ErrorContains(t, err, "names no configured server")
	})
	p, err := plugin.New(t.Context(), plugin.Config{})
	require.NoError(t, err)
	_, err = p.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
	assert.ErrorContains(t, err, "no server is configured")
}
