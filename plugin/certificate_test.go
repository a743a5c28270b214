package plugin_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// nearEnd brings the clock of a bubble to so long before the end of the
// emulator's certificate.
func nearEnd(left time.Duration) {
	time.Sleep(time.Until(time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)) - left)
}

// warnings are the texts of warning events that speak of a certificate.
func warnings(events []shared.Event) (all []string) {
	for _, e := range events {
		if e.Progress != nil && e.Progress.Stage == shared.StageWarning && strings.Contains(e.Progress.Message, "certificate") {
			all = append(all, e.Progress.Message)
		}
	}
	return all
}

// TestASwappedCertificateEndsRequests: the certificate is replaced while the
// program runs. What is sent after that ends as tls, with both SHA-256, and the
// stranger is told nothing: neither a password nor a session.
func TestASwappedCertificateEndsRequests(t *testing.T) {
	for name, more := range map[string][][32]byte{"its own certificate": nil, "two pins": {{7}}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var old string
				p := newPairWith(t, ksctest.Options{}, func(c *ksc.Config) {
					old = hex.EncodeToString(c.Trust.Pins[0][:])
					c.Trust.Pins = append(c.Trust.Pins, more...)
				})
				server := p.ksc
				_, result := p.send(t, isolate(""))
				require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
				require.NoError(t, server.SetMischief(map[string]float64{"swap-cert": 1}))
				time.Sleep(2 * time.Minute) // no connection is left that was made before
				synctest.Wait()
				calls := len(server.Calls())
				for i := range 3 {
					_, result = p.send(t, strings.Replace(isolate(`,"allowDuplicate":true`), `"1"`, fmt.Sprint(i), 1))
					assert.Equal(t, shared.Failed, result.Outcome)
					require.Equal(t, shared.TLS, result.Error.Code)
					assert.Contains(t, result.Error.Message, "expected SHA-256 "+old)
					assert.Regexp(t, `presented SHA-256 [0-9a-f]{64} \(CN=ksc.example, valid from 1990-01-01 until 2090-01-01\)`, result.Error.Message)
					assert.Contains(t, result.Error.Assistance, "by another way than this connection")
					assert.Contains(t, result.Error.Assistance, "beside the old one")
					assert.False(t, result.Error.Retryable)
				}
				checked, err := p.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
				require.NoError(t, err)
				assert.Equal(t, shared.TLS, checked.Error.Code)
				assert.Contains(t, checked.Error.Assistance, "beside the old one")
				synctest.Wait()
				assert.Len(t, server.Calls(), calls, "the stranger was told something")
				assert.Len(t, server.Incidents(), 1)

				require.NoError(t, server.SetMischief(nil))
				_, result = p.send(t, isolate(`,"allowDuplicate":true`))
				assert.Equal(t, shared.Submitted, result.Outcome, "the right one is taken again: %+v", result.Error)
			})
		})
	}
}

// TestACertificateNearItsEndIsToldOfOnce for each server, and in a stream that
// keeps its meaning without it.
func TestACertificateNearItsEndIsToldOfOnce(t *testing.T) {
	for left, says := range map[time.Duration]string{
		30*24*time.Hour + time.Minute: "",
		30*24*time.Hour - time.Minute: "29 days left: it will be replaced; add the new one to kscCert beside this one",
		time.Hour:                     "less than a day left",
		-time.Hour:                    "expired on 2090-01-01; it is still taken, for it is pinned",
	} {
		t.Run(left.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nearEnd(left)
				p := newPair(t, ksctest.Options{})
				line := isolate(`,"hostLookup":"never"`) // its first connection is that of the order
				events, result := p.send(t, line)
				require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
				said := warnings(events)
				if says == "" {
					assert.Empty(t, said)
					return
				}
				require.Len(t, said, 1)
				assert.Contains(t, said[0], says)
				events, _ = p.send(t, line)
				assert.Empty(t, warnings(events))
			})
		})
	}
}

func TestCheckCountsTheDays(t *testing.T) {
	for left, want := range map[time.Duration]shared.CheckStep{
		30*24*time.Hour + time.Minute: {State: shared.StepPassed, Message: "trusted; valid until 2090-01-01, 30 days left"},
		30*24*time.Hour - time.Minute: {State: shared.StepWarning, Message: "29 days left: it will be replaced; add the new one to kscCert"},
		-time.Hour:                    {State: shared.StepWarning, Message: "trusted by its pin, but it expired"},
	} {
		synctest.Test(t, func(t *testing.T) {
			nearEnd(left)
			p := newPair(t, ksctest.Options{})
			checked, err := p.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
			require.NoError(t, err)
			step := checked.Steps[slices.IndexFunc(checked.Steps, func(s shared.CheckStep) bool { return s.Name == "certificate" })]
			assert.Equal(t, want.State, step.State)
			assert.Contains(t, step.Message, want.Message)
			data, err := json.Marshal(checked)
			require.NoError(t, err)
			assert.Contains(t, string(data), `"notAfter":"2090-01-01T00:00:00Z"`)
		})
	}
}
