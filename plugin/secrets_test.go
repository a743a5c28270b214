package plugin_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestNoSecretIsSaid makes everything go wrong that the emulator can make go
// wrong, and looks for the password, the session and the arguments of a
// started process in all that a caller or a log could get to see.
func TestNoSecretIsSaid(t *testing.T) {
	const argument = "hunter2-in-the-arguments"
	request := `{"id":"1","task":"startProcess","targetHost":"` + hostID + `","params":{"executablePath":"C:\\a.exe","arguments":"` + argument + `","workingFolder":"C:\\Temp"}`
	options := map[string]ksctest.Options{
		"nothing wrong":  {},
		"wrong password": {Locked: true},
		"second factor":  {SecondFactor: "123456"},
		"no right":       {Denied: []string{"HostGroup.AddIncident"}},
	}
	for _, knob := range ksctest.Knobs() {
		options[knob.Name] = ksctest.Options{Mischief: map[string]float64{knob.Name: 1}, Seed: 1}
		if knob.Name == "swap-cert" {
			continue // it spoils connections, not methods
		}
		for _, method := range []string{"Session.StartSession", "HostGroup.AddIncident", "HostGroup.UpdateIncident"} {
			options[knob.Name+"@"+method] = ksctest.Options{Mischief: map[string]float64{knob.Name + "@" + method: 1}, Seed: 1}
		}
	}
	outcomes := map[shared.Outcome]int{}
	for name, o := range options {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, o)
			for _, line := range []string{request + "}", request + `,"hostLookup":"never"}`, request + `,"dryRun":true}`} {
				events, result := p.send(t, line)
				outcomes[result.Outcome]++
				said := fmt.Sprintf("%+v %v %+v", result, result.Error, p.Plugin)
				for _, e := range append(events, shared.Event{ID: "1", Result: &result}) {
					text, err := shared.EventLine(e)
					require.NoError(t, err)
					said += string(text)
				}
				for _, secret := range secrets(t, p, argument) {
					assert.NotContains(t, said, secret, "%s: %s", name, line)
				}
			}
		})
	}
	for _, o := range []shared.Outcome{shared.Submitted, shared.Planned, shared.Failed, shared.Unknown, shared.Pending} {
		assert.Positive(t, outcomes[o], "no request ended as %s: %v", o, outcomes)
	}
}

// secrets are what the emulator was sent and nobody else may see.
func secrets(t *testing.T, p pair, more ...string) []string {
	t.Helper()
	quoted, err := json.Marshal(password)
	require.NoError(t, err)
	all := append(more, password, strings.Trim(string(quoted), `"`), base64.StdEncoding.EncodeToString([]byte(password)))
	for _, c := range p.ksc.Calls() {
		if id := c.Headers.Get("X-KSC-Session"); id != "" {
			all = append(all, id)
		}
	}
	return all
}
