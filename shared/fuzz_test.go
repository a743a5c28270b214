package shared_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func seeds(f *testing.F) {
	for _, s := range []string{
		smallRequest, `{}`, `{"type":"status","incident":{"id":"4711","server":"main"}}`, `{"type":"cancel","target":7}`, `{"type":"shutdown","id":-1}`,
		`{"id":1,"id":2}`, `{"task":1,"Task":"x","params":{"a":[{"b":"\ud800"},"{{.X}}","\u0000"],"a":null}}`, `{"timeout":"90s","hostLookup":"ip","wait":"done"}`,
		strings.Repeat(`{"a":[`, 70) + strings.Repeat(`]}`, 70), "\ufeff{}", "{\"id\":\"\xff\"}", `{"responseEventIncidentArea":"a]b","dryRun":"true"}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzCheckJSON holds CheckJSON against encoding/json.
func FuzzCheckJSON(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) { againstLibrary(t, text) })
}

// FuzzParseRequest: any line is a request, a refused request, or no request,
// and its answer can be written.
func FuzzParseRequest(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		r, refusal := shared.ParseRequest(line)
		if r.ID == "" {
			require.NotNil(t, refusal)
			require.Equal(t, shared.Request{}, r)
			return
		}
		id, err := shared.ParseID([]byte(r.ID))
		require.NoError(t, err)
		require.Equal(t, r.ID, id)
		require.True(t, json.Valid(line))
		if refusal != nil {
			require.NotEmpty(t, refusal.Violations)
			require.LessOrEqual(t, len(refusal.Violations), shared.MaxListed)
			out, err := shared.EventLine(shared.Event{ID: r.ID, Time: someTime, Result: &shared.Result{Outcome: shared.Refused, Error: refusal}})
			require.NoError(t, err)
			require.LessOrEqual(t, len(out), shared.MaxEventBytes)
			return
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(line, &members))
		for name, value := range members {
			require.NotEqual(t, "null", string(value), "%s is null and was taken", name)
		}
		written, err := json.Marshal(r)
		require.NoError(t, err)
		again, refusal := shared.ParseRequest(written)
		require.Nil(t, refusal, string(written))
		r.Params, again.Params = compacted(t, r.Params), compacted(t, again.Params)
		r.Connection, again.Connection = compacted(t, r.Connection), compacted(t, again.Connection)
		require.Equal(t, r, again)
		if r.Type == shared.TypeRespond {
			require.NotEmpty(t, r.Task)
			require.NotEmpty(t, r.TargetHost)
			require.Contains(t, "{[", string(r.Params[0]))
		}
	})
}

func compacted(t testing.TB, raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return nil
	}
	var v any
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	dec.UseNumber()
	require.NoError(t, dec.Decode(&v))
	out, err := json.Marshal(v)
	require.NoError(t, err)
	return out
}
