package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func request(params string) shared.Request {
	return shared.Request{Type: shared.TypeRespond, ID: shared.NewID(), Task: "isolateHost", TargetHost: "h", Params: []byte(params), HostLookup: shared.LookupAuto}
}

func TestAPlanIsUsedOnceAndForItsOwnCall(t *testing.T) {
	var p plans
	r := request(`{"a":1,"b":{"c":[1,2]}}`)
	token := p.keep(newPlan(r, shared.Host{ID: "x"}, false))
	same := request("{ \"b\": {\"c\":[1,2]},\n\"a\":1 }")
	same.Wait, same.Timeout, same.DryRun = shared.WaitDone, shared.Duration(time.Hour), true
	got, err := p.take(token, same, false)
	require.NoError(t, err, "how long a call waits and how it is spelt makes no other one of it")
	assert.Equal(t, "x", got.host.ID)
	_, err = p.take(token, same, false)
	assert.ErrorIs(t, err, errNoPlan)

	token = p.keep(newPlan(r, shared.Host{}, true))
	_, err = p.take(token, r, false)
	assert.ErrorIs(t, err, errNoPlan, "a person was asked, the caller cannot answer")
	token = p.keep(newPlan(r, shared.Host{}, false))
	_, err = p.take(token, request(`{"a":1,"b":{"c":[2,1]}}`), false)
	assert.ErrorIs(t, err, errOtherCall)
	_, err = p.take(token, r, false)
	assert.ErrorIs(t, err, errNoPlan, "it was used up")
	_, err = p.take("", r, false)
	assert.ErrorIs(t, err, errNoPlan)
	assert.Empty(t, p.tokens)
	assert.Empty(t, p.waiting)
}

func TestPlansAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p plans
		r := request(`{}`)
		token := p.keep(newPlan(r, shared.Host{}, false))
		time.Sleep(planLife) // of the bubble, as all here
		_, err := p.take(token, r, false)
		assert.NoError(t, err)
		token = p.keep(newPlan(r, shared.Host{}, false))
		time.Sleep(planLife + 1)
		_, err = p.take(token, r, false)
		assert.ErrorIs(t, err, errNoPlan)
		var all []string
		for range mostPlans + 1 {
			all = append(all, p.keep(newPlan(r, shared.Host{}, false)))
		}
		assert.Len(t, p.waiting, mostPlans)
		_, err = p.take(all[0], r, false)
		assert.ErrorIs(t, err, errNoPlan, "the oldest made room")
		_, err = p.take(all[1], r, false)
		assert.NoError(t, err)
	})
}

// moving is a KSC where a name leads to another host from one look to the next.
type moving struct {
	shared.Responder
	asked []shared.Request
}

func (m *moving) Respond(_ context.Context, r shared.Request, _ func(shared.Event)) shared.Result {
	m.asked = append(m.asked, r)
	result := shared.Result{Outcome: shared.Submitted, Task: r.Task, TargetHost: r.TargetHost, Host: &shared.Host{ID: fmt.Sprintf("host-%d", len(m.asked))}}
	if r.DryRun {
		result.Outcome, result.Plan = shared.Planned, &shared.Plan{Decision: "allowed"}
	}
	return result
}

func TestWhatWasConfirmedIsWhatIsSent(t *testing.T) {
	ksc := &moving{}
	d := &desk{confirm: true, staying: t.Context(), ask: func(context.Context) (shared.Responder, *shared.Error) { return ksc, nil }}
	isolating := task{Name: "isolateHost", Effects: []shared.Effect{shared.Isolates}}
	ask := func(arguments string) result {
		r := &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{Arguments: json.RawMessage(arguments)}}
		return d.task(t.Context(), r, isolating).StructuredContent.(result)
	}
	planned := ask(`{"targetHost":"PC","params":{"action":1},"dryRun":true}`)
	require.NotEmpty(t, planned.Confirmation)
	sent := ask(fmt.Sprintf(`{"targetHost":"PC","params":{"action":1},"confirmation":%q}`, planned.Confirmation))
	assert.Equal(t, shared.Submitted, sent.Outcome)
	assert.Equal(t, "PC", sent.TargetHost)
	require.Len(t, ksc.asked, 2)
	assert.Equal(t, "host-1", ksc.asked[1].TargetHost, "not what the name means by now")
	assert.Equal(t, shared.LookupID, ksc.asked[1].HostLookup)
	assert.False(t, ksc.asked[1].DryRun)
	assert.NotEqual(t, ksc.asked[0].ID, shared.ID(""))
}

// An answer counts for the question that was asked, and for nothing else.
func TestAnAnswerWithoutAQuestion(t *testing.T) {
	ksc := &moving{}
	d := &desk{confirm: true, staying: t.Context(), ask: func(context.Context) (shared.Responder, *shared.Error) { return ksc, nil }}
	isolating := task{Name: "isolateHost", Effects: []shared.Effect{shared.Isolates}}
	yes := mcp.InputResponseMap{question: &mcp.ElicitResult{Action: "accept", Content: map[string]any{carryOut: true}}}
	call := func(arguments, state string, answer mcp.InputResponseMap) *mcp.CallToolResult {
		p := &mcp.CallToolParamsRaw{Arguments: json.RawMessage(arguments), RequestState: state, InputResponses: answer}
		p.Meta = mcp.Meta{mcp.MetaKeyProtocolVersion: severalRounds, mcp.MetaKeyClientCapabilities: map[string]any{"elicitation": map[string]any{}}}
		return d.task(t.Context(), &mcp.CallToolRequest{Params: p}, isolating)
	}
	const one, other = `{"targetHost":"PC","params":{"action":1}}`, `{"targetHost":"PC","params":{"action":0}}`
	asks := func() string {
		r := call(one, "", nil)
		require.Contains(t, r.InputRequests, question)
		return r.RequestState
	}
	for name, r := range map[string]*mcp.CallToolResult{
		"no question":         call(one, "", yes),
		"an invented one":     call(one, "invented", yes),
		"another call":        call(other, asks(), yes),
		"no answer":           call(one, asks(), mcp.InputResponseMap{}),
		"an answer elsewhere": call(one, asks(), mcp.InputResponseMap{"x": yes[question]}),
	} {
		assert.True(t, r.IsError, name)
		assert.Equal(t, shared.ApprovalRequired, r.StructuredContent.(result).Error.Code, name)
	}
	state := asks()
	assert.False(t, call(one, state, yes).IsError)
	assert.True(t, call(one, state, yes).IsError, "once")
	sent := 0
	for _, r := range ksc.asked {
		if !r.DryRun {
			sent++
		}
	}
	assert.Equal(t, 1, sent)
}

func TestABeatWhereNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		tell, done := told(func(n int, message string) { heard = append(heard, fmt.Sprint(n, " ", message)) })
		tell(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "x"}}})
		tell(shared.Event{Hello: &shared.Hello{}})
		time.Sleep(beat + time.Second) // of the bubble, as all here
		percent := 7
		tell(shared.Event{Progress: &shared.Progress{Stage: "running", Percent: &percent, Message: "on the host"}})
		time.Sleep(2 * beat)
		done()
		time.Sleep(10 * beat)
		assert.Equal(t, []string{
			`1 allowed, host "x"`, `2 still: allowed, host "x"`, "3 running 7 %: on the host", "4 still: running 7 %: on the host", "5 still: running 7 %: on the host",
		}, heard)
	})
}

func TestWhatIsShownHidesNothingInSilence(t *testing.T) {
	assert.Equal(t, `"a\nPolicy: fine\u202e"`, shown("a\nPolicy: fine\u202e"))
	assert.Equal(t, `"Бухгалтерия"`, shown("Бухгалтерия"))
	whole, long := strings.Repeat("x", shownText), strings.Repeat("x", shownText+1)
	assert.Equal(t, `"`+whole+`"`, shown(whole))
	assert.Contains(t, shown(long), "the beginning of 401 characters, SHA-256 ")
	assert.Equal(t, `{"a":"`+whole+`","n":1.50}`, shownJSON([]byte(`{"n":1.50, "a":"`+whole+`"}`)))
	assert.Contains(t, shownJSON([]byte(`[{"a":"`+long+`"}]`)), "401 characters, SHA-256 ")
	many := `["` + strings.Repeat(whole+`","`, 30) + `"]`
	assert.Contains(t, shownJSON([]byte(many)), "NOT ALL IS SHOWN")
	assert.Equal(t, `{"a":"<\u202e>\U000e0041"}`, shownJSON([]byte("{\"a\":\"<\u202e>\U000e0041\"}")))
}

func TestWhoCanAsk(t *testing.T) {
	form, url := &mcp.FormElicitationCapabilities{}, &mcp.URLElicitationCapabilities{}
	for _, c := range []struct {
		of   *mcp.ClientCapabilities
		want bool
	}{
		{nil, false},
		{&mcp.ClientCapabilities{}, false},
		{&mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{}}, true},
		{&mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{Form: form, URL: url}}, true},
		{&mcp.ClientCapabilities{Elicitation: &mcp.ElicitationCapabilities{URL: url}}, false},
	} {
		assert.Equal(t, c.want, canAsk(c.of), "%+v", c.of)
	}
}

func TestWhoAskedIsRecordedAsTheClientCallsItself(t *testing.T) {
	assert.Equal(t, "MCP: a client without a name", actorOf(nil))
	assert.Equal(t, "MCP: Claude 1.0", actorOf(&mcp.Implementation{Name: "Claude", Version: "1.0"}))
	odd := actorOf(&mcp.Implementation{Name: "{{{.x}}\n\u202e\ufffd<no value>\x00" + strings.Repeat("y", 500)})
	r, refusal := arguments{"task": quoted("x"), "targetHost": quoted("h"), "params": []byte(`{}`), "actor": quoted(odd)}.request(shared.TypeRespond)
	require.Nil(t, refusal, "a client's odd name must not refuse its calls: %+v", refusal)
	assert.LessOrEqual(t, len(r.Actor), 200)
}
