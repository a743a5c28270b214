package bulk_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/bulk"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// pluginOf is a Plugin of its own, with a ledger, and the KSC that it speaks to.
func pluginOf(t *testing.T) (*plugin.Plugin, *ksctest.Server) {
	t.Helper()
	return pluginAt(t, t.TempDir()+"/ledger", 6000, ksctest.Options{})
}

// pluginAt is the same, with a KSC as the test wants it.
func pluginAt(t *testing.T, dir string, followCalls int, emulated ksctest.Options) (*plugin.Plugin, *ksctest.Server) {
	t.Helper()
	emulated.User, emulated.Password = "edr-operator", "demo-only"
	server, err := ksctest.New(emulated)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	config := ksc.Config{Addr: "ksc.example:13299", User: "edr-operator", Password: "demo-only", Trust: trust, Dial: server.Dial}
	p, err := plugin.New(t.Context(), plugin.Config{
		Version: "test", Servers: map[string]ksc.Config{"main": config}, FollowCalls: followCalls,
		Ledger: func(ctx context.Context) (*journal.Journal, error) {
			return journal.Open(ctx, dir, journal.Options{User: "tester", PID: 1})
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.WithoutCancel(t.Context()))) })
	return p, server
}

// isolations are an order to isolate hosts, and what it says.
func isolations(t *testing.T, hosts ...string) (o bulk.Order, out, errs *strings.Builder) {
	t.Helper()
	isolate, known := task.Lookup("isolateHost")
	require.True(t, known)
	all, _, err := targets.Read(t.Context(), strings.NewReader(strings.Join(hosts, "\n")), "-", targets.Asked{
		Task: isolate, Params: func([]string, []string) (json.RawMessage, error) { return json.RawMessage(`{"action":1}`), nil },
	})
	require.NoError(t, err)
	r, refusal := shared.ParseRequest([]byte(`{"task":"isolateHost","targetHost":"any","hostLookup":"never","params":{}}`))
	require.Nil(t, refusal)
	out, errs = new(strings.Builder), new(strings.Builder)
	return bulk.Order{Template: r, Targets: all, AtOnce: 2, Outstanding: 80, View: bulk.View{Out: out, Err: errs}}, out, errs
}

func code(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return shared.ExitOK
	}
	end, is := errors.AsType[*exit.Error](err)
	require.True(t, is, "%v", err)
	return end.Code
}

// TestNobodyIsChangedUnasked where there is nobody to be asked, and where the
// person says no; after a yes each host has its order.
func TestNobodyIsChangedUnasked(t *testing.T) {
	p, server := pluginOf(t)
	o, out, _ := isolations(t, "id-1", "id-2", "id-3")
	for _, err := range []error{o.Answerable(), bulk.Run(t.Context(), p, o)} {
		assert.Equal(t, shared.ExitUsage, code(t, err))
		require.ErrorContains(t, err, "3 hosts would be changed, and nobody is there to be asked")
	}
	var asked string
	answer := false
	o.Ask = func(_ context.Context, question string) (bool, error) {
		asked = question
		return answer, nil
	}
	require.NoError(t, o.Answerable())
	err := bulk.Run(t.Context(), p, o)
	assert.Equal(t, shared.ExitCancelled, code(t, err))
	require.EqualError(t, err, "not confirmed: nothing was sent")
	assert.Equal(t, "isolateHost (isolates) on 3 hosts with {\"action\":1}:\n  id-1, id-2, id-3\nSend it?", asked)
	assert.Empty(t, server.Incidents())

	answer = true
	require.NoError(t, bulk.Run(t.Context(), p, o))
	assert.Len(t, server.Incidents(), 3)
	assert.Equal(t, 3, strings.Count(out.String(), "submitted: id-"))
}

// TestABatchIsSentOnce however often it is run, and what is new in it is asked for
// and sent.
func TestABatchIsSentOnce(t *testing.T) {
	p, server := pluginOf(t)
	o, _, _ := isolations(t, "id-1", "id-2")
	o.Batch, o.Agreed = "case 17", true
	require.NoError(t, bulk.Run(t.Context(), p, o))
	require.Len(t, server.Incidents(), 2)

	o, _, errs := isolations(t, "id-1", "ID-2", "id-3")
	o.Batch = "case 17"
	var asked string
	o.Ask = func(_ context.Context, question string) (bool, error) {
		asked = question
		return true, nil
	}
	require.NoError(t, bulk.Run(t.Context(), p, o))
	assert.Contains(t, asked, "on 1 host with")
	assert.Contains(t, asked, "2 other targets sent before in batch case 17 and not sent again")
	assert.Len(t, server.Incidents(), 3)
	assert.Contains(t, errs.String(), "3 targets: 3 submitted; for 2 of them an earlier run answers")
}

// TestAnOrderThatNobodyHeardOfIsUnknown and no failure: it was sent.
func TestAnOrderThatNobodyHeardOfIsUnknown(t *testing.T) {
	p, server := pluginOf(t)
	o, _, _ := isolations(t, "id-1")
	o.Agreed = true
	closed, w := io.Pipe()
	require.NoError(t, closed.Close())
	o.Out = w
	err := bulk.Run(t.Context(), p, o)
	assert.Equal(t, shared.ExitUnknown, code(t, err))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	assert.Len(t, server.Incidents(), 1)
}

// TestADryRunSendsNothing asks nothing, and has a result for each target.
func TestADryRunSendsNothing(t *testing.T) {
	p, server := pluginOf(t)
	o, out, errs := isolations(t, "id-1", "id-2")
	o.Template.DryRun, o.JSON = true, true
	require.NoError(t, bulk.Run(t.Context(), p, o))
	assert.Equal(t, 2, strings.Count(out.String(), `"outcome":"planned"`))
	assert.Contains(t, errs.String(), "Nothing was sent: this is a dry run")
	assert.Empty(t, server.Incidents())
}

// TestAHostThatSleepsIsNotForgotten: it comes back within its grace, and its console
// task is still there; without one newer tasks have cost it that by then.
func TestAHostThatSleepsIsNotForgotten(t *testing.T) {
	const many = 220 // enough of them come after the one that sleeps, whichever of those that begin at once is first
	var hosts []string
	for i := range many {
		hosts = append(hosts, "id-"+strconv.Itoa(i))
	}
	for _, grace := range []time.Duration{2 * time.Minute, 0} {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			p, server := pluginAt(t, dir+"/ledger", 6000, ksctest.Options{
				Scenario: []byte(`[{"after":"0s","do":"host-away","host":"id-2"},{"after":"40s","do":"host-back","host":"id-2"}]`),
				Tasks:    ksctest.TaskOptions{Delay: 200 * time.Millisecond},
			})
			o, out, errs := isolations(t, hosts...)
			o.Template.Wait = shared.WaitDone
			o.Agreed, o.AtOnce, o.Grace = true, 100, grace
			err := bulk.Run(t.Context(), p, o)
			assert.Len(t, server.Incidents(), many)
			if grace > 0 {
				assert.NoError(t, err)
				assert.Contains(t, errs.String(), "220 targets: 220 succeeded")
				return
			}
			assert.Error(t, err)
			assert.NotContains(t, out.String(), "succeeded: id-2:", "KSC had it to the end: the test shows nothing")
		})
	}
}

// TestFewCallsLoseNoEnd: with the calls of the default the console tasks are looked at
// late, some of them ten minutes after they have ended, and KSC still has each of them
// then.
func TestFewCallsLoseNoEnd(t *testing.T) {
	const many = 150
	var hosts []string
	for i := range many {
		hosts = append(hosts, "id-"+strconv.Itoa(i))
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p, server := pluginAt(t, dir+"/ledger", plugin.DefaultFollowCalls, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: 3 * time.Minute}})
		o, _, errs := isolations(t, hosts...)
		o.Template.Wait = shared.WaitDone
		o.Agreed, o.AtOnce, o.Grace = true, 100, bulk.Grace(plugin.DefaultFollowCalls)
		assert.NoError(t, bulk.Run(t.Context(), p, o))
		assert.Contains(t, errs.String(), "150 targets: 150 succeeded")
		assert.Len(t, server.Incidents(), many)
	})
}

func TestGraceIsLongerWhereCallsAreFew(t *testing.T) {
	for calls, want := range map[int]time.Duration{0: 30 * time.Minute, 1: 30 * time.Minute, 120: 10 * time.Minute, 600: 2 * time.Minute, 6000: 2 * time.Minute} {
		assert.Equal(t, want, bulk.Grace(calls), "%d calls a minute", calls)
	}
}

func TestEndsTakeTheirCalls(t *testing.T) {
	assert.Equal(t, 125*time.Minute, bulk.Ends(1000, 120))
	assert.Equal(t, 150*time.Second, bulk.Ends(1000, 6000))
	assert.Zero(t, bulk.Ends(1000, 0))
}

// TestFewCallsEndOneAfterTheOther: a console task that was seen is soon brought to its
// end, and not left for all others to be seen first.
func TestFewCallsEndOneAfterTheOther(t *testing.T) {
	var hosts []string
	for i := range 80 {
		hosts = append(hosts, "id-"+strconv.Itoa(i))
	}
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p, _ := pluginAt(t, dir+"/ledger", plugin.DefaultFollowCalls, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: 200 * time.Millisecond}})
		o, out, _ := isolations(t, hosts...)
		o.Template.Wait = shared.WaitDone
		o.Agreed, o.AtOnce, o.JSON = true, 100, true
		require.NoError(t, bulk.Run(t.Context(), p, o))
		taken, longest, ended := map[string]time.Time{}, time.Duration(0), 0
		for line := range strings.Lines(out.String()) {
			var e struct {
				Type, ID, Stage string
				Time            time.Time
			}
			require.NoError(t, json.Unmarshal([]byte(line), &e))
			switch {
			case e.Stage == shared.StageTaken:
				taken[e.ID] = e.Time
			case e.Type == "result":
				ended++
				longest = max(longest, e.Time.Sub(taken[e.ID]))
			}
		}
		assert.Equal(t, 80, ended)
		assert.Len(t, taken, 80)
		assert.LessOrEqual(t, longest, 3*time.Minute)
	})
}
