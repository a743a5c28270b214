package plugin_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

func policyOf(t testing.TB, rules ...guard.Rule) guard.Policy {
	t.Helper()
	p, found := guard.New(guard.File{Deny: rules})
	require.Empty(t, found)
	return p
}

// TestARequestIsJudgedByOnePolicy: it is asked once, whatever the way. A host
// that was read for one policy, or not read for it, is never judged by another.
func TestARequestIsJudgedByOnePolicy(t *testing.T) {
	looks := policyOf(t, guard.Rule{Name: "servers", Reason: "r", Effects: []shared.Effect{shared.Isolates}, Hosts: &guard.Hosts{Systems: []string{"*Server*"}}})
	blind := policyOf(t, guard.Rule{Name: "programs", Reason: "r", Tasks: []string{"startProcess"}})
	s := newSite(t, t.TempDir(), ksctest.Options{Inventory: []ksctest.Host{{ID: hostID, DN: "PC-12", OS: "Microsoft Windows 11"}}})
	var asked atomic.Int64
	p := s.start(t, nil, func(c *plugin.Config) {
		c.Policy = func() (guard.Policy, string) {
			if asked.Add(1)%2 == 0 {
				return looks, ""
			}
			return blind, ""
		}
	})
	const requests = 60
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			lookup, dry := [2]string{"never", "auto"}[i%2], i%3 == 0
			_, r := p.send(t, fmt.Sprintf(`{"id":%d,"task":"isolateHost","targetHost":%q,"hostLookup":%q,"params":{"action":1},"allowDuplicate":true,"dryRun":%t}`, i, hostID, lookup, dry))
			assert.Contains(t, []shared.Outcome{shared.Submitted, shared.Planned}, r.Outcome, "%+v", r.Error)
		})
	}
	all.Wait()
	assert.EqualValues(t, requests, asked.Load())
	for range 2 {
		r, refusal := shared.ParseRequest([]byte(unkeyed("j", "isolateHost", `{"action":1}`)))
		require.Nil(t, refusal)
		judged, ended := p.Judge(t.Context(), r)
		require.Nil(t, ended)
		assert.True(t, judged.Allowed, "%+v", judged)
		require.Len(t, judged.Verdicts, 1)
	}
	assert.EqualValues(t, requests+2, asked.Load())
}

// TestAPolicyThatCannotBeReadSaysSo with each request that it decides, as well
// where it is refused, and in a check.
func TestAPolicyThatCannotBeReadSaysSo(t *testing.T) {
	s := newSite(t, t.TempDir(), ksctest.Options{})
	policy := policyOf(t, guard.Rule{Name: "programs", Reason: "r", Tasks: []string{"isolateHost"}})
	const word = "the old policy still counts"
	p := s.start(t, nil, func(c *plugin.Config) {
		c.Policy = func() (guard.Policy, string) { return policy, word }
	})
	for line, want := range map[string]shared.Outcome{
		unkeyed("1", "getFile", reading):                                    shared.Submitted,
		`{"dryRun":true,` + unkeyed("2", "getFile", reading)[1:]:            shared.Planned,
		unkeyed("3", "isolateHost", `{"action":1}`):                         shared.Refused,
		`{"dryRun":true,` + unkeyed("4", "isolateHost", `{"action":1}`)[1:]: shared.Refused,
	} {
		events, r := p.send(t, line)
		require.Equal(t, want, r.Outcome, "%+v", r.Error)
		said := 0
		for i, e := range events {
			assert.True(t, e.Accepted == nil || i == 0, "accepted comes first")
			if e.Progress != nil && e.Progress.Message == word {
				assert.Equal(t, shared.StageWarning, e.Progress.Stage)
				said++
			}
		}
		assert.Equal(t, 1, said, line)
		if want == shared.Planned {
			assert.Contains(t, r.Plan.Warnings, word)
		}
	}
	checked, err := p.Check(t.Context(), shared.Request{Type: shared.TypeCheck})
	require.NoError(t, err)
	assert.True(t, checked.Passed)
	assert.Contains(t, checked.Steps, shared.CheckStep{Name: "policy", State: shared.StepWarning, Message: word})
}
