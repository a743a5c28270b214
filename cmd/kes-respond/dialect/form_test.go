package dialect

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// inText is a value as a form has it: numbers and booleans are text.
func inText(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, one := range v {
			out[name] = inText(one)
		}
		return out
	case []any:
		var out []any
		for _, one := range v {
			out = append(out, inText(one))
		}
		return out
	case string, nil:
		return v
	}
	return fmt.Sprint(v)
}

// TestFormsBecomeTheRequestThatTheyMean takes every task's sample apart: as JSON,
// as text, as one text, and one member at a time.
func TestFormsBecomeTheRequestThatTheyMean(t *testing.T) {
	for _, one := range task.All() {
		var sample any
		require.NoError(t, json.Unmarshal(one.Sample(), &sample))
		words, err := json.Marshal(inText(sample))
		require.NoError(t, err)
		forms := map[string]form{
			"as it is": {members: map[string]json.RawMessage{"params": one.Sample()}},
			"in text":  {members: map[string]json.RawMessage{"params": words}},
			"one text": {members: map[string]json.RawMessage{"params": asText(string(words))}},
		}
		if list, ok := sample.([]any); ok {
			sample = list[0]
		}
		members := map[string]json.RawMessage{}
		for name, value := range inText(sample).(map[string]any) {
			members[name], err = json.Marshal(value)
			require.NoError(t, err)
		}
		forms["one by one"] = form{members: map[string]json.RawMessage{}, params: members}
		for how, f := range forms {
			f.kind = shared.TypeRespond
			f.members["task"], f.members["targetHost"] = asText(one.Name), json.RawMessage(`["PC-12"]`)
			f.members["dryRun"], f.members["caseId"], f.members["reason"] = json.RawMessage(`"True"`), json.RawMessage(`4711`), json.RawMessage(`""`)
			line, refusal := f.line()
			require.Nil(t, refusal)
			r, refusal := shared.ParseRequest(line)
			require.Nil(t, refusal, "%s %s: %s", one.Name, how, line)
			assert.JSONEq(t, string(one.Sample()), string(r.Params), "%s %s", one.Name, how)
			assert.True(t, r.DryRun)
			assert.Equal(t, "4711", r.CaseID)
			assert.Equal(t, "PC-12", r.TargetHost)
		}
	}
}

// TestFormsGuessNothing: what is not certain stays as it is, and is refused.
func TestFormsGuessNothing(t *testing.T) {
	isolate, _ := task.Lookup("isolateHost")
	for _, action := range []string{`"yes"`, `"1.0"`, `"01"`, `" 1"`, `true`, `[0,1]`, `{}`, `"1,0"`} {
		got := formValue(params.SchemaOf(isolate), json.RawMessage(`{"action":`+action+`}`))
		assert.JSONEq(t, `{"action":`+action+`}`, string(got))
		_, found := isolate.Parse(got)
		assert.NotEmpty(t, found, action)
	}
	for _, absent := range []string{`""`, `null`} {
		_, found := isolate.Parse(formValue(params.SchemaOf(isolate), json.RawMessage(`{"action":`+absent+`}`)))
		assert.NotEmpty(t, found, "an empty action lifts no isolation")
	}
	twice := json.RawMessage(`{"action":1,"action":0}`)
	assert.Equal(t, string(twice), string(formValue(params.SchemaOf(isolate), twice)), "the check of requests has to see it")
	for _, hosts := range []string{`["a","b"]`, `[]`, `{"a":1}`, `true`} {
		f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{"targetHost": json.RawMessage(hosts), "task": asText("isolateHost"), "params": isolate.Sample()}}
		line, refusal := f.line()
		if refusal == nil {
			var r shared.Request
			if r, refusal = shared.ParseRequest(line); refusal == nil {
				t.Errorf("%s names the host %q", hosts, r.TargetHost)
			}
		}
	}
}

// TestNoParameterHasTheNameOfAMember: platforms give both by a name alone, and a new
// task whose parameter is called "timeout" would swallow the request's.
func TestNoParameterHasTheNameOfAMember(t *testing.T) {
	members := requestSchema().Properties
	require.NotEmpty(t, members)
	own := []string{"config", "request", "within", "stateful", "credentials"} // words of the dialects themselves
	for _, m := range members {
		if m.Name != "type" { // which onDemandScan has, and no form says of a request
			own = append(own, m.Name)
		}
	}
	for _, one := range task.All() {
		for _, p := range params.Of(one) {
			assert.NotContains(t, own, p.Name, one.Name)
		}
	}
}
